//! Memory that a slow parked client makes the server keep. A process of its own: the test counts allocated
//! bytes.

use std::alloc::System;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::{Client, Running, until, within};
use tokio::io::AsyncReadExt;
use touka::extract::State;
use touka::topic::{HubError, Retention};
use touka::{Event, EventStream, Hub, Router, Server, Topic, route, routes};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PATIENCE: Duration = Duration::from_mins(1);
const CLIENTS: usize = 100;
const EVENT: usize = 1024 * 1024;

#[route(GET, "/a")]
async fn a(State(hub): State<Hub>) -> Result<EventStream, HubError> {
    hub.topic::<Event>("a")?.subscribe(None).await
}

fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_in_the_middle_of_a_large_event_share_its_bytes() {
    let hub = Hub::builder().retention(Retention::new().bytes(64 * EVENT)).memory();
    let topic: Topic = hub.topic("a").unwrap();
    let server = Server::new().write_timeout(PATIENCE * 2);
    let handle = server.handle();
    let server = Running::serve_with(server, Router::new().mount(routes![a]).with_state(hub)).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect_small(server.address, 4096).await;
        client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.head().await;
        clients.push(client);
    }
    assert!(handle.streams().iter().all(touka::server::OpenStream::is_parked));
    let before = allocated();
    for _ in 0..8 {
        topic.publish("x".repeat(EVENT)).await.unwrap();
    }
    // Each client reads one event and the beginning of the others, but none reads everything.
    let mut taken = vec![0; EVENT];
    for client in &mut clients {
        within(PATIENCE, "an event", client.socket.read_exact(&mut taken)).await.unwrap();
    }
    drop(taken);
    until(PATIENCE, "all are within another event", || {
        handle.streams().iter().all(|stream| stream.events().is_some_and(|events| (2..8).contains(&events)))
    })
    .await;
    let kept = allocated().saturating_sub(before);
    // The log holds eight of them.
    assert!(kept < 16 * EVENT, "{CLIENTS} clients keep {} MiB", kept / EVENT);
}
