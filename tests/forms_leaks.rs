//! Clients come and go in each form of a stream, and nothing of them stays allocated. A process of its own:
//! the test counts allocated bytes. The servers of each form and the promises are in `forms/`.

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

/// A leak of three bytes per client would exceed this.
const MOST: isize = 1000;

/// A leak adds bytes in each round of clients. A hash table that is full of deleted entries grows in one round
/// at most: that of the TLS session cache did, from 512 buckets of 49 bytes to 1024.
const ROUNDS: usize = 3;

/// Connects, reads a little or nothing, and disconnects in one of several ways.
async fn one_client(scene: &Scene, turn: usize) {
    let leaves = scene.form.leaves();
    match turn % 4 {
        // Sends no request.
        0 => drop(socket::connect(scene).await),
        // Disconnects in the middle of a stream, before its first event or after it.
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

/// Waits until everything of disconnected clients is gone, and returns the number of allocated bytes.
async fn settled(scene: &mut Scene, quiet: (usize, usize)) -> isize {
    scene.is_empty().await;
    until(PATIENCE, "every task and descriptor is gone", || (tasks(), descriptors()) == quiet).await;
    // Reports of ended streams belong to the test.
    while scene.ends.try_recv().is_ok() {}
    live_bytes()
}

async fn nothing_stays(form: Form) {
    // A full topic does not grow.
    let retention = Retention::new().events(3);
    let mut scene = Scene::with_retention(form, retention, |server| server, |stream| stream).await;
    let quiet = (tasks(), descriptors());
    // The first clients allocate what is allocated once: thread-locals, the timer wheel, the TLS session
    // cache.
    for turn in 0..CLIENTS {
        one_client(&scene, turn).await;
    }
    let mut before = settled(&mut scene, quiet).await;
    let mut grown = Vec::new();
    while grown.len() < ROUNDS {
        for turn in 0..CLIENTS {
            one_client(&scene, turn).await;
        }
        let after = settled(&mut scene, quiet).await;
        grown.push(after - before);
        if after - before < MOST {
            break;
        }
        before = after;
    }
    println!("{form:?}: {grown:?} bytes");
    assert!(
        grown.last().is_some_and(|bytes| *bytes < MOST),
        "{form:?}: {grown:?} bytes more after each {CLIENTS} clients"
    );
    scene.stop();
    scene.stopped().await;
}

/// One test for all forms: separate tests would count each other's clients.
#[tokio::test]
async fn nothing_stays_of_clients_in_any_form() {
    for form in FORMS {
        nothing_stays(form).await;
    }
}
