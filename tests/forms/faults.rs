//! Faults of one client that must not affect the others.

use std::time::Duration;

use touka::CloseReason;

use crate::form::{FLOOD, Form, Leave};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run;
    a_client_disconnects_in_the_middle_of_an_event,
    half_of_a_connection_closes,
    a_client_stops_in_the_middle_of_an_event_and_goes_on,
    a_panic_ends_only_its_own_stream,
    clients_disconnect_in_the_middle_of_a_shutdown,
);

async fn is_served(scene: &mut Scene) {
    scene.is_empty().await;
    let mut next = scene.open().await;
    let wire = scene.emit("next").await;
    next.expects(&wire).await;
    next.leave(Leave::Close).await;
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
}

async fn a_client_disconnects_in_the_middle_of_an_event(form: Form) {
    let mut scene = Scene::new(form).await;
    for how in form.leaves() {
        let mut reader = scene.open().await;
        let wire = scene.emit("x".repeat(FLOOD)).await;
        reader.expects(&wire[..1000]).await;
        scene.settled().await;
        reader.leave(*how).await;
        assert_eq!(scene.ended().await, CloseReason::Disconnected, "{how:?}");
        is_served(&mut scene).await;
    }
}

/// A client that sends nothing more might read on. A browser that has disconnected looks the same, so the
/// client counts as gone.
async fn half_of_a_connection_closes(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let wire = scene.emit("here").await;
    reader.expects(&wire).await;
    reader.half_close();
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
    is_served(&mut scene).await;
}

async fn a_client_stops_in_the_middle_of_an_event_and_goes_on(form: Form) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let wire = scene.emit("x".repeat(FLOOD)).await;
    // The client reads a part each time, and makes the server wait.
    for part in wire.as_bytes().chunks(FLOOD / 3) {
        scene.settled().await;
        reader.expects(std::str::from_utf8(part).expect("text")).await;
    }
    let wire = scene.emit("after").await;
    reader.expects(&wire).await;
}

async fn a_panic_ends_only_its_own_stream(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut other = scene.open().await;
    for _ in 0..3 {
        let mut panics = scene.open_one_that_panics().await;
        let wire = scene.emit("before").await;
        other.expects(&wire).await;
        panics.expects(&wire).await;
        scene.panic();
        panics.expects("event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n").await;
        panics.ends().await;
        assert_eq!(scene.ended().await, CloseReason::Panicked);
    }
    let wire = scene.emit("after").await;
    other.expects(&wire).await;
    other.leave(Leave::Close).await;
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
    is_served(&mut scene).await;
}

async fn clients_disconnect_in_the_middle_of_a_shutdown(form: Form) {
    const CLIENTS: usize = 20;
    let mut scene = Scene::with(form, |server| server.drain_window(Duration::from_secs(5)), |stream| stream).await;
    let mut readers = Vec::new();
    for _ in 0..CLIENTS {
        readers.push(scene.open().await);
    }
    scene.stop();
    // Every other client disconnects, before or after its stream's turn to end.
    let mut stay = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        if number % 2 == 0 {
            reader.leave(form.leaves()[number / 2 % form.leaves().len()]).await;
        } else {
            stay.push(reader);
        }
    }
    for reader in &mut stay {
        reader.farewell().await;
    }
    let mut reasons = Vec::new();
    for _ in 0..CLIENTS {
        reasons.push(scene.ended().await);
    }
    drop(stay);
    scene.stopped().await;
    let shutdown = reasons.iter().filter(|reason| **reason == CloseReason::Shutdown).count();
    assert!(shutdown >= CLIENTS / 2, "{shutdown} streams have the reason `Shutdown`");
    assert!(reasons.iter().all(|reason| matches!(reason, CloseReason::Shutdown | CloseReason::Disconnected)));
    assert!(scene.ends.try_recv().is_err(), "an end was reported twice");
}
