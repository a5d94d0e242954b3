//! Answers: runs, which go on when their clients leave.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use touka::extract::{Json, LastEventId, State};
use touka::openapi::{DescribeResponse, Operation};
use touka::run::RunError;
use touka::{EventStream, Hub, IntoEvent, route, sse_handler};
use touka_examples::Id;

use crate::model::{BrokenOff, Model};
use crate::text::Text;

/// The maximum length of a question, in characters.
const LONGEST_QUESTION: usize = 200;

/// A question.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Question {
    /// A question with the word `break` makes the answer fail.
    question: Text<LONGEST_QUESTION>,
}

/// An event of an answer. Its last one is touka's: `done`, `failed`, `cancelled` or `lost`.
#[derive(IntoEvent)]
pub(crate) enum AnswerEvent {
    /// The question, for clients that have not asked it.
    Asked {
        /// The words of the question.
        question: String,
    },
    /// A piece of the answer.
    Delta {
        /// The next words.
        text: String,
    },
}

/// Asks a question, or joins the answer if it was asked before.
#[sse_handler(detached = "answers/{id}", stop_grace = "0s")]
#[route(POST, "/answers/{id}")]
pub(crate) async fn ask(
    id: Id,
    State(model): State<Model>,
    Json(asked): Json<Question>,
) -> Result<EventStream<AnswerEvent>, BrokenOff> {
    let mut answer = model.answer(asked.question.as_str());
    emit!(AnswerEvent::Asked { question: asked.question.as_str().to_owned() });
    while let Some(text) = answer.next().await? {
        emit!(AnswerEvent::Delta { text });
    }
}

/// Watches an answer, from the client's last event on.
#[route(GET, "/answers/{id}")]
pub(crate) async fn watch(
    State(hub): State<Hub>,
    id: Id,
    from: LastEventId,
) -> Result<EventStream<AnswerEvent>, RunError> {
    hub.run(key(&id))?.follow(from).await
}

/// Stops an answer, for all who watch it.
#[route(POST, "/answers/{id}/stop")]
pub(crate) async fn stop(State(hub): State<Hub>, id: Id) -> Result<StatusCode, RunError> {
    hub.run(key(&id))?.stop().await
}

fn key(id: &Id) -> String {
    format!("answers/{id}")
}

/// The answer of a model that fails before its first word.
impl DescribeResponse for BrokenOff {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::BAD_GATEWAY, "The model broke off.");
    }
}
