//! Ten thousand idle clients, a hundred busy ones, and handlers that panic among healthy ones. Invariant: the
//! busy clients get each event in order, and nothing is left of clients that have disconnected.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use support::{Client, Count, Descriptors, Process, Running, until, within};
use touka::extract::State;
use touka::{Router, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(2);

const IDLE: usize = 10_000;
const BUSY: usize = 100;
const EVENTS: usize = 200;

/// How many clients connect at a time: more would wait in the kernel's backlog.
const AT_A_TIME: usize = 500;

fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).expect("running").count()
}

async fn post(server: &Process) -> String {
    let list: Vec<_> = (0..EVENTS).map(|number| format!("{{\"data\":\"{number}\"}}")).collect();
    let list = format!("[{}]", list.join(","));
    let mut client = Client::connect(server.address).await;
    client.send(format!("POST /corpus HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{list}", list.len())).await;
    let (head, key) = client.response().await;
    assert_eq!(head.status(), 200, "{key}");
    key.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_clients_do_not_disturb_a_hundred() {
    // The clients are in this process and the server is in another: one process would need twice as many
    // descriptors.
    let _reserved = Descriptors::reserve(11_000).await;
    let server = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[]).await;
    let path = format!("/corpus/{}", post(&server).await);
    let before = descriptors(server.id());

    let mut idle = Vec::new();
    while idle.len() < IDLE {
        idle.extend(join_all((0..AT_A_TIME).map(|_| Client::stream(server.address, "/endless"))).await);
    }
    // The client of the POST may have disconnected in between.
    assert!(descriptors(server.id()) >= before + IDLE - 1, "the server has not accepted all of them");

    let busy = (0..BUSY).map(|_| async {
        for _ in 0..3 {
            let mut client = Client::stream(server.address, &path).await;
            for number in 0..EVENTS {
                assert_eq!(client.data().await, number.to_string());
            }
        }
    });
    within(PATIENCE, "the busy clients", join_all(busy)).await;

    // The idle clients are still connected, each with its event.
    for client in idle.iter_mut().step_by(100) {
        assert!(!client.data().await.is_empty());
    }
    drop(idle);
    until(PATIENCE, "the server closes their connections", || descriptors(server.id()) <= before).await;
}

async fn publish(server: &Process, text: &str) -> String {
    let mut client = Client::connect(server.address).await;
    let head = format!("POST /topics/crowd HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", text.len());
    client.send(head + text).await;
    let (head, id) = client.response().await;
    assert_eq!(head.status(), 200, "{id}");
    id
}

/// A client that does not read delays none of ten thousand subscribers of the same topic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_client_delays_no_other_subscriber() {
    let _reserved = Descriptors::reserve(11_000).await;
    let server = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[]).await;
    let before = descriptors(server.id());
    // More than the kernel buffers for a client that resumes and does not read.
    let first = publish(&server, "first").await;
    for _ in 0..8 {
        publish(&server, &"x".repeat(500_000)).await;
    }
    let mut stalled = Client::connect_small(server.address, 4096).await;
    stalled.send(format!("GET /topics/crowd HTTP/1.1\r\nhost: test\r\nlast-event-id: {first}\r\n\r\n")).await;
    assert_eq!(stalled.head().await.status(), 200);

    let mut crowd = Vec::new();
    while crowd.len() < IDLE {
        crowd.extend(join_all((0..AT_A_TIME).map(|_| Client::stream(server.address, "/topics/crowd"))).await);
    }
    for number in 0..5 {
        publish(&server, &number.to_string()).await;
        let heard = crowd.iter_mut().map(|client| async { assert_eq!(client.data().await, number.to_string()) });
        within(PATIENCE, "all of them", join_all(heard)).await;
    }
    // The stalled client was connected all the time, and gets everything when it reads: nothing was lost.
    for _ in 0..8 {
        assert_eq!(stalled.data().await.len(), 500_000);
    }
    for number in 0..5 {
        assert_eq!(stalled.data().await, number.to_string());
    }
    drop((crowd, stalled));
    until(PATIENCE, "the server closes their connections", || descriptors(server.id()) <= before + 1).await;
}

#[sse_handler]
#[route(GET, "/ticks")]
async fn ticks(State(held): State<Count>) {
    let _held = held.hold();
    for tick in 0u64.. {
        emit!(tick.to_string());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[sse_handler]
#[route(GET, "/panics/late")]
async fn panics_late(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    panic!("this body panics on purpose");
}

#[route(GET, "/panics/early")]
async fn panics_early(State(held): State<Count>) -> &'static str {
    let _held = held.hold();
    panic!("this handler panics on purpose, after {} others", held.get());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_panics_do_not_disturb_a_hundred_streams() {
    let held = Count::default();
    let router = Router::new().mount(routes![ticks, panics_late, panics_early]).with_state(held.clone());
    let server = Running::serve(router).await;
    let mut healthy = join_all((0..100).map(|_| Client::stream(server.address, "/ticks"))).await;
    let panics = (0..50).map(|_| async {
        let mut early = Client::get(server.address, "/panics/early").await;
        assert_eq!(early.head().await.status(), 500);
        let mut late = Client::stream(server.address, "/panics/late").await;
        assert_eq!(late.data().await, "here");
        let error = late.next().await.expect("a clean end").expect("an error event");
        assert_eq!(error.name, "error");
        assert_eq!(late.next().await.expect("a clean end"), None);
    });
    let reads = healthy.iter_mut().map(|client| async {
        for tick in 0..100 {
            assert_eq!(client.data().await, tick.to_string());
        }
    });
    within(PATIENCE, "all", futures_util::future::join(join_all(panics), join_all(reads))).await;
    assert_eq!(held.get(), 100, "only what the panicking handlers held is dropped");
}
