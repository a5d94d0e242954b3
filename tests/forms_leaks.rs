//! Clients come and go in each form of a stream, and nothing of them stays. A process of its own: it counts the
//! bytes that are allocated. What serves a stream, and the promises, are in `forms/`.

#![allow(dead_code, reason = "the promises of `forms/` use the rest")]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::until;
use touka::topic::Retention;

#[path = "forms/app.rs"]
mod app;
#[path = "forms/form.rs"]
mod form;
#[path = "forms/http1.rs"]
mod http1;
#[path = "forms/http2.rs"]
mod http2;
#[path = "forms/reader.rs"]
mod reader;
#[path = "forms/scene.rs"]
mod scene;
#[path = "forms/socket.rs"]
mod socket;

use form::{Form, Leave};
use scene::{PATIENCE, Scene};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FORMS: [Form; 13] = [
    Form::Http10,
    Form::UnreadRequest,
    Form::Tcp,
    Form::Tls,
    Form::Unix,
    Form::Http2,
    Form::Http2Tls,
    Form::Parked,
    Form::TopicHttp10,
    Form::TopicTcp,
    Form::TopicTls,
    Form::TopicUnix,
    Form::TopicHttp2,
];

const CLIENTS: usize = 400;

/// A leak of three bytes a client would show. What is left to chance is less.
const MOST: isize = 1000;

/// Comes, reads a little or nothing, and leaves in one of the ways there are.
async fn one_client(scene: &Scene, turn: usize) {
    let leaves = scene.form.leaves();
    match turn % 4 {
        // Asks for nothing.
        0 => drop(socket::connect(scene).await),
        // Leaves in the middle of a stream, before its first event or behind it.
        1 => scene.open().await.leave(leaves[turn / 4 % leaves.len()]).await,
        2 => {
            let mut reader = scene.open().await;
            let wire = scene.emit("x".repeat(100)).await;
            reader.expects(&wire).await;
            reader.leave(leaves[turn / 4 % leaves.len()]).await;
        }
        // Reads to the end.
        _ => {
            let mut reader = scene.open_one_that_ends().await;
            let wire = scene.emit("x".repeat(100)).await;
            reader.expects(&wire).await;
            scene.end();
            reader.ends().await;
            reader.leave(Leave::Close).await;
        }
    }
}

fn live_bytes() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated).cast_signed()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Waits until what clients have left is gone, and tells what is allocated.
async fn settled(scene: &mut Scene, quiet: (usize, usize)) -> isize {
    scene.is_empty().await;
    until(PATIENCE, "every task and descriptor is gone", || (tasks(), descriptors()) == quiet).await;
    // What a test is told of ends is its own.
    while scene.ends.try_recv().is_ok() {}
    live_bytes()
}

async fn nothing_stays(form: Form) {
    // A topic that is full does not grow.
    let retention = Retention::new().events(3);
    let mut scene = Scene::keeping(form, retention, |server| server, |stream| stream).await;
    let quiet = (tasks(), descriptors());
    // The first ones fill what is filled once: thread-locals, the timer wheel, the sessions that TLS remembers.
    for turn in 0..CLIENTS {
        one_client(&scene, turn).await;
    }
    let before = settled(&mut scene, quiet).await;
    for turn in 0..CLIENTS {
        one_client(&scene, turn).await;
    }
    let after = settled(&mut scene, quiet).await;
    println!("{form:?}: {} bytes", after - before);
    assert!(after - before < MOST, "{form:?}: {} bytes more after {CLIENTS} clients", after - before);
    scene.stop();
    scene.stopped().await;
}

/// One test: they would count each other's clients.
#[tokio::test]
async fn nothing_stays_of_clients_in_any_form() {
    for form in FORMS {
        nothing_stays(form).await;
    }
}
