//! Clients that do not read when their credential ends.

use support::Client;
use tokio::time::Instant;
use touka::{CloseReason, Server};

use crate::scene::{EXPIRED, LATER, PATIENCE, Scene};

const EVENT: usize = 1024 * 1024;
const EVENTS: usize = 16;

/// An HTTP/1.1 client with small buffers and more unread bytes than they hold.
async fn blocked(scene: &Scene, path: &str) -> Client {
    let mut client = Client::connect_small(scene.address, 4096).await;
    client.send(format!("GET {path}/later HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    assert_eq!(client.head().await.status(), 200);
    let event = "x".repeat(EVENT);
    for _ in 0..EVENTS {
        scene.publish(event.as_str()).await;
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_again_gets_its_event_and_the_last_one() {
    for path in ["/body", "/topic"] {
        let mut scene = Scene::with(Server::new().write_timeout(PATIENCE)).await;
        let mut client = blocked(&scene, path).await;
        tokio::time::sleep(LATER * 2).await;
        let mut all = Vec::new();
        while let Some(chunk) = client.chunk().await.expect("a whole body") {
            all.extend(chunk);
        }
        let text = String::from_utf8(all).expect("text");
        let events = text.strip_suffix(EXPIRED).expect("the last event").split_terminator("\n\n");
        let mut whole = 0;
        for event in events.filter(|event| event.contains("data: ")) {
            assert_eq!(event.split_once("data: ").expect("data").1.len(), EVENT, "{path}: an event was cut");
            whole += 1;
        }
        assert!((1..EVENTS).contains(&whole), "{path}: {whole} events");
        assert_eq!(scene.ended().await, CloseReason::Expired);
        scene.is_empty().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_cut_off_at_the_write_timeout() {
    for path in ["/body", "/topic"] {
        let mut scene = Scene::with(Server::new().write_timeout(LATER * 2)).await;
        let start = Instant::now();
        let client = blocked(&scene, path).await;
        // The body of a blocked client is not polled, so its write timeout comes first.
        let reason = if path == "/topic" { CloseReason::Expired } else { CloseReason::Stalled };
        assert_eq!(scene.ended().await, reason, "{path}");
        assert!(start.elapsed() >= LATER * 2, "{path}: {:?}", start.elapsed());
        scene.is_empty().await;
        drop(client);
    }
}
