//! What the tests of runs share: bodies, viewers, and what they have seen.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::sleep;
use touka::run::{Begun, Run, RunError};
use touka::{Emitter, Event, EventStream, Hub};

/// A run of this hub.
pub(crate) fn run(hub: &Hub, key: &str) -> Run {
    hub.run(key).expect("a key")
}

/// Starts a run whose body emits this text and goes on for ever.
pub(crate) async fn start_endless(run: &Run, text: &'static str) -> Result<Begun, RunError> {
    run.start_or_join(move |out: Emitter| async move {
        out.emit(text).await;
        pending::<()>().await;
    })
    .await
}

/// Starts a run whose body emits this text and ends.
pub(crate) async fn start_short(run: &Run, text: &'static str) -> Result<Begun, RunError> {
    run.start_or_join(move |out: Emitter| async move {
        out.emit(text).await;
    })
    .await
}

/// A viewer from the beginning.
pub(crate) async fn follow(run: &Run) -> EventStream {
    run.follow(None).await.expect("a run")
}

/// The data of all events of a stream, to its end.
pub(crate) async fn all(stream: EventStream) -> Vec<String> {
    let events: Vec<Event> = stream.collect().await;
    events.iter().filter_map(|event| Some(event.as_data()?.to_owned())).collect()
}

/// The data of all events of a run, which must have an end within a day.
pub(crate) async fn seen(run: &Run) -> Vec<String> {
    let stream = follow(run).await;
    tokio::time::timeout(Duration::from_hours(24), all(stream)).await.expect("an end")
}

/// Waits long enough for all that other tasks have to do, in paused time.
pub(crate) async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
