//! Destructors that panic, several in a row: each ends its own stream only, and never the process.

use std::future::pending;
use std::panic::panic_any;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use http_body_util::BodyExt;
use support::{until, within};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use touka::{CloseReason, Event, EventSender, EventStream, IntoEvent};

const PATIENCE: Duration = Duration::from_mins(1);

/// Panics when it is dropped, with a payload that panics when dropped as well.
struct Spiteful(u32);

impl Drop for Spiteful {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self(self.0 - 1));
        }
    }
}

impl IntoEvent for Spiteful {
    fn into_event(mut self) -> touka::Result<Event> {
        self.0 = 0;
        Ok(Event::data("spiteful"))
    }
}

impl IntoResponse for Spiteful {
    fn into_response(mut self) -> Response {
        self.0 = 0;
        StatusCode::CONFLICT.into_response()
    }
}

/// A plain function whose client has left ends by returning, failing or panicking.
#[tokio::test]
async fn the_result_of_a_plain_function_without_a_client() {
    for panics in [true, false] {
        let (go, gone) = mpsc::channel::<()>();
        let (tell, ended) = mpsc::channel::<()>();
        let opening = EventStream::<Event>::try_spawn_blocking(1, move |events: EventSender| {
            // Dropped when the function has ended.
            let _tell = tell;
            events.blocking_send("here").expect("the stream is open");
            let _ = gone.recv();
            if panics {
                panic_any(Spiteful(3));
            }
            Err(Spiteful(3))
        });
        let Ok(mut stream) = within(PATIENCE, "the opening", opening).await else { panic!("the stream opens") };
        assert_eq!(stream.next().await, Some(Event::data("here")));
        drop(stream);
        drop(go);
        assert!(ended.recv_timeout(PATIENCE).is_err());
        // The thread is about to end, and has ended once its name is gone.
        until(PATIENCE, "the thread has ended", || !threads().contains("touka-blocking")).await;
    }
}

/// The names of this process's threads.
fn threads() -> String {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this is Linux").flatten();
    tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default()).collect()
}

/// The function's result and the events before it are dropped together.
#[tokio::test]
async fn events_and_the_error_behind_them() {
    for thread in [true, false] {
        let (tell, ended) = mpsc::channel::<()>();
        let opening = if thread {
            EventStream::<Spiteful>::try_spawn_blocking(8, move |events: EventSender<Spiteful>| {
                let _tell = tell;
                for _ in 0..4 {
                    assert!(events.blocking_send(Spiteful(3)).is_ok());
                }
                Err(Spiteful(3))
            })
        } else {
            EventStream::<Spiteful>::try_spawn(8, move |events: EventSender<Spiteful>| async move {
                let _tell = tell;
                for _ in 0..4 {
                    assert!(events.send(Spiteful(3)).await.is_ok());
                }
                Err(Spiteful(3))
            })
        };
        let Ok(mut stream) = within(PATIENCE, "the opening", opening).await else { panic!("the stream opens") };
        let mut first = stream.next().await.expect("an event");
        first.0 = 0;
        until(PATIENCE, "ended", || ended.try_recv() == Err(mpsc::TryRecvError::Disconnected)).await;
        thread::sleep(Duration::from_millis(20));
        let (tell, mut reasons) = unbounded_channel();
        drop(stream.on_close(move |reason| {
            let _ = tell.send(reason);
        }));
        assert_eq!(reasons.recv().await, Some(CloseReason::Panicked));
    }
}

/// The runtime drops what a stream's task holds, and goes on.
#[test]
fn a_task_that_is_aborted() {
    for threads in [0, 1] {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let mut alone = tokio::runtime::Builder::new_current_thread();
        let builder = if threads == 0 { &mut alone } else { builder.worker_threads(threads) };
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for panics in [false, true] {
                let mut stream = EventStream::<Event>::spawn(1, move |events: EventSender| async move {
                    let held = Spiteful(3);
                    events.send("here").await.expect("the stream is open");
                    if panics {
                        panic_any(held);
                    }
                    pending::<()>().await;
                    drop(held);
                });
                assert_eq!(stream.next().await, Some(Event::data("here")));
                drop(stream);
                for _ in 0..10 {
                    let (tell, told) = oneshot::channel();
                    tokio::spawn(async move { tell.send(()) });
                    within(PATIENCE, "another task", told).await.expect("the runtime goes on");
                }
            }
        });
    }
}

/// The body and `on_error` are dropped together.
#[tokio::test]
async fn a_body_and_its_on_error() {
    let (held, told) = (Spiteful(3), Spiteful(3));
    let opening = EventStream::<Event>::try_generate(|out| async move {
        out.emit("here").await;
        pending::<()>().await;
        drop(held);
        Err(StatusCode::CONFLICT)
    });
    let opening = opening.on_error(move |_| {
        drop(told);
        Event::data("told")
    });
    let mut stream = opening.await.expect("the stream opens");
    assert_eq!(stream.next().await, Some(Event::data("here")));
    let (tell, mut reasons) = unbounded_channel();
    drop(stream.on_close(move |reason| {
        let _ = tell.send(reason);
    }));
    assert_eq!(reasons.recv().await, Some(CloseReason::Panicked));
}

/// A body panics, so `on_error` is dropped without a call.
#[tokio::test]
async fn an_on_error_that_is_not_called() {
    let told = Spiteful(3);
    let opening = EventStream::<Event>::try_generate(|out| async move {
        out.emit("here").await;
        if out.emit("and here").await {
            panic_any(Spiteful(3));
        }
        Err(StatusCode::CONFLICT)
    });
    let opening = opening.on_error(move |_| {
        drop(told);
        Event::data("told")
    });
    let response = opening.await.expect("the stream opens").into_response();
    let body = response.into_body().collect().await.expect("a stream cannot fail").to_bytes();
    assert_eq!(
        body,
        "data: here\n\ndata: and here\n\nevent: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n"
    );
}

/// A function that never got a thread is dropped with what it captured.
#[tokio::test]
async fn a_stream_that_is_never_read() {
    let (tell, mut reasons) = unbounded_channel();
    for thread in [true, false] {
        let held = Spiteful(3);
        let stream = if thread {
            EventStream::<Event>::spawn_blocking(1, move |_: EventSender| drop(held))
        } else {
            EventStream::<Event>::spawn(1, move |_: EventSender| async move { drop(held) })
        };
        let tell = tell.clone();
        drop(stream.on_close(move |reason| {
            let _ = tell.send(reason);
        }));
        assert_eq!(reasons.recv().await, Some(CloseReason::Panicked));
    }
}

/// A stream is dropped because a handler panics.
#[tokio::test]
async fn a_stream_in_a_handler_that_panics() {
    let handler = async {
        let (events, stream) = EventStream::<Spiteful>::channel(8);
        for _ in 0..4 {
            assert!(events.try_send(Spiteful(3)).is_ok());
        }
        let held = Spiteful(3);
        let _other = EventStream::<Event>::generate(move |_| async move { drop(held) });
        let _stream = stream.on_close(|_| panic_any(Spiteful(3)));
        panic!("this handler panics on purpose");
    };
    let panicked = std::panic::AssertUnwindSafe(handler).catch_unwind().await;
    assert!(panicked.is_err());
}
