//! A connection whose stream has ended serves its next request.

use std::time::Duration;

use support::{Client, until, within};
use touka::server::Park;
use touka::topic::Retention;
use touka::{CloseReason, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

const STREAM: &str = "GET /a HTTP/1.1\r\nhost: test\r\n\r\n";
const PLAIN: &str = "GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_requests_follow_each_other_on_one_connection() {
    for park in FORMS {
        // One connection, and no other.
        let mut scene = Scene::with(park, Retention::new(), |server| server.max_connections(1)).await;
        let mut client = Client::connect(scene.server.address).await;
        for _ in 0..20 {
            client.send("GET /short HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.head().await.header("connection"), None);
            scene.is_in_form();
            while client.chunk().await.unwrap().is_some() {}
            assert_eq!(scene.ended().await, CloseReason::Expired);
            client.send(PLAIN).await;
            assert_eq!(client.response().await.1, "plain");
            client.send(STREAM).await;
            assert_eq!(client.head().await.status(), 200);
            scene.is_in_form();
            scene.publish("one").await;
            assert_eq!(client.data().await, "one");
            // A stream that is closed by its handle is one of them as well.
            assert_eq!(scene.handle.close(|stream| stream.path() == "/a"), 1);
            while client.chunk().await.unwrap().is_some() {}
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
        }
        drop(client);
        // Its connection is closed again.
        let handle = scene.handle.clone();
        until(PATIENCE, "the client has disconnected", || handle.count() == 0).await;
        let address = scene.server.address;
        within(PATIENCE, "a free connection", async {
            loop {
                let mut next = Client::get(address, "/plain").await;
                if next.head().await.header("content-length") == Some("5") {
                    break;
                }
            }
        })
        .await;
        scene.server.stop();
        scene.server.stopped(PATIENCE).await;
        assert_eq!(scene.held.get(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_sent_during_a_stream_are_answered_after_it() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        // In the same packet as the stream's request, in a packet of its own, and in two halves.
        for halves in [[PLAIN, ""], ["", PLAIN], ["GET /plain HTT", "P/1.1\r\nhost: test\r\n\r\n"]] {
            let mut client = Client::connect(scene.server.address).await;
            client.send(format!("{STREAM}{}", halves[0])).await;
            assert_eq!(client.head().await.status(), 200);
            client.send(halves[1]).await;
            client.send(format!("{PLAIN}{STREAM}")).await;
            scene.publish("one").await;
            assert_eq!(client.data().await, "one");
            // The kernel has the bytes; these events give the server time to read them.
            for _ in 0..20 {
                scene.publish("more").await;
                assert_eq!(client.data().await, "more");
            }
            assert_eq!(scene.handle.close(|_| true), 1);
            while client.chunk().await.unwrap().is_some() {}
            for _ in 0..2 {
                assert_eq!(client.response().await.1, "plain");
            }
            assert_eq!(client.head().await.status(), 200);
            scene.publish("two").await;
            assert_eq!(client.data().await, "two");
            drop(client);
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
            assert_eq!(scene.ended().await, CloseReason::Disconnected);
        }
    }
}

/// The end of the stream's own head is in one packet with the beginning of another request, and the beginning
/// of that head is in one packet with the request before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_behind_a_split_head_is_answered() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        for cut in STREAM.len() - 4..STREAM.len() {
            let (first, rest) = STREAM.split_at(cut);
            let mut client = Client::connect(scene.server.address).await;
            client.send(format!("{PLAIN}{first}")).await;
            assert_eq!(client.response().await.1, "plain");
            client.send(format!("{rest}{PLAIN}")).await;
            assert_eq!(client.head().await.status(), 200);
            scene.publish("one").await;
            assert_eq!(client.data().await, "one");
            assert_eq!(scene.handle.close(|_| true), 1);
            while client.chunk().await.unwrap().is_some() {}
            assert_eq!(client.response().await.1, "plain", "cut {} bytes before its end", STREAM.len() - cut);
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_returned_connection_is_idle_and_not_new() {
    for park in FORMS {
        // A new connection that sends nothing is closed at once; an idle one between two requests is kept.
        let set = |server: Server| server.head_timeout(Duration::from_millis(200)).idle_timeout(PATIENCE * 2);
        let mut scene = Scene::with(park, Retention::new(), set).await;
        let mut client = scene.client("/short").await;
        while client.chunk().await.unwrap().is_some() {}
        assert_eq!(scene.ended().await, CloseReason::Expired);
        tokio::time::sleep(Duration::from_millis(600)).await;
        client.send(PLAIN).await;
        assert_eq!(client.response().await.1, "plain");
        // The shutdown closes it.
        let mut client = scene.client("/short").await;
        while client.chunk().await.unwrap().is_some() {}
        scene.server.stop();
        scene.server.stopped(PATIENCE).await;
        assert_eq!(client.rest().await.unwrap(), b"");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_too_much_during_a_stream_is_cut_off() {
    let set = |server: Server| server.max_head_size(8 * 1024).shutdown_timeout(PATIENCE * 2);
    let mut scene = Scene::with(Park::Auto, Retention::new(), set).await;
    let mut client = scene.client("/a").await;
    let mut other = scene.client("/a").await;
    client.send(vec![b'\n'; 64 * 1024]).await;
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
    scene.publish("one").await;
    assert_eq!(other.data().await, "one");
    scene.server.stop();
    scene.server.stopped(PATIENCE).await;
}
