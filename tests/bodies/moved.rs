//! The body of a stream's response wakes the task that polled it last, even if another task polled it for the
//! frame before.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use support::within;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use touka::EventStream;

const PATIENCE: Duration = Duration::from_secs(20);

/// The number of emits after which a body is classified as quick and its events share frames.
const QUICK: usize = 100;

/// Emits what is sent to it.
fn forwarding() -> (UnboundedSender<String>, EventStream) {
    let (tell, mut forwarding) = unbounded_channel::<String>();
    let stream = EventStream::generate(|out| async move {
        for _ in 0..QUICK {
            out.emit("quick").await;
        }
        while let Some(text) = forwarding.recv().await {
            out.emit(text).await;
        }
    });
    (tell, stream.keep_alive(None))
}

#[tokio::test]
async fn another_task_polls_for_the_next_frame() {
    let (tell, stream) = forwarding();
    let mut body = stream.into_response().into_body();
    let mut read = 0;
    while read < QUICK * "data: quick\n\n".len() {
        let frame = within(PATIENCE, "a frame", body.frame()).await.expect("no end").expect("no error");
        read += frame.into_data().expect("data").len();
    }
    for text in ["a", "b", "c"] {
        // A task that is gone after this frame: its waker wakes no task.
        tell.send(text.to_owned()).expect("the body reads");
        let frame = loop {
            if let Some(frame) = body.frame().now_or_never() {
                break frame;
            }
            tokio::task::yield_now().await;
        };
        let frame = frame.expect("no end").expect("no error").into_data().expect("data");
        assert_eq!(frame, format!("data: {text}\n\n"));
        // This task waits before there is an event.
        let mut next = pin!(body.frame());
        let polled = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        tell.send("more".to_owned()).expect("the body reads");
        let frame = within(PATIENCE, "the frame after another task's", next).await;
        assert_eq!(frame.expect("no end").expect("no error").into_data().expect("data"), "data: more\n\n");
    }
}

/// `select_all` polls a stream with a new waker after each of its items.
#[tokio::test]
async fn bodies_are_merged() {
    let (tells, bodies): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| forwarding())
        .map(|(tell, stream)| (tell, stream.into_response().into_body().into_data_stream()))
        .unzip();
    let mut all = stream::select_all(bodies);
    let mut read = 0;
    while read < 3 * QUICK * "data: quick\n\n".len() {
        read += within(PATIENCE, "a frame", all.next()).await.expect("no end").expect("no error").len();
    }
    for _ in 0..3 {
        for tell in &tells {
            assert!(all.next().now_or_never().is_none(), "there is nothing to read");
            tell.send("more".to_owned()).expect("the body reads");
            let frame = within(PATIENCE, "a frame", all.next()).await.expect("no end").expect("no error");
            assert_eq!(frame, "data: more\n\n");
        }
    }
}
