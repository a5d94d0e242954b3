//! A client that does not read suspends the code that feeds it, uses bounded memory, and misses nothing.

use crate::form::{FLOOD, Form};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run;
    large_events_wait_for_the_client,
    small_events_wait_for_the_client,
    no_other_client_waits,
);

/// The maximum number of bytes of [`FLOOD`] that all buffers may hold.
const MOST: usize = FLOOD / 4 * 3;

/// Emits events of this length, more than the server writes, each with its number.
async fn flood(scene: &Scene, length: usize) -> String {
    let text = "x".repeat(length);
    let mut all = String::new();
    for number in 0..FLOOD / length {
        all += &scene.emit(format!("{number} {text}")).await;
    }
    all
}

async fn wait_for_the_client(form: Form, length: usize) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let all = flood(&scene, length).await;
    let given = scene.settled().await;
    assert!(given < MOST, "{given} bytes were buffered for a client that reads nothing");
    if let Some(waiting) = scene.waiting() {
        assert!(waiting * length >= FLOOD - MOST, "the body goes on: {waiting} events wait for it");
    }
    // The client catches up, and gets new events like any other.
    reader.expects(&all).await;
    assert!(scene.waiting().is_none_or(|waiting| waiting == 0));
    let wire = scene.emit("after").await;
    reader.expects(&wire).await;
}

async fn large_events_wait_for_the_client(form: Form) {
    wait_for_the_client(form, FLOOD / 16).await;
}

async fn small_events_wait_for_the_client(form: Form) {
    wait_for_the_client(form, FLOOD / 1024).await;
}

async fn no_other_client_waits(form: Form) {
    let scene = Scene::new(form).await;
    let mut stalled = scene.open().await;
    let mut other = scene.open().await;
    let all = flood(&scene, FLOOD / 16).await;
    other.expects(&all).await;
    let wire = scene.emit("after").await;
    other.expects(&wire).await;
    let given = scene.settled().await;
    assert!(given < MOST, "{given} bytes were buffered for a client that reads nothing");
    stalled.expects(&all).await;
    stalled.expects(&wire).await;
}
