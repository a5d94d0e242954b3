//! The events of a UI message stream.
//!
//! The client parses the data of each event as one chunk, except that of `[DONE]`. An event whose data is anything else
//! ends the stream there with an error, under whatever name, so this stream has no other events: [`last_event`] replaces
//! those that a run ends with by itself. Comments, ids and reconnection times have no data, and are ignored.

use serde::Serialize;
use serde_json::json;
use touka::run::RunStatus;
use touka::{Event, IntoEvent};

/// A chunk of an answer: those of the AI SDK that a text needs.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Chunk {
    /// The beginning of a message. A client that resumes replaces the message of this id.
    Start { message_id: String },
    /// The beginning of one call of the model.
    StartStep,
    /// The beginning of a text. Its parts have the same id.
    TextStart { id: &'static str },
    /// A piece of the text. Without the beginning it is an error at the client.
    TextDelta { id: &'static str, delta: String },
    /// The end of the text. Until then a client shows the text as being written.
    TextEnd { id: &'static str },
    /// The end of the call.
    FinishStep,
    /// The end of the message.
    Finish { finish_reason: FinishReason },
    /// The end of an answer that was stopped. To the client it is no error.
    Abort,
    /// The end of an answer that has failed: the client shows this text as its error, and reads no further.
    Error { error_text: String },
}

/// The reason of an end.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FinishReason {
    Stop,
}

/// Data without a name, as the client expects.
impl IntoEvent for Chunk {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(json!(self).to_string()))
    }
}

/// The last event of an answer.
pub(crate) fn last_event(status: RunStatus) -> Option<Event> {
    let error = |text: &str| Chunk::Error { error_text: text.to_owned() };
    let chunk = match status {
        RunStatus::Running => return None,
        // The client does not wait for it, but other clients of this protocol may.
        RunStatus::Done => return Some(Event::data("[DONE]")),
        RunStatus::Cancelled => Chunk::Abort,
        RunStatus::Failed => error("the answer has failed: ask again"),
        RunStatus::Lost => error("the answer was lost: ask again"),
    };
    chunk.into_event().ok()
}
