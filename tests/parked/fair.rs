//! One client's, or one topic's, work does not keep others from theirs.

use std::time::Duration;

use support::Client;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use touka::server::Park;
use touka::topic::Retention;
use touka::{Event, Topic};

use crate::scene::{FORMS, PATIENCE, Scene};

/// What a flooder says at a time.
const FLOOD: [u8; 4096] = [b'\n'; 4096];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_busy_topics_get_equal_turns() {
    let scene = Scene::with(Park::Auto, Retention::new().events(1_000_000), |server| server).await;
    let mut clients = Vec::new();
    for _ in 0..600 {
        clients.push(scene.client("/a").await);
        clients.push(scene.client("/b").await);
    }
    let other: Topic = scene.hub.topic("b").unwrap();
    let topics = [scene.topic.clone(), other];
    let publisher = tokio::spawn(async move {
        let text = "x".repeat(1024);
        loop {
            for topic in &topics {
                topic.publish(Event::data(&text)).await.unwrap();
            }
            // As fast as the clients read, and a little faster: each topic always has news.
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    });
    let reads = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for _ in 0..100 {
                client.data().await;
            }
        })
    });
    for read in reads.collect::<Vec<_>>() {
        support::within(PATIENCE, "a hundred events", read).await.unwrap();
    }
    publisher.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_clients_does_not_delay_a_keep_alive() {
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut client = scene.client("/spoken").await;
        let address = scene.server.address;
        let mut flooders = Vec::new();
        for _ in 0..100 {
            flooders.push(tokio::spawn(async move {
                loop {
                    let Ok(mut socket) = TcpStream::connect(address).await else { continue };
                    let _ = socket.write_all(b"GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
                    while socket.write_all(&FLOOD).await.is_ok() {}
                }
            }));
        }
        // The interval is 100 ms.
        for _ in 0..30 {
            while client.chunk().await.unwrap().unwrap() != b":\n\n" {}
        }
        flooders.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_read_a_long_backlog_delay_nobody() {
    let kept = Retention::new().events(10_000).bytes(64 << 20);
    let scene = Scene::with(Park::Auto, kept, |server| server.write_timeout(PATIENCE)).await;
    let first = scene.publish("first").await;
    for _ in 0..4000 {
        scene.publish("x".repeat(8 * 1024)).await;
    }
    let mut back = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(scene.server.address).await;
        client.send(format!("GET /a HTTP/1.1\r\nhost: test\r\nlast-event-id: {first}\r\n\r\n")).await;
        back.push(client);
    }
    let mut other = scene.client("/b").await;
    scene.hub.topic::<Event>("b").unwrap().publish("news").await.unwrap();
    assert_eq!(other.data().await, "news");
    for client in &mut back {
        assert_eq!(client.head().await.status(), 200);
        for _ in 0..4000 {
            assert_eq!(client.data().await.len(), 8 * 1024);
        }
    }
}
