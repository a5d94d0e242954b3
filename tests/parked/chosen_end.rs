//! Streams that end after an event that the handler chooses.

use std::sync::atomic::Ordering;

use support::{Client, Count};
use touka::topic::Retention;
use touka::{CloseReason, Event};

use crate::scene::{App, FORMS, PATIENCE, Scene};

const REQUEST: &str = "GET /chosen HTTP/1.1\r\nhost: test\r\n\r\n";

/// The request of a client that comes back with this id.
fn request_after(id: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\nlast-event-id: {id}\r\n\r\n"))
}

/// Counts its calls. The event with the data `last` is the last one, and `bad` makes it panic, as does its `Drop` after
/// `fragile`.
pub(crate) fn test(app: &App) -> impl FnMut(&Event) -> bool + Send + use<> {
    struct Fragile(bool);

    impl Drop for Fragile {
        fn drop(&mut self) {
            assert!(!self.0, "a drop that panics");
        }
    }

    let (tested, held, mut fragile) = (app.tested.clone(), app.held.hold(), Fragile(false));
    move |event| {
        // Captures the whole values.
        let (_, fragile) = (&held, &mut fragile);
        tested.fetch_add(1, Ordering::Relaxed);
        let data = event.as_data().unwrap_or_default();
        assert_ne!(data, "bad", "this test of an event panics on purpose");
        fragile.0 |= data == "fragile";
        data == "last"
    }
}

fn held(count: &Count) -> impl Fn() -> bool {
    let count = count.clone();
    move || count.get() == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_after_the_chosen_event() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut other = scene.client("/a").await;
        let mut client = scene.client("/chosen").await;
        for turn in 0..10 {
            for data in ["1", "2", "last"] {
                scene.publish(data).await;
            }
            for data in ["1", "2", "last", ""] {
                assert_eq!(client.data().await, data, "turn {turn}");
            }
            assert_eq!(client.next().await.unwrap(), None);
            assert_eq!(scene.ended().await, CloseReason::Completed);
            let id = scene.publish("after the end").await;
            for data in ["1", "2", "last", "after the end"] {
                assert_eq!(other.data().await, data);
            }
            assert_eq!((scene.tested.swap(0, Ordering::Relaxed), scene.topic.subscribers()), (3, 1));
            // The same connection, from the newest position on.
            client.send(request_after(&id)).await;
            assert_eq!(client.head().await.status(), 200);
            scene.is_in_form();
        }
        drop((client, other));
        support::until(PATIENCE, "nothing is held", held(&scene.held)).await;
    }
}

/// The chosen event is retained when the client comes: the stream is over before it is parked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chosen_event_may_be_retained_already() {
    for park in FORMS {
        for before in [1, 1000] {
            let mut scene = Scene::new(park).await;
            // More than one frame holds, with an event of the size of a frame as the last.
            let filler = "x".repeat(20);
            for _ in 1..before {
                scene.publish(filler.as_str()).await;
            }
            scene.publish("last").await;
            scene.publish("more").await;
            let mut client = Client::connect(scene.server.address).await;
            client.send(REQUEST).await;
            assert_eq!(client.head().await.status(), 200);
            for _ in 1..before {
                assert_eq!(client.data().await, filler);
            }
            assert_eq!((client.data().await.as_str(), client.data().await.as_str()), ("last", ""));
            assert_eq!(client.next().await.unwrap(), None);
            assert_eq!(scene.ended().await, CloseReason::Completed);
            assert_eq!(scene.tested.load(Ordering::Relaxed), before);
        }
    }
}

/// Each event is tested once, though its bytes are taken in many parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_gets_every_event_up_to_the_chosen_one() {
    for park in FORMS {
        let retention = Retention::new().bytes(64 * 1024 * 1024);
        let mut scene = Scene::with(park, retention, |server| server.write_timeout(PATIENCE)).await;
        let mut client = Client::connect_small(scene.server.address, 4096).await;
        client.send(REQUEST).await;
        client.head().await;
        scene.is_in_form();
        let sizes = [1, 5000, 16_384, 3, 1024 * 1024, 100, 4096, 2, 1024 * 1024, 7];
        for size in sizes {
            scene.publish("x".repeat(size)).await;
        }
        scene.publish("last").await;
        scene.publish("more").await;
        for size in sizes {
            assert_eq!(client.data().await.len(), size);
        }
        assert_eq!(client.data().await, "last");
        assert_eq!((client.data().await.as_str(), client.next().await.unwrap()), ("", None));
        assert_eq!(scene.ended().await, CloseReason::Completed);
        assert_eq!(scene.tested.load(Ordering::Relaxed), sizes.len() + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_panics_ends_its_own_stream() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut other = scene.client("/a").await;
        let mut client = scene.client("/chosen").await;
        for _ in 0..3 {
            let id = scene.publish("bad").await;
            scene.publish("next").await;
            assert_eq!((client.data().await.as_str(), other.data().await.as_str()), ("bad", "bad"));
            let error = client.next().await.unwrap().expect("an error event");
            assert_eq!((error.name.as_str(), error.data.contains("500")), ("error", true));
            assert_eq!(client.next().await.unwrap(), None);
            assert_eq!(scene.ended().await, CloseReason::Panicked);
            assert_eq!(other.data().await, "next");
            client.send(request_after(&id)).await;
            assert_eq!((client.head().await.status(), client.data().await.as_str()), (200, "next"));
            scene.is_in_form();
        }
    }
}

/// The closure is dropped at each kind of end, and a panic in its `Drop` affects no other stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_is_dropped_with_its_stream() {
    for park in FORMS {
        for data in ["fine", "fragile"] {
            let mut scene = Scene::new(park).await;
            let mut other = scene.client("/a").await;
            scene.publish(data).await;
            let mut closed = Client::stream(scene.server.address, "/chosen").await;
            assert_eq!(closed.data().await, data);
            assert_eq!(scene.handle.close(|stream| stream.path() == "/chosen"), 1);
            assert_eq!(closed.next().await.unwrap(), None);
            let reason = scene.ended().await;
            let mut left = Client::stream(scene.server.address, "/chosen").await;
            assert_eq!(left.data().await, data);
            drop(left);
            // The panic is the first that is known of this end.
            let expected = if data == "fine" { CloseReason::Disconnected } else { CloseReason::Panicked };
            assert_eq!((reason, scene.ended().await), (CloseReason::Shutdown, expected), "{park:?}");
            let mut ended = Client::stream(scene.server.address, "/chosen").await;
            assert_eq!(ended.data().await, data);
            scene.publish("last").await;
            assert_eq!((ended.data().await.as_str(), ended.data().await.as_str()), ("last", ""));
            assert_eq!((ended.next().await.unwrap(), scene.ended().await), (None, CloseReason::Completed));
            assert_eq!((other.data().await.as_str(), other.data().await.as_str()), (data, "last"));
            drop(other);
            assert_eq!(scene.ended().await, CloseReason::Disconnected);
            support::until(PATIENCE, "nothing is held", held(&scene.held)).await;
            scene.server.stop();
            scene.server.stopped(PATIENCE).await;
        }
    }
}
