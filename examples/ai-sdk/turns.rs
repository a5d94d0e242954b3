//! Turns: a message of the user, and the run that answers it.
//!
//! An answer goes on when the client that asked for it leaves. To come back, a client knows the id of its chat only, not
//! that of the message. So the key of a run is that of the turn, and its owner is the chat: `Hub::runs` finds the turn
//! that is under way, on all nodes.
//!
//! This example has no users. An app with users puts the user's id into the owner: then a stranger who guesses the id of
//! a chat finds no run.

use std::time::Duration;

use touka::run::{Begun, Run, RunError};
use touka::{Emitter, EventStream, Hub};
use touka_examples::Id;

use crate::App;
use crate::ask::Ask;
use crate::chunk::{Chunk, FinishReason, last_event};
use crate::model::{BrokenOff, Model};

/// The id of the one text of an answer.
const TEXT: &str = "text";

/// The time for which an ended answer is kept. Nothing resumes it, but a client that has lost the response to its request
/// may send that again.
const KEEP_FOR: Duration = Duration::from_mins(1);

/// Starts the answer to a message, or joins it.
pub(crate) async fn start(App { hub, model }: App, ask: Ask) -> Result<EventStream, RunError> {
    let turn = turn(&hub, &ask.chat, &format!("{}/{}", ask.chat, ask.message))?;
    if ask.is_anew {
        forget(&turn).await?;
    }
    let chat = ask.chat.clone();
    let begun = turn.start_or_join(move |out| answer(model, ask, out)).await?;
    if begun == Begun::Started {
        // The client has stopped reading an earlier answer, or has lost it, and asks for another one.
        for earlier in under_way(&hub, &chat).await?.iter().filter(|run| run.key() != turn.key()) {
            earlier.stop().await?;
        }
    }
    read(&turn).await
}

/// The answer that a chat is getting, from its beginning; `None` if there is none.
pub(crate) async fn follow(App { hub, .. }: App, chat: &Id) -> Result<Option<EventStream>, RunError> {
    match under_way(&hub, chat).await?.first() {
        Some(turn) => read(turn).await.map(Some),
        None => Ok(None),
    }
}

/// Stops the answer that a chat is getting, if any.
pub(crate) async fn stop(App { hub, .. }: App, chat: &Id) -> Result<(), RunError> {
    for turn in under_way(&hub, chat).await? {
        turn.stop().await?;
    }
    Ok(())
}

/// The run of a turn.
fn turn(hub: &Hub, chat: &Id, key: &str) -> Result<Run, RunError> {
    let run = hub.run(key)?.owner(chat.to_string());
    // The body has nothing to clean up, so a stop drops it at once.
    Ok(run.stop_grace(Duration::ZERO).keep_for(KEEP_FOR).last_event(last_event))
}

/// The turns of a chat that are under way, the newest first. There is more than one for a moment, while the earlier one
/// is being stopped.
async fn under_way(hub: &Hub, chat: &Id) -> Result<Vec<Run>, RunError> {
    let runs = hub.runs(chat.to_string()).await?;
    runs.iter().filter(|run| !run.status().is_over()).map(|run| turn(hub, chat, run.key())).collect()
}

/// The stream of a turn, from its beginning. The client sends no `Last-Event-ID`, and needs no position.
async fn read(turn: &Run) -> Result<EventStream, RunError> {
    let stream: EventStream = turn.follow(None).opening_position(false).await?;
    Ok(stream.head([("x-vercel-ai-ui-message-stream", "v1")]))
}

/// Removes the answer of a turn, so that there can be another one.
async fn forget(turn: &Run) -> Result<(), RunError> {
    let forgotten = async {
        turn.stop().await?;
        turn.wait().await?;
        turn.forget().await
    };
    match forgotten.await {
        // There was none, or a request at the same time has removed it, and may have started the next one.
        Err(error) if error.is_unknown() || error.is_running() => Ok(()),
        outcome => outcome,
    }
}

/// The answer.
///
/// The id of the message depends on the user's message only: a client that resumes, or asks again, replaces the
/// answer that it has.
async fn answer(model: Model, ask: Ask, out: Emitter<Chunk>) -> Result<(), BrokenOff> {
    out.emit(Chunk::Start { message_id: format!("{}-answer", ask.message) }).await;
    out.emit(Chunk::StartStep).await;
    out.emit(Chunk::TextStart { id: TEXT }).await;
    let mut answer = model.answer(&ask.prompt);
    loop {
        let delta = match answer.next().await {
            Ok(Some(delta)) => delta,
            Ok(None) => break,
            // The last event of a run that fails has no reason. The client reads no further than this.
            Err(error) => {
                out.emit(Chunk::Error { error_text: error.to_string() }).await;
                return Err(error);
            }
        };
        out.emit(Chunk::TextDelta { id: TEXT, delta }).await;
    }
    out.emit(Chunk::TextEnd { id: TEXT }).await;
    out.emit(Chunk::FinishStep).await;
    out.emit(Chunk::Finish { finish_reason: FinishReason::Stop }).await;
    Ok(())
}
