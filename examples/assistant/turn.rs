//! Turns: the request for an answer, and its events.

use serde::Deserialize;
use touka::IntoEvent;

/// The maximum length of a question, in characters.
const LONGEST_QUESTION: usize = 2_000;

/// An event of a turn. Before its last one, which is touka's: `done`, `failed`, `cancelled` or `lost`.
#[derive(IntoEvent)]
pub(crate) enum Turn {
    /// The question, for clients that have not asked it: after a reload, in another tab.
    Asked { question: String },
    /// A piece of the answer. A client that is far behind gets one that has the text of many.
    #[event(fold = "concat")]
    Delta { text: String },
}

/// The body of a request for an answer.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Body")]
pub(crate) struct Ask {
    pub(crate) question: String,
}

#[derive(Deserialize)]
struct Body {
    question: String,
}

impl TryFrom<Body> for Ask {
    type Error = String;

    fn try_from(Body { question }: Body) -> Result<Self, String> {
        let question = question.trim();
        match question.chars().count() {
            0 => Err("the question is empty".into()),
            length if length > LONGEST_QUESTION => {
                Err(format!("the question is longer than {LONGEST_QUESTION} characters"))
            }
            _ => Ok(Self { question: question.into() }),
        }
    }
}
