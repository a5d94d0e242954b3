//! Ten thousand clients come and go, and nothing of them stays allocated.

use std::alloc::System;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::{Client, Count, Running, until};
use touka::extract::State;
use touka::topic::HubError;
use touka::{Event, EventStream, Hub, Router, route, routes, sse_handler};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Clone)]
struct App {
    held: Count,
    hub: Hub,
}

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(app): State<App>) {
    let _held = app.held.hold();
    for number in 0u32.. {
        emit!(Event::data("x".repeat(100)).id(number));
        if number >= 3 {
            std::future::pending::<()>().await;
        }
    }
}

#[sse_handler]
#[route(GET, "/finite")]
async fn finite(State(app): State<App>) -> Result<EventStream, http::StatusCode> {
    let _held = app.held.hold();
    emit!("only");
}

/// Parked: the server holds neither body nor task for it.
#[route(GET, "/topic")]
async fn topic(State(app): State<App>) -> Result<EventStream, HubError> {
    let held = app.held.hold();
    let stream: EventStream = app.hub.topic("a")?.subscribe(None).earliest().await?;
    Ok(stream.on_close(move |_| drop(held)))
}

/// Connects, reads a little, and disconnects in one of several ways.
async fn one_client(server: &Running, turn: usize) {
    match turn % 8 {
        // Reads one event and closes cleanly.
        0 => assert!(Client::stream(server.address, "/endless").await.data().await.starts_with('x')),
        // Resets the connection.
        1 => {
            let mut client = Client::stream(server.address, "/endless").await;
            client.data().await;
            client.reset();
        }
        // Reads to the end.
        2 => {
            let mut client = Client::stream(server.address, "/finite").await;
            while client.next().await.expect("a clean end").is_some() {}
        }
        // Disconnects before the response.
        3 => drop(Client::get(server.address, "/endless").await),
        // The same for a parked stream.
        4 => assert_eq!(Client::stream(server.address, "/topic").await.data().await, "kept"),
        5 => {
            let mut client = Client::stream(server.address, "/topic").await;
            client.data().await;
            client.reset();
        }
        6 => drop(Client::get(server.address, "/topic").await),
        // Sends half a request.
        _ => Client::connect(server.address).await.send("GET /endl").await,
    }
}

fn live_bytes() -> isize {
    let stats = ALLOCATOR.stats();
    let allocated = isize::try_from(stats.bytes_allocated).unwrap_or(isize::MAX);
    let freed = isize::try_from(stats.bytes_deallocated).unwrap_or(isize::MAX);
    allocated - freed
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn nothing_stays_after_ten_thousand_clients() {
    let held = Count::default();
    let app = App { held: held.clone(), hub: Hub::memory() };
    app.hub.topic::<Event>("a").expect("a topic").publish("kept").await.expect("publish");
    let server = Running::serve(Router::new().mount(routes![endless, finite, topic]).with_state(app)).await;
    let quiet = (tasks(), descriptors());
    let settle = async || {
        until(Duration::from_mins(1), "every body, task and descriptor is gone", || {
            held.get() == 0 && (tasks(), descriptors()) == quiet
        })
        .await;
        live_bytes()
    };
    // The first clients allocate what is allocated once: thread-locals, the timer wheel, the allocator's own
    // data.
    for turn in 0..1000 {
        one_client(&server, turn).await;
    }
    let before = settle().await;
    for turn in 0..10_000 {
        one_client(&server, turn).await;
    }
    let after = settle().await;
    // A leak of one byte per client would exceed random variation tenfold.
    assert!(after - before < 1000, "{} bytes more after 10,000 clients", after - before);
}
