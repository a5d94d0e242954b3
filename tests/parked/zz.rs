use crate::scene::{PATIENCE, Scene};
use std::time::Duration;
use support::{Client, until, within};
use touka::Server;
use touka::server::Park;
use touka::topic::Retention;

const PLAIN: &str = "GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";

/// 8 connections x 300 rounds; random delays and cuts; shutdown at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz_stress() {
    let scene = Scene::with(Park::Auto, Retention::new(), |s: Server| {
        s.max_connections(8).max_streams(8).shutdown_timeout(PATIENCE * 2)
    })
    .await;
    let mut tasks = Vec::new();
    for t in 0..8u64 {
        let address = scene.server.address;
        let handle = scene.handle.clone();
        let topic = scene.topic.clone();
        tasks.push(tokio::spawn(async move {
            let mut seed = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(t + 1);
            let mut rnd = move |n: u64| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed % n
            };
            let mut client = Client::connect(address).await;
            let mut parked = 0;
            for round in 0..300 {
                let path = format!("/skips/t{t}");
                // the stream, its head cut somewhere, maybe with a request before in the same packet
                let stream = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
                let before = rnd(3);
                let mut bytes = PLAIN.repeat(before as usize).into_bytes();
                bytes.extend_from_slice(stream.as_bytes());
                let after = rnd(3);
                bytes.extend_from_slice(PLAIN.repeat(after as usize).as_bytes());
                let pieces = rnd(4);
                let mut rest = &bytes[..];
                for _ in 0..pieces {
                    let cut = rnd(rest.len() as u64 + 1) as usize;
                    let (a, b) = rest.split_at(cut);
                    if !a.is_empty() {
                        client.send(a).await;
                    }
                    rest = b;
                    match rnd(3) {
                        0 => {}
                        1 => tokio::task::yield_now().await,
                        _ => tokio::time::sleep(Duration::from_micros(rnd(800))).await,
                    }
                }
                if !rest.is_empty() {
                    client.send(rest).await;
                }
                for _ in 0..before {
                    assert_eq!(client.response().await.1, "plain", "{round}");
                }
                assert_eq!(client.head().await.status(), 200, "{round}");
                let list = handle.streams();
                let mine = list.iter().find(|s| s.path() == path).expect("mine");
                parked += u32::from(mine.is_parked());
                let more = rnd(3);
                let late = PLAIN.repeat(more as usize);
                let cut = rnd(late.len() as u64 + 1) as usize;
                if cut > 0 {
                    client.send(&late[..cut]).await;
                }
                if rnd(2) == 0 {
                    topic.publish("x").await.unwrap();
                }
                until(PATIENCE, "closed", || handle.close(|s| s.path() == path) == 1).await;
                if cut < late.len() {
                    client.send(&late[cut..]).await;
                }
                within(PATIENCE, "the end", async { while client.chunk().await.unwrap().is_some() {} }).await;
                for _ in 0..after + more {
                    assert_eq!(client.response().await.1, "plain", "{round} {before} {after} {more} {cut}");
                }
            }
            parked
        }));
    }
    let mut parked = Vec::new();
    for task in tasks {
        parked.push(task.await.unwrap());
    }
    eprintln!("parked {parked:?} of 300 each");
    let handle = scene.handle.clone();
    until(PATIENCE, "none", || handle.count() == 0).await;
    let mut server = scene.server;
    // permits: 8 connections and 8 streams fit again
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.clear();
        tokio::time::sleep(Duration::from_millis(5)).await;
        for _ in 0..8 {
            let mut c = Client::get(server.address, "/a").await;
            let h = c.head().await;
            if h.header("connection").is_none() {
                clients.push(c);
            }
        }
        if handle.count() == 8 {
            break;
        }
    }
    assert_eq!(handle.count(), 8);
    server.stop();
    server.stopped(PATIENCE).await;
    assert_eq!(scene.held.get(), 0);
}
