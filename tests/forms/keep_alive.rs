//! Keep-alive comments fill silence, and only silence.

use std::time::{Duration, Instant};

use touka::EventStream;

use crate::form::Form;
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; a_silent_stream_gets_comments, a_busy_stream_gets_none);

const INTERVAL: Duration = Duration::from_millis(100);

/// The interval, less the tenth by which it varies.
const SHORTEST: Duration = Duration::from_millis(90);

async fn with_keep_alive(form: Form) -> Scene {
    Scene::with(form, |server| server, |stream: EventStream| stream.keep_alive(INTERVAL)).await
}

async fn a_silent_stream_gets_comments(form: Form) {
    let scene = with_keep_alive(form).await;
    let began = Instant::now();
    let mut reader = scene.open().await;
    reader.expects(":\n:\n:\n").await;
    assert!(began.elapsed() >= SHORTEST * 3, "the comments came after {:?}", began.elapsed());
    // An event between two comments is whole.
    let wire = scene.emit("between").await;
    reader.expects_after_comments(&wire).await;
    reader.expects(":\n").await;
}

/// The silence before a comment is as long as the interval. The client's own measurement begins before the
/// server's and ends after it, so a slow machine cannot make it shorter.
async fn a_busy_stream_gets_none(form: Form) {
    let scene = with_keep_alive(form).await;
    let mut before = Instant::now();
    let mut reader = scene.open().await;
    let began = Instant::now();
    // Several intervals.
    while began.elapsed() < INTERVAL * 3 {
        tokio::time::sleep(INTERVAL / 5).await;
        let now = Instant::now();
        let wire = scene.emit("tick").await;
        let comments = reader.expects_after_comments(&wire).await;
        assert!(comments == 0 || before.elapsed() >= SHORTEST, "a comment after {:?}", before.elapsed());
        before = now;
    }
    // The stream sends comments again.
    reader.expects(":\n").await;
}
