//! Clients that read slowly, or not at all.

use std::time::{Duration, Instant};

use support::{Client, within};
use tokio::io::AsyncReadExt;
use touka::server::Park;
use touka::topic::Retention;
use touka::{CloseReason, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_closed_and_delays_no_other() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new().bytes(64 * 1024 * 1024), |server| server).await;
        let mut reads = scene.client("/a").await;
        let stalled = Client::connect_small(scene.server.address, 4096).await;
        let mut stalled = stalled;
        stalled.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        stalled.head().await;
        // More than all buffers between server and client hold.
        let megabyte = "x".repeat(1024 * 1024);
        for _ in 0..16 {
            scene.publish(megabyte.as_str()).await;
            assert_eq!(reads.data().await.len(), megabyte.len());
        }
        assert_eq!(scene.ended().await, CloseReason::Stalled);
        scene.publish("still there").await;
        assert_eq!(reads.data().await, "still there");
        drop(stalled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_lags_is_closed_or_gets_a_gap() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new().events(3), |server| server.write_timeout(PATIENCE)).await;
        for path in ["/a", "/skips/a"] {
            let mut client = Client::connect_small(scene.server.address, 4096).await;
            client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
            client.head().await;
            scene.is_in_form();
            let megabyte = "x".repeat(1024 * 1024);
            for _ in 0..16 {
                scene.publish(megabyte.as_str()).await;
            }
            // The events that the client gets are whole.
            loop {
                let Some(event) = client.next().await.unwrap() else {
                    assert_eq!(path, "/a");
                    assert_eq!(scene.ended().await, CloseReason::Lagged);
                    break;
                };
                if event.name == "gap" {
                    assert_eq!(path, "/skips/a");
                    assert!(event.data.starts_with(r#"{"reason":"lagged","from":"1."#), "{}", event.data);
                    scene.publish("after").await;
                    let mut data = client.data().await;
                    while data.len() == megabyte.len() {
                        data = client.data().await;
                    }
                    assert_eq!(data, "after");
                    break;
                }
                assert_eq!(event.data.len(), megabyte.len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off_at_the_deadline() {
    for park in FORMS {
        let set = |server: Server| server.write_timeout(PATIENCE).shutdown_timeout(Duration::from_millis(300));
        let mut scene = Scene::with(park, Retention::new().bytes(64 * 1024 * 1024), set).await;
        let mut client = Client::connect_small(scene.server.address, 4096).await;
        client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.head().await;
        let megabyte = "x".repeat(1024 * 1024);
        for _ in 0..16 {
            scene.publish(megabyte.as_str()).await;
        }
        scene.server.stop();
        assert_eq!(within(PATIENCE, "the end", scene.ends.recv()).await, Some(CloseReason::Shutdown));
        scene.server.stopped(PATIENCE).await;
    }
}

/// While a client is blocked, the next deadline of its connection is the write timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_blocked_is_kept_alive_again() {
    for park in FORMS {
        // Far longer than the test waits for a comment.
        let set = |server: Server| server.write_timeout(PATIENCE * 60);
        let scene = Scene::with(park, Retention::new().bytes(64 * 1024 * 1024), set).await;
        let mut client = Client::connect_small(scene.server.address, 4096).await;
        client.send("GET /spoken HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.head().await;
        scene.is_in_form();
        let megabyte = "x".repeat(1024 * 1024);
        for _ in 0..16 {
            scene.publish(megabyte.as_str()).await;
        }
        scene.publish("last").await;
        // Ten keep-alive intervals: a timer that was set for a comment has fired.
        tokio::time::sleep(Duration::from_secs(1)).await;
        while client.data().await != "last" {}
        for _ in 0..3 {
            let comment = within(PATIENCE, "a comment", client.chunk()).await.expect("the stream goes on");
            assert_eq!(comment.as_deref(), Some(&b":\n"[..]));
        }
    }
}

/// The kernel reports a socket as writable only when a third of its buffer is free, which may be megabytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_and_steady_reader_is_not_stalled() {
    let readers = FORMS.into_iter().flat_map(|park| [EVENT, 1024].map(|length| reads_slowly_first(park, length)));
    futures_util::future::join_all(readers).await;
}

const EVENT: usize = 1024 * 1024;

/// 128 KB/s for three times the write timeout, and then as fast as it can.
async fn reads_slowly_first(park: Park, length: usize) {
    const ALL: usize = 16 * EVENT;
    const LONGEST: Duration = Duration::from_secs(5);
    let retention = Retention::new().bytes(4 * ALL).events(100_000);
    let mut scene = Scene::with(park, retention, |server| server.write_timeout(LONGEST)).await;
    let mut client = Client::connect_small(scene.server.address, 64 * 1024).await;
    client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
    client.head().await;
    scene.is_in_form();
    let text = "x".repeat(length);
    for _ in 0..ALL / length {
        scene.publish(text.as_str()).await;
    }
    let (start, mut read) = (Instant::now(), 0);
    let mut buffer = vec![0; 32 * 1024];
    while read < ALL {
        let next = within(PATIENCE, "the events", client.socket.read(&mut buffer)).await;
        let more = next.expect("no reset");
        let why = if more == 0 { Some(scene.ended().await) } else { None };
        assert_eq!(why, None, "after {read} bytes of events of {length}, {park:?}");
        read += more;
        if start.elapsed() < LONGEST * 3 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
