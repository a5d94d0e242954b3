//! Turns: the request for an answer, and its events.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use touka::IntoEvent;

/// The maximum length of an id, in bytes.
const LONGEST_ID: usize = 64;

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

/// The id of a turn, which the client chooses.
#[derive(Clone, Debug)]
pub(crate) struct Id(String);

impl FromStr for Id {
    type Err = String;

    /// An error is the reason of a 400.
    fn from_str(id: &str) -> Result<Self, String> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_valid) {
            return Ok(Self(id.to_owned()));
        }
        Err(format!("an id has 1 to {LONGEST_ID} letters, digits, `-` and `_`"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
