//! The bytes on the wire, and the clients that get them.

use support::{Client, until};
use touka::{CloseReason, Event};

use crate::scene::{FORMS, PATIENCE, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_stream_has_the_bytes_of_a_body() {
    let mut heads = Vec::new();
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut client = Client::get(scene.server.address, "/spoken").await;
        let head = client.head().await;
        assert!(head.header("date").is_some());
        heads.push(
            head.lines().filter(|(name, _)| *name != "date").map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>(),
        );
        let opening = client.chunk().await.unwrap().unwrap();
        scene.is_in_form();
        let opening = String::from_utf8(opening).unwrap();
        let (retry, id) = opening.split_once('\n').unwrap();
        assert!(retry.starts_with("retry: "), "{opening:?}");
        assert!(id.starts_with("id: 1.") && id.ends_with(".0.000000\n\n"), "{opening:?}");
        let id = scene.publish(Event::data("two\nlines").event("note").id(7)).await;
        // A chunk, after any keep-alives before it.
        let mut chunk = client.chunk().await.unwrap().unwrap();
        while chunk == b":\n" {
            chunk = client.chunk().await.unwrap().unwrap();
        }
        assert_eq!(String::from_utf8(chunk).unwrap(), format!("id: {id}\nevent: note\ndata: two\ndata: lines\n\n"));
        assert_eq!(client.chunk().await.unwrap().unwrap(), b":\n");
    }
    assert_eq!(heads[0], heads[1]);
}

/// The option, including a switched off position, applies to a parked connection too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_a_position_is_parked_too() {
    for park in FORMS {
        for (path, opening, keep_alive) in [("/bare", ": open\n", ":\n"), ("/blocks", ": open\n\n", ":\n\n")] {
            let scene = Scene::new(park).await;
            let mut client = Client::stream(scene.server.address, path).await;
            assert_eq!(client.chunk().await.unwrap().unwrap(), opening.as_bytes());
            scene.is_in_form();
            assert_eq!(client.chunk().await.unwrap().unwrap(), keep_alive.as_bytes());
            let id = scene.publish("one").await;
            let mut chunk = client.chunk().await.unwrap().unwrap();
            while chunk == keep_alive.as_bytes() {
                chunk = client.chunk().await.unwrap().unwrap();
            }
            assert_eq!(String::from_utf8(chunk).unwrap(), format!("id: {id}\ndata: one\n\n"));
            let entry = scene.handle.streams().remove(0);
            // The client may have the event before the server has counted it.
            until(PATIENCE, "the event is counted", || entry.events() == Some(1)).await;
            entry.close();
            let mut farewell = client.chunk().await.unwrap().unwrap();
            while farewell == keep_alive.as_bytes() {
                farewell = client.chunk().await.unwrap().unwrap();
            }
            let farewell = String::from_utf8(farewell).unwrap();
            // The farewell is a line or a block, like the keep-alive.
            let end = &keep_alive[1..];
            let retry = farewell.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix(end));
            assert!(retry.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())), "{farewell:?}");
            assert_eq!(client.chunk().await.unwrap(), None);
        }
    }
}

/// Every client gets every event, and one that resumes misses none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_every_event() {
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut clients = Vec::new();
        for _ in 0..300 {
            clients.push(scene.client("/a").await);
        }
        let mut ids = Vec::new();
        for number in 0..200 {
            ids.push(scene.publish(number.to_string()).await);
        }
        for client in &mut clients {
            for (number, id) in ids.iter().enumerate() {
                let event = client.next().await.unwrap().unwrap();
                assert_eq!((event.data, event.id), (number.to_string(), id.clone()));
            }
        }
        let mut back = Client::connect(scene.server.address).await;
        back.send(format!("GET /a HTTP/1.1\r\nhost: test\r\nlast-event-id: {}\r\n\r\n", ids[49])).await;
        assert_eq!(back.head().await.status(), 200);
        for number in 50..200 {
            assert_eq!(back.data().await, number.to_string());
        }
        scene.publish("live").await;
        assert_eq!(back.data().await, "live");
        let streams = scene.handle.streams();
        assert_eq!(streams.len(), 301);
        // The client may have an event before the server has counted it.
        until(PATIENCE, "the events are counted", || streams[300].events() == Some(151)).await;
        assert_eq!((streams[0].route(), streams[0].path()), (Some("/a"), "/a"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reused_connection_is_parked_too() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = Client::get(scene.server.address, "/plain").await;
        assert_eq!(client.response().await.1, "plain");
        client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
        scene.is_in_form();
        client.send("GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
        scene.publish("one").await;
        assert_eq!(client.data().await, "one");
        drop(client);
        // Like a body, it is the next write that fails: the connection has unread bytes.
        until(PATIENCE, "the end", || {
            scene.topic.subscribers() == 0 || {
                futures_util::FutureExt::now_or_never(scene.topic.publish("more"));
                false
            }
        })
        .await;
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
    }
}
