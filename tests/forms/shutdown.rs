//! A server that is asked to stop ends its streams, and stops.

use std::time::{Duration, Instant};

use touka::CloseReason;

use crate::form::{FLOOD, Form};
use crate::reader::{End, assert_farewell};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; open_streams_end_with_a_retry, pending_events_come_before_the_end, a_client_that_does_not_read_is_cut_off);

async fn open_streams_end_with_a_retry(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        readers.push(scene.open().await);
    }
    let wire = scene.emit("here").await;
    for reader in &mut readers {
        reader.expects(&wire).await;
    }
    scene.stop();
    for reader in &mut readers {
        reader.farewell().await;
        assert_eq!(scene.ended().await, CloseReason::Shutdown);
    }
    // The clients keep their connections open: the server waits for none of them.
    scene.stopped().await;
}

/// A client that reads late gets the events from before the shutdown, and then the end.
async fn pending_events_come_before_the_end(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let mut all = String::new();
    for _ in 0..8 {
        all += &scene.emit("x".repeat(FLOOD / 8)).await;
    }
    // The client does not read: a part of an event has been written.
    let given = scene.settled().await;
    scene.stop();
    let (rest, end) = reader.rest().await;
    assert_eq!(end, End::Clean);
    let rest = String::from_utf8(rest).expect("text");
    let (events, retry) = rest.split_at(rest.rfind("retry: ").expect("a retry"));
    assert_farewell(retry);
    assert!(all.starts_with(events), "the bytes are different");
    assert!(events.ends_with("\n\n"), "the stream ends in the middle of an event");
    // Every counted byte has arrived, except the position, which was read before.
    assert!(events.len() + 100 > given, "{given} bytes were written, {} have arrived", events.len());
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
    scene.stopped().await;
}

async fn a_client_that_does_not_read_is_cut_off(form: Form) {
    const LONGEST: Duration = Duration::from_millis(300);
    let mut scene = Scene::with(form, |server| server.shutdown_timeout(LONGEST), |stream| stream).await;
    let mut reader = scene.open().await;
    let mut emitted = 0;
    for _ in 0..8 {
        emitted += scene.emit("x".repeat(FLOOD / 8)).await.len();
    }
    scene.settled().await;
    let began = Instant::now();
    scene.stop();
    scene.stopped().await;
    assert!(began.elapsed() >= LONGEST, "the client was cut off too early");
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
    let (rest, end) = reader.rest().await;
    assert!(rest.len() < emitted, "no bytes are missing");
    if form.shows_a_cut() {
        assert_eq!(end, End::Cut);
    }
}
