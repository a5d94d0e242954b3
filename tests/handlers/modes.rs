//! The three modes: a body that emits, a function called repeatedly, a queue with senders anywhere. Events,
//! ends and cancellation are the same.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use support::Count;
use tokio::sync::{Mutex, mpsc, oneshot};
use touka::stream::TrySendError;
use touka::testing::{Events, TestApp};
use touka::{CloseReason, Event, EventSender, EventStream, Router, route, routes};

const A_SECOND: Duration = Duration::from_secs(1);

async fn texts(stream: EventStream) -> Vec<String> {
    stream.map(|event| event.as_data().unwrap_or_default().to_owned()).collect().await
}

/// The data of the next event.
async fn data(events: &mut Events) -> String {
    events.next_event().await.expect("an event").data
}

#[tokio::test]
async fn a_callback_is_called_until_it_returns_false() {
    let mut calls = 0;
    let stream = EventStream::callback(move |mut out| {
        calls += 1;
        async move {
            // Two events per call, and none in the second.
            if calls != 2 {
                out.write(format!("{calls} a")).await;
                out.write(format!("{calls} b")).await;
            }
            calls < 3
        }
    });
    assert_eq!(texts(stream).await, ["1 a", "1 b", "3 a", "3 b"]);
}

#[tokio::test]
async fn an_idle_callback_yields_to_other_tasks() {
    let mut stream = EventStream::<Event>::callback(|_| async { true });
    // One thread: the timeout fires only if the loop yields.
    let waited = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn other_streams_become_event_streams() {
    assert_eq!(texts(EventStream::from_stream(stream::iter(["a", "b"]))).await, ["a", "b"]);
    let good = EventStream::from_try_stream(stream::iter([Ok("a"), Err(StatusCode::GONE), Ok("never")]));
    assert_eq!(texts(good.await.expect("the first item opened it")).await, ["a"]);
    let bad = EventStream::<Event>::from_try_stream(stream::iter([Err(StatusCode::GONE), Ok("never")]));
    assert_eq!(bad.await.unwrap_err(), StatusCode::GONE);
}

#[tokio::test]
async fn senders_anywhere_fill_one_stream_until_the_last_is_dropped() {
    let (events, stream) = EventStream::channel(4);
    for source in 0..3 {
        let events = events.clone();
        tokio::spawn(async move {
            for number in 0..5 {
                events.send(format!("{source}:{number}")).await.expect("the stream is read");
            }
        });
    }
    let blocking = events.clone();
    tokio::task::spawn_blocking(move || blocking.blocking_send("blocking").expect("the stream is read"));
    events.send_timeout("timed", A_SECOND).await.expect("there is capacity");
    drop(events);
    let mut seen = texts(stream).await;
    seen.sort_unstable();
    let mut expected: Vec<_> =
        (0..3).flat_map(|source| (0..5).map(move |number| format!("{source}:{number}"))).collect();
    expected.extend(["blocking".to_owned(), "timed".to_owned()]);
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_returns_the_event() {
    let (events, mut stream) = EventStream::<Event>::channel(1);
    events.try_send("one").expect("there is capacity");
    assert_eq!(events.try_send("two"), Err(TrySendError::Full(Event::data("two"))));
    assert_eq!(events.send_timeout("three", A_SECOND).await, Err(TrySendError::Full(Event::data("three"))));
    assert_eq!(stream.next().await, Some(Event::data("one")));
    events.try_send("four").expect("there is capacity again");
    drop(stream);
    assert_eq!(events.try_send("five"), Err(TrySendError::Closed(Event::data("five"))));
    assert_eq!(events.send("six").await.unwrap_err().0, Event::data("six"));
    assert!(events.is_closed());
    assert_eq!(events.closed().await, CloseReason::Disconnected);
    assert_eq!(events.clone().closed().await, CloseReason::Disconnected, "a later call returns the same reason");
}

#[tokio::test(start_paused = true)]
async fn a_body_in_a_task_is_aborted_when_the_client_leaves() {
    let held = Count::default();
    let holds = held.clone();
    let router = axum::Router::new().route(
        "/",
        axum::routing::get(move || async move {
            EventStream::<Event>::spawn(8, move |events| async move {
                let _held = holds.hold();
                events.send("here").await.expect("the client reads");
                std::future::pending::<()>().await;
            })
        }),
    );
    let app = TestApp::new(router);
    let head = app.request(Method::HEAD, "/").send().await;
    assert_eq!(head.status(), 200);
    // Time for a body to start, if it did.
    tokio::time::sleep(A_SECOND).await;
    assert_eq!(held.get(), 0, "the head alone starts nothing");
    drop(head);
    let mut events = app.get("/").events().await;
    assert_eq!(data(&mut events).await, "here");
    assert_eq!(held.get(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
    assert_eq!(held.get(), 0, "the task was not aborted");
}

#[tokio::test(start_paused = true)]
async fn a_sender_reads_why_its_stream_ended() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let router = axum::Router::new().route(
        "/",
        axum::routing::get(move || async move {
            let (events, stream) = EventStream::<Event>::channel(8);
            tokio::spawn(async move {
                events.send("here").await.expect("the client reads");
                tell.send(events.closed().await).expect("the test waits");
            });
            stream
        }),
    );
    let app = TestApp::new(router);
    let mut events = app.get("/").events().await;
    assert_eq!(data(&mut events).await, "here");
    events.disconnect();
    assert_eq!(told.recv().await, Some(CloseReason::Disconnected));

    let mut events = app.get("/").events().await;
    assert_eq!(data(&mut events).await, "here");
    app.shutdown();
    assert_eq!(told.recv().await, Some(CloseReason::Shutdown));
    assert_eq!(events.next_event().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_task_ends_the_stream_when_it_and_all_its_senders_are_done() {
    // The body returns at once; the sender it passed on is still open.
    let (go, wait) = oneshot::channel::<()>();
    let stream = EventStream::<Event>::spawn(8, |events| async move {
        events.send("body").await.expect("read");
        tokio::spawn(async move {
            wait.await.expect("the test goes on");
            events.send("handed on").await.expect("read");
        });
    });
    let mut stream = std::pin::pin!(stream);
    assert_eq!(stream.next().await, Some(Event::data("body")));
    go.send(()).unwrap();
    assert_eq!(stream.next().await, Some(Event::data("handed on")));
    assert_eq!(stream.next().await, None);

    // The sender is dropped; the body still runs.
    let done = Count::default();
    let counts = done.clone();
    let stream = EventStream::<Event>::spawn(8, |events| async move {
        drop(events);
        tokio::time::sleep(A_SECOND).await;
        counts.add();
    });
    assert_eq!(texts(stream).await, [""; 0]);
    assert_eq!(done.get(), 1, "the stream ended before its body");
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_and_panics_as_a_body_does() {
    let early = EventStream::<Event>::try_spawn(8, |_| async { Err(StatusCode::PAYMENT_REQUIRED) });
    assert_eq!(early.await.unwrap_err(), StatusCode::PAYMENT_REQUIRED);

    #[route(GET, "/late")]
    async fn late() -> Result<EventStream, StatusCode> {
        EventStream::try_spawn(8, |events| async move {
            events.send("one").await.expect("read");
            events.send("two").await.expect("read");
            // A clone that outlives the body must not hide the error.
            tokio::spawn(async move { events.closed().await });
            Err(StatusCode::PAYMENT_REQUIRED)
        })
        .await
    }
    #[route(GET, "/panics")]
    async fn panics() -> EventStream {
        EventStream::spawn(8, |events: EventSender| async move {
            events.send("one").await.expect("read");
            panic!("this body panics on purpose");
        })
    }
    #[route(GET, "/blocking")]
    async fn blocking() -> Result<EventStream, StatusCode> {
        EventStream::try_spawn_blocking(2, |events| {
            for number in 0..10 {
                events.blocking_send(number.to_string()).expect("read");
            }
            Err(StatusCode::CONFLICT)
        })
        .await
    }
    let app = TestApp::new(Router::new().mount(routes![late, panics, blocking]));
    for (path, count, status) in [("/late", 2, 402), ("/panics", 1, 500), ("/blocking", 10, 409)] {
        let mut events = app.get(path).events().await;
        for _ in 0..count {
            assert_eq!(events.next_event().await.expect("an event").name, "message", "{path}");
        }
        let error = events.next_event().await.expect("the error");
        assert_eq!(error.name, "error");
        assert!(error.data.starts_with(&format!("{{\"status\":{status},")), "{path}: {error:?}");
        assert_eq!(events.next_event().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocking_body_ends_at_its_first_send_after_a_disconnect() {
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(Mutex::new(Some(tell)));
    let router = axum::Router::new().route(
        "/",
        axum::routing::get(move || async move {
            let tell = tell.lock().await.take().expect("one client");
            EventStream::<Event>::spawn_blocking(2, move |events| {
                while events.blocking_send("x".repeat(1000)).is_ok() {}
                tell.send(()).expect("the test waits");
            })
        }),
    );
    let app = TestApp::new(router);
    let mut events = app.get("/").events().await;
    data(&mut events).await;
    events.disconnect();
    told.await.expect("the body has ended");
    app.assert_nothing_left().await;
}
