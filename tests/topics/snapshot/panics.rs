//! A panic in the user's code of a snapshot ends its own stream, and a load ends with its client.

use std::future::{Future, pending};
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::{FutureExt, StreamExt};
use support::Count;
use touka::response::{IntoResponse, Response, StatusCode};
use touka::topic::{OnGap, Snapshot};
use touka::{CloseReason, Event, EventStream, Hub, IntoEvent, Topic};

/// Panics when it is dropped, with a payload that panics when dropped as well.
#[derive(Clone)]
struct Spiteful(u32);

impl Drop for Spiteful {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self(self.0 - 1));
        }
    }
}

/// Panics when it is cloned.
struct Sole;

impl Clone for Sole {
    fn clone(&self) -> Self {
        panic!("a clone")
    }
}

/// Panics when it becomes an event.
struct Unfit;

impl From<Unfit> for Event {
    fn from(_: Unfit) -> Self {
        panic!("a conversion")
    }
}

impl IntoResponse for Unfit {
    fn into_response(self) -> Response {
        panic!("a response")
    }
}

/// Is ready at once, and panics when it is dropped.
struct Late {
    _held: Spiteful,
}

impl Future for Late {
    type Output = [&'static str; 1];

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<[&'static str; 1]> {
        Poll::Ready(["x"])
    }
}

async fn follow(topic: &Topic, snapshot: Snapshot) -> (EventStream, Arc<Mutex<Option<CloseReason>>>) {
    let stream = topic.subscribe(None).on_gap(snapshot.initial()).await.expect("memory");
    let reason = Arc::new(Mutex::new(None));
    let told = Arc::clone(&reason);
    (stream.on_close(move |reason| *told.lock().expect("no panic") = Some(reason)), reason)
}

fn snapshots() -> Vec<(&'static str, Snapshot)> {
    let (sole, spiteful) = (Sole, || Spiteful(3));
    vec![
        ("the call", OnGap::snapshot(|| -> std::future::Ready<Vec<Event>> { panic!("a call") })),
        ("the call's panic", OnGap::snapshot(|| -> std::future::Ready<Vec<Event>> { panic_any(Spiteful(3)) })),
        ("the future", OnGap::snapshot(async || -> Vec<Event> { panic!("a poll") })),
        (
            "the future, later",
            OnGap::snapshot(async || -> Vec<Event> {
                tokio::task::yield_now().await;
                panic!("a later poll")
            }),
        ),
        (
            "the clone",
            OnGap::snapshot(move || {
                let _ = &sole;
                async { ["x"] }
            }),
        ),
        ("the conversion", OnGap::snapshot(async || [Unfit])),
        (
            "the iterator",
            OnGap::snapshot(async || Ok::<_, StatusCode>(std::iter::repeat_with(|| -> Event { panic!() }))),
        ),
        ("the error", OnGap::snapshot(async || Err::<Vec<Event>, Unfit>(Unfit))),
        ("the end of the future", OnGap::snapshot(move || Late { _held: spiteful() })),
        (
            "the end of the iterator",
            OnGap::snapshot(move || async move {
                let held = spiteful();
                let event = move || {
                    let _held = &held;
                    None::<Event>
                };
                Ok::<_, StatusCode>(std::iter::from_fn(event))
            }),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_own_stream() {
    let topic = Hub::memory().topic::<Event>("a").expect("a topic");
    let mut other = topic.subscribe(None).await.expect("memory");
    other.next().await.expect("the position");
    for (place, snapshot) in snapshots() {
        let (mut stream, reason) = follow(&topic, snapshot).await;
        while stream.next().await.is_some() {}
        drop(stream);
        assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Panicked), "{place}");
        topic.publish(place).await.expect("published");
        assert_eq!(other.next().await.expect("an event").as_data(), Some(place));
    }
}

/// The destructors of a load, of a list and of a closure, when the client leaves.
#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_ends_its_own_stream() {
    let topic = Hub::memory().topic::<Event>("a").expect("a topic");
    let (in_load, in_list) = (|| Spiteful(3), || Spiteful(3));
    let in_closure = Arc::new(Spiteful(3));
    let leaving = [
        OnGap::snapshot(move || async move {
            let _held = in_load();
            pending::<[&str; 0]>().await
        }),
        OnGap::snapshot(move || async move {
            let held = in_list();
            Ok::<_, StatusCode>(std::iter::repeat_with(move || {
                let _held = &held;
                "x"
            }))
        }),
        OnGap::snapshot(async move || {
            let _held = &in_closure;
            ["x"]
        }),
    ];
    for snapshot in leaving {
        let (mut stream, reason) = follow(&topic, snapshot).await;
        let _ = stream.next().now_or_never();
        drop(stream);
        assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Panicked));
    }
    assert_eq!(topic.subscribers(), 0);
}

/// A value that cannot be an event ends the stream as failed.
#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_encoded_ends_the_stream() {
    struct Never;

    impl IntoEvent for Never {
        fn into_event(self) -> touka::Result<Event> {
            Event::json(&std::collections::BTreeMap::from([((1, 2), 3)]))
        }
    }

    let topic = Hub::memory().topic::<Never>("a").expect("a topic");
    let stream = topic.subscribe(None).on_gap(OnGap::snapshot(async || [Never]).initial()).await.expect("memory");
    let reason = Arc::new(Mutex::new(None));
    let told = Arc::clone(&reason);
    let mut stream = stream.on_close(move |reason| *told.lock().unwrap() = Some(reason));
    assert!(stream.next().await.is_none());
    drop(stream);
    assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Failed));
}

/// A panic of the test for the last event ends the stream after the snapshot, and the test is not called again.
#[tokio::test(start_paused = true)]
async fn a_panic_of_the_test_ends_the_stream_after_the_snapshot() {
    let topic = Hub::memory().topic::<Event>("a").expect("a topic");
    let calls = Count::default();
    let counted = calls.clone();
    let subscribe = topic.subscribe(None).on_gap(OnGap::snapshot(async || ["x", "y", "z"]).initial());
    let stream = subscribe.until(move |event| {
        counted.add();
        assert_ne!(event.as_data(), Some("y"), "a test");
        false
    });
    let read: Vec<_> = stream.await.expect("memory").map(|event| event.as_data().unwrap().to_owned()).collect().await;
    assert_eq!((read.join(""), calls.get()), ("xyz".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_load_is_dropped_when_the_client_leaves() {
    let topic = Hub::memory().topic::<Event>("a").expect("a topic");
    let loads = Count::default();
    let held = loads.clone();
    let snapshot = OnGap::snapshot(move || async move {
        let _held = held.hold();
        pending::<Vec<Event>>().await
    });
    let (mut stream, reason) = follow(&topic, snapshot).await;
    assert!(stream.next().now_or_never().is_none());
    assert_eq!((loads.get(), topic.subscribers()), (1, 1));
    drop(stream);
    assert_eq!((loads.get(), topic.subscribers()), (0, 0));
    assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Disconnected));
}
