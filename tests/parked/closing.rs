//! Streams of a topic that is closed by its last event.

use futures_util::future::join_all;
use http::{StatusCode, Version};
use support::{Client, Visitor, until, within};
use touka::topic::Retention;
use touka::{CloseReason, Event, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

/// A request for a stream, of a client that has seen this event.
fn request(path: &str, seen: Option<&str>) -> String {
    let id = seen.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n{id}\r\n")
}

async fn close(scene: &Scene, event: impl Into<Event>) -> String {
    scene.topic.close(event.into()).await.expect("closed").to_string()
}

/// The bytes of a stream's body up to its end.
async fn rest(client: &mut Client) -> String {
    let mut all = Vec::new();
    while let Some(chunk) = client.chunk().await.expect("a clean end") {
        all.extend(chunk);
    }
    String::from_utf8(all).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_after_the_last_event() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new(), |server| server.max_connections(1)).await;
        let mut client = Client::connect(scene.server.address).await;
        client.send(request("/bare", None)).await;
        client.head().await;
        scene.is_in_form();
        assert_eq!(client.chunk().await.unwrap().unwrap(), b": open\n");
        let first = scene.publish("one").await;
        assert_eq!(client.chunk().await.unwrap().unwrap(), format!("id: {first}\ndata: one\n\n").into_bytes());
        let last = close(&scene, Event::data("two").event("done").id("its own")).await;
        let wire = format!("id: {last}\nevent: done\ndata: two\n\n");
        assert_eq!(rest(&mut client).await, wire);
        assert_eq!(scene.ended().await, CloseReason::Completed);

        // One connection for all: clients that come later, from the first event on, or with the last one.
        for (seen, expected) in [(None, wire.as_str()), (Some(&first), &wire)] {
            client.send(request("/blocks", seen.map(String::as_str))).await;
            assert_eq!(client.head().await.status(), 200);
            assert_eq!(rest(&mut client).await, format!(": open\n\n{expected}"));
            assert_eq!(scene.ended().await, CloseReason::Completed);
        }
        for _ in 0..3 {
            client.send(request("/a", Some(&last))).await;
            let head = client.head().await;
            assert_eq!((head.status(), head.header("content-type")), (204, None));
        }
        client.send(request("/plain", None)).await;
        assert_eq!(client.response().await.1, "plain");
        assert_eq!(scene.topic.subscribers(), 0);
    }
}

/// Over both versions of HTTP. A stream of HTTP/2 is never parked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_source_is_told_not_to_come_back() {
    for (park, version) in FORMS.into_iter().flat_map(|park| [(park, Version::HTTP_11), (park, Version::HTTP_2)]) {
        let mut scene = Scene::new(park).await;
        let mut visitor = Visitor::connect(scene.server.address, version).await;
        let mut answer = visitor.stream("/a").await;
        scene.publish("one").await;
        let last = close(&scene, "last").await;
        for data in ["one", "last"] {
            assert_eq!(answer.data().await, data);
        }
        assert_eq!(answer.next().await.expect("a clean end"), None);
        assert_eq!(scene.ended().await, CloseReason::Completed);
        let over = visitor.get("/a", &[("last-event-id", &last)]).await;
        assert_eq!((over.status, over.text().await.as_str()), (StatusCode::NO_CONTENT, ""));
        let mut late = visitor.stream("/a").await;
        assert_eq!(late.data().await, "last");
        assert_eq!(late.next().await.expect("a clean end"), None);
    }
}

/// Clients of which the kernel has taken a part only when the topic closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_get_everything_up_to_the_last_event() {
    for park in FORMS {
        let retention = Retention::new().bytes(64 * 1024 * 1024);
        let mut scene = Scene::with(park, retention, |server| server.write_timeout(PATIENCE)).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = Client::connect_small(scene.server.address, 4096).await;
            client.send(request("/a", None)).await;
            client.head().await;
            scene.is_in_form();
            clients.push(client);
        }
        let sizes = [1, 5000, 1024 * 1024, 3, 16_384, 1024 * 1024, 7];
        for size in sizes {
            scene.publish("x".repeat(size)).await;
        }
        close(&scene, "y".repeat(1024 * 1024)).await;
        for client in &mut clients {
            for size in sizes {
                assert_eq!(client.data().await.len(), size);
            }
            assert_eq!(client.data().await, "y".repeat(1024 * 1024));
            assert_eq!(client.next().await.unwrap(), None);
            assert_eq!(scene.ended().await, CloseReason::Completed);
            client.send(request("/plain", None)).await;
            assert_eq!(client.response().await.1, "plain");
        }
    }
}

/// Some clients have left, and some are behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_get_the_last_event() {
    const CLIENTS: usize = 1000;
    for park in FORMS {
        let set = |server: Server| server.write_timeout(PATIENCE).max_connections(2 * CLIENTS);
        let mut scene = Scene::with(park, Retention::new(), set).await;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(Client::stream(scene.server.address, "/bare").await);
        }
        scene.is_in_form();
        scene.publish("one").await;
        drop(clients.split_off(CLIENTS - 10));
        close(&scene, "last").await;
        let read = |mut client: Client| async move {
            assert_eq!((client.data().await.as_str(), client.data().await.as_str()), ("one", "last"));
            assert_eq!(client.next().await.expect("a clean end"), None);
            client
        };
        let clients = within(PATIENCE, "all ends", join_all(clients.into_iter().map(read))).await;
        let mut completed = 0;
        for _ in 0..CLIENTS {
            completed += usize::from(scene.ended().await == CloseReason::Completed);
        }
        assert!(completed >= clients.len(), "{completed} streams were completed");
        until(PATIENCE, "nothing is held", || scene.held.get() == 0 && scene.topic.subscribers() == 0).await;
    }
}

/// A topic is closed while clients come: each gets the last event, or is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_at_that_moment_get_the_last_event() {
    for park in [FORMS; 10].concat() {
        let scene = Scene::new(park).await;
        let address = scene.server.address;
        let clients = (0..20).map(|_| {
            tokio::spawn(async move {
                let mut client = Client::stream(address, "/bare").await;
                let data = client.data().await;
                assert_eq!(client.next().await.expect("a clean end"), None);
                data
            })
        });
        let clients: Vec<_> = clients.collect();
        tokio::task::yield_now().await;
        close(&scene, "last").await;
        for client in clients {
            assert_eq!(within(PATIENCE, "the end", client).await.expect("a client"), "last");
        }
    }
}
