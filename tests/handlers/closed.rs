//! `EventSender::closed` resolves for each stream that is gone, including one that never opened: a task that
//! waits for it would otherwise wait for ever.

use std::future::pending;
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::BodyExt;
use support::within;
use tokio::sync::oneshot;
use touka::stream::Opening;
use touka::{CloseReason, Event, EventSender, EventStream};

const PATIENCE: Duration = Duration::from_mins(1);

/// A task that waits for a stream's end, as a body might spawn.
fn watch(events: EventSender) -> impl Future<Output = CloseReason> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move { tell.send(events.closed().await) });
    async { within(PATIENCE, "closed()", told).await.expect("a reason") }
}

/// An opening whose body passes a clone of its sender out, and then runs `body`.
fn opening<F>(body: F) -> (Opening<Event, StatusCode>, oneshot::Receiver<EventSender>)
where
    F: Future<Output = Result<(), StatusCode>> + Send + 'static,
{
    let (hand_on, handed_on) = oneshot::channel();
    let opening = EventStream::try_spawn(4, move |events: EventSender| {
        let _ = hand_on.send(events);
        body
    });
    (opening, handed_on)
}

#[tokio::test]
async fn a_refused_stream_is_closed() {
    let (opening, handed_on) = opening(async { Err(StatusCode::CONFLICT) });
    assert_eq!(opening.await.unwrap_err(), StatusCode::CONFLICT);
    assert_eq!(watch(handed_on.await.expect("a sender")).await, CloseReason::Failed);
}

#[tokio::test]
async fn a_stream_whose_opening_is_dropped_is_closed() {
    let (mut opening, mut handed_on) = opening(pending());
    let events = loop {
        assert!((&mut opening).now_or_never().is_none());
        tokio::task::yield_now().await;
        if let Ok(events) = handed_on.try_recv() {
            break events;
        }
    };
    let closed = watch(events);
    drop(opening);
    assert_eq!(closed.await, CloseReason::Disconnected);
}

#[tokio::test]
async fn a_stream_whose_body_panics_before_it_opens_is_closed() {
    let (opening, handed_on) = opening(async { panic!("this body panics on purpose") });
    let panic = std::panic::AssertUnwindSafe(opening).catch_unwind().await;
    assert!(panic.is_err());
    assert_eq!(watch(handed_on.await.expect("a sender")).await, CloseReason::Panicked);
}

#[tokio::test]
async fn a_plain_function_that_refuses_closes_its_stream() {
    let (hand_on, handed_on) = oneshot::channel();
    let opening = EventStream::<Event>::try_spawn_blocking(4, move |events| {
        let _ = hand_on.send(events);
        Err(StatusCode::CONFLICT)
    });
    assert_eq!(within(PATIENCE, "the refusal", opening).await.unwrap_err(), StatusCode::CONFLICT);
    assert_eq!(watch(handed_on.await.expect("a sender")).await, CloseReason::Failed);
}

#[tokio::test]
async fn a_response_that_is_dropped_closes_its_stream() {
    let (events, stream) = EventStream::channel(4);
    let closed = watch(events);
    drop(stream.into_response());
    assert_eq!(closed.await, CloseReason::Disconnected);

    let (hand_on, handed_on) = oneshot::channel();
    let stream = EventStream::<Event>::spawn(4, |events| async move {
        events.send("first").await.expect("the stream is open");
        let _ = hand_on.send(events);
        pending::<()>().await;
    });
    let mut body = stream.into_response().into_body();
    body.frame().await.expect("a frame").expect("a stream cannot fail");
    let closed = watch(handed_on.await.expect("a sender"));
    drop(body);
    assert_eq!(closed.await, CloseReason::Disconnected);
}

#[tokio::test]
async fn an_opened_stream_is_open_until_it_is_dropped() {
    let (opening, handed_on) = opening(pending());
    let stream = opening.open_after(Duration::ZERO).await.expect("the stream opens at once");
    let events = handed_on.await.expect("a sender");
    assert!(events.closed().now_or_never().is_none(), "the stream is open");
    let closed = watch(events);
    drop(stream);
    assert_eq!(closed.await, CloseReason::Disconnected);
}
