//! Work for one client or one topic does not delay others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures_util::FutureExt;
use support::{Client, Descriptors, within};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use touka::server::Park;
use touka::topic::Retention;
use touka::{Event, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

/// How many clients flood the server: together they always have more unread bytes than a task may read before
/// it yields. More of them would only delay the clients of this test.
const FLOODERS: usize = 20;

/// The bytes that a flooding client sends at a time.
const FLOOD: [u8; 4096] = [b'\n'; 4096];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_busy_topics_get_equal_turns() {
    let _reserved = Descriptors::reserve(4_000).await;
    // Few events are retained, and a client that lags skips the others: so publishing needs no pause.
    let set = |server: Server| server.write_timeout(PATIENCE);
    let scene = Scene::with(Park::Auto, Retention::new().events(64), set).await;
    let topics = [scene.topic.clone(), scene.hub.topic("b").unwrap()];
    let mut clients = Vec::new();
    for _ in 0..600 {
        clients.push(scene.client("/skips/a").await);
        clients.push(scene.client("/skips/b").await);
    }
    // On a thread of its own: while one topic's events are written, both have new ones.
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let publisher = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            for topic in &topics {
                topic.publish("news").now_or_never().unwrap().unwrap();
            }
        }
    });
    let reads = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for _ in 0..20 {
                client.chunk().await.unwrap().unwrap();
            }
        })
    });
    for read in reads.collect::<Vec<_>>() {
        within(PATIENCE, "twenty chunks", read).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    publisher.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_clients_does_not_delay_a_keep_alive() {
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut client = scene.client("/spoken").await;
        let address = scene.server.address;
        let mut flooders = Vec::new();
        for _ in 0..FLOODERS {
            flooders.push(tokio::spawn(async move {
                loop {
                    let Ok(mut socket) = TcpStream::connect(address).await else { continue };
                    let _ = socket.write_all(b"GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
                    while socket.write_all(&FLOOD).await.is_ok() {}
                }
            }));
        }
        within(PATIENCE, "ten keep-alives", async {
            for _ in 0..10 {
                while client.chunk().await.unwrap().unwrap() != b":\n" {}
            }
        })
        .await;
        flooders.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_read_a_long_backlog_delay_no_other() {
    let kept = Retention::new().events(10_000).bytes(64 << 20);
    let scene = Scene::with(Park::Auto, kept, |server| server.write_timeout(PATIENCE)).await;
    let first = scene.publish("first").await;
    for _ in 0..1000 {
        scene.publish("x".repeat(8 * 1024)).await;
    }
    let mut back = Vec::new();
    for _ in 0..10 {
        let mut client = Client::connect(scene.server.address).await;
        client.send(format!("GET /a HTTP/1.1\r\nhost: test\r\nlast-event-id: {first}\r\n\r\n")).await;
        back.push(client);
    }
    let mut other = scene.client("/b").await;
    scene.hub.topic::<Event>("b").unwrap().publish("news").await.unwrap();
    assert_eq!(other.data().await, "news");
    for client in &mut back {
        assert_eq!(client.head().await.status(), 200);
        for _ in 0..1000 {
            assert_eq!(client.data().await.len(), 8 * 1024);
        }
    }
}
