//! The events of a UI message stream.
//!
//! The client parses the data of each event as one chunk, except that of [`Sent::DONE`]. An event whose data is
//! anything else ends the stream there with an error, under whatever name, so this stream has no other events.
//! Comments, ids and reconnection times have no data, and are ignored.

use serde::Serialize;
use serde_json::json;
use touka::{Event, IntoEvent};

/// An event of the stream: data without a name, as the client expects.
#[derive(IntoEvent)]
pub(crate) enum Sent {
    #[event(name = "message")]
    Chunk(Chunk),
    #[event(name = "message", data = "text")]
    Done(&'static str),
}

impl Sent {
    /// The last event. The client does not wait for it, but other clients of this protocol may.
    pub(crate) const DONE: Self = Self::Done("[DONE]");
}

impl From<Chunk> for Sent {
    fn from(chunk: Chunk) -> Self {
        Self::Chunk(chunk)
    }
}

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
}

/// The reason of an end.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FinishReason {
    Stop,
}

/// The chunk that fails the answer: the client shows this text as its error, and reads no further.
pub(crate) fn error(text: &str) -> Event {
    Event::data(json!({"type": "error", "errorText": text}).to_string())
}
