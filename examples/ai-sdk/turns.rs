//! Turns: a message of the user, and the answer to it.
//!
//! An answer lives in the connection of the client that asked for it, and ends with it: there is none yet that
//! [`follow`] could find or that [`stop`] could end.

use touka::{EventStream, sse_handler};

use crate::ask::{Ask, Id};
use crate::chunk::{self, Chunk, FinishReason, Sent};
use crate::model::{BrokenOff, Model};

/// The id of the one text of an answer.
const TEXT: &str = "text";

/// Starts the answer to a message.
pub(crate) async fn start(model: Model, ask: Ask) -> Result<EventStream<Sent>, BrokenOff> {
    answer(model, ask).await
}

/// The answer that a chat is getting, from its beginning; `None` if there is none.
pub(crate) const fn follow(_chat: &Id) -> Option<EventStream<Sent>> {
    None
}

/// Stops the answer that a chat is getting, if any.
pub(crate) const fn stop(_chat: &Id) {}

/// The answer.
///
/// The id of the message depends on the user's message only: a client that resumes, or asks again, replaces the
/// answer that it has.
#[sse_handler(head = [("x-vercel-ai-ui-message-stream", "v1")], on_error = broken_off)]
async fn answer(model: Model, ask: Ask) -> Result<EventStream<Sent>, BrokenOff> {
    emit!(Chunk::Start { message_id: format!("{}-answer", ask.message) }.into());
    emit!(Chunk::StartStep.into());
    emit!(Chunk::TextStart { id: TEXT }.into());
    let mut answer = model.answer(&ask.prompt);
    while let Some(delta) = answer.next().await? {
        emit!(Chunk::TextDelta { id: TEXT, delta }.into());
    }
    emit!(Chunk::TextEnd { id: TEXT }.into());
    emit!(Chunk::FinishStep.into());
    emit!(Chunk::Finish { finish_reason: FinishReason::Stop }.into());
    emit!(Sent::DONE);
}

/// The last event of an answer that fails.
#[expect(clippy::needless_pass_by_value, reason = "`on_error` passes the error by value")]
fn broken_off(error: BrokenOff) -> touka::Event {
    chunk::error(&error.to_string())
}
