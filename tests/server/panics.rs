//! A panic in user code ends its own stream or request, and the client is notified: with an `error` event
//! after the head, with a 500 before it.

use std::future::{Ready, pending, ready};
use std::panic::panic_any;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{Method, StatusCode, Version};
use support::{Running, Visitor, within};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::State;
use touka::routing::Route;
use touka::{CloseReason, Emitter, Event, EventSender, EventStream, Router, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);
const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// The last event of a stream whose code has panicked.
const ERROR: (&str, &str) = ("error", r#"{"status":500,"title":"Internal Server Error"}"#);

type Report = UnboundedSender<CloseReason>;

fn reported<T>(stream: EventStream<T>, report: Report) -> EventStream<T> {
    stream.on_close(move |reason| {
        let _ = report.send(reason);
    })
}

/// An error whose conversion into a response panics.
#[derive(Debug)]
struct Unconvertible;

impl IntoResponse for Unconvertible {
    fn into_response(self) -> Response {
        panic!("this conversion panics on purpose");
    }
}

/// Panics when it is dropped, with a payload that panics when dropped as well.
struct PanicsOnDrop(u32);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self(self.0 - 1));
        }
    }
}

/// Fails after its first event.
fn failing<E: IntoResponse + Send + 'static>(error: E) -> touka::stream::Opening<Event, E> {
    EventStream::try_generate(|out: Emitter| async move {
        out.emit("here").await;
        Err(error)
    })
}

#[route(GET, "/on-error")]
async fn on_error(State(report): State<Report>) -> Result<EventStream, StatusCode> {
    let opening = failing(StatusCode::CONFLICT).on_error(|_| panic!("this on_error panics on purpose"));
    Ok(reported(opening.await?, report))
}

/// Sets `on_error` with the attribute.
#[sse_handler(on_error = panicking_event)]
async fn failing_by_option() -> Result<EventStream, StatusCode> {
    emit!("here");
    Err(StatusCode::CONFLICT)
}

fn panicking_event(_: StatusCode) -> Event {
    panic!("this on_error panics on purpose")
}

#[route(GET, "/on-error-option")]
async fn on_error_option(State(report): State<Report>) -> Result<EventStream, StatusCode> {
    Ok(reported(failing_by_option().await?, report))
}

#[route(GET, "/late-error")]
async fn late_error(State(report): State<Report>) -> Result<EventStream, Unconvertible> {
    Ok(reported(failing(Unconvertible).await?, report))
}

#[route(GET, "/late-error-of-a-task")]
async fn late_error_of_a_task(State(report): State<Report>) -> Result<EventStream, Unconvertible> {
    let opening = EventStream::try_spawn(4, |events: EventSender| async move {
        let _ = events.send("here").await;
        Err(Unconvertible)
    });
    Ok(reported(opening.await?, report))
}

#[route(GET, "/destructor")]
async fn destructor(State(report): State<Report>) -> EventStream {
    let stream = EventStream::generate(|out: Emitter| {
        let held = PanicsOnDrop(3);
        async move {
            out.emit("here").await;
            drop(held);
        }
    });
    reported(stream, report)
}

/// A body's captures are dropped after the body.
#[route(GET, "/captured")]
async fn captured(State(report): State<Report>) -> EventStream {
    let held = PanicsOnDrop(3);
    let stream = EventStream::generate(|out: Emitter| async move {
        out.emit("here").await;
        let _held = &held;
    });
    reported(stream, report)
}

#[allow(unreachable_code, reason = "the type of the body")]
fn synchronous<B>(_: Emitter) -> B {
    panic!("this function panics before its body exists, on purpose")
}

#[route(GET, "/generate")]
async fn generate(State(report): State<Report>) -> EventStream {
    reported(EventStream::generate(synchronous::<Ready<()>>), report)
}

#[route(GET, "/spawn")]
async fn spawn(State(report): State<Report>) -> EventStream {
    let stream = EventStream::spawn(4, |_: EventSender| -> Ready<()> {
        panic!("this function panics before its body exists, on purpose")
    });
    reported(stream, report)
}

#[route(GET, "/try-spawn")]
async fn try_spawn() -> Result<EventStream, StatusCode> {
    EventStream::try_spawn(4, |_: EventSender| -> Ready<Result<(), StatusCode>> {
        panic!("this function panics before its body exists, on purpose")
    })
    .await
}

#[route(GET, "/callback")]
async fn callback(State(report): State<Report>) -> EventStream {
    let mut calls = 0;
    let stream = EventStream::callback(move |mut out| {
        calls += 1;
        assert!(calls < 2, "this callback panics on purpose");
        async move {
            out.write("here").await;
            true
        }
    });
    reported(stream, report)
}

#[route(GET, "/channel")]
async fn channel(State(report): State<Report>) -> EventStream {
    let stream = EventStream::from_stream(futures_util::stream::iter((0..2).map(|number| {
        assert!(number < 1, "this iterator panics on purpose");
        "here"
    })));
    reported(stream, report)
}

/// Each stream, and the number of events before its error.
const STREAMS: [(&str, usize); 10] = [
    ("/on-error", 1),
    ("/on-error-option", 1),
    ("/late-error", 1),
    ("/late-error-of-a-task", 1),
    ("/destructor", 1),
    ("/captured", 1),
    ("/generate", 0),
    ("/spawn", 0),
    ("/callback", 1),
    ("/channel", 1),
];

#[route(GET, "/before")]
async fn before() -> Result<EventStream, StatusCode> {
    EventStream::try_generate(synchronous::<Ready<Result<(), StatusCode>>>).await
}

#[route(GET, "/early-error")]
async fn early_error() -> Result<EventStream, Unconvertible> {
    Err(Unconvertible)
}

#[sse_handler]
#[route(GET, "/here")]
async fn here() {
    emit!("here");
    pending::<()>().await;
}

fn streams() -> (Router, UnboundedReceiver<CloseReason>) {
    let (report, reported) = unbounded_channel();
    let routes = routes![
        on_error,
        on_error_option,
        late_error,
        late_error_of_a_task,
        destructor,
        captured,
        generate,
        spawn,
        try_spawn,
        callback,
        channel,
        before,
        early_error,
        here
    ];
    let by_hand = Route::new(Method::GET, "/by-hand", |_, _: Report| -> Ready<StatusCode> {
        panic!("this handler panics before its future exists, on purpose")
    });
    (Router::new().mount(routes).mount([by_hand]).with_state(report), reported)
}

#[tokio::test]
async fn after_the_head_the_client_gets_an_error_event() {
    for version in VERSIONS {
        let (router, mut reasons) = streams();
        let server = Running::serve(router).await;
        let mut visitor = Visitor::connect(server.address, version).await;
        for (path, before) in STREAMS {
            let mut answer = visitor.stream(path).await;
            for _ in 0..before {
                assert_eq!(answer.data().await, "here", "{path}");
            }
            let error = answer.next().await.expect("the stream is not cut off").expect("an error");
            assert_eq!((error.name.as_str(), error.data.as_str()), ERROR, "{path} over {version:?}");
            assert_eq!(answer.next().await.expect("a clean end"), None, "{path}");
            let reason = within(PATIENCE, "the reason", reasons.recv()).await;
            assert_eq!(reason, Some(CloseReason::Panicked), "{path} over {version:?}");
        }
    }
}

#[tokio::test]
async fn before_the_head_the_client_gets_a_500() {
    for version in VERSIONS {
        let (router, _reasons) = streams();
        let server = Running::serve(router).await;
        let mut visitor = Visitor::connect(server.address, version).await;
        for path in ["/before", "/try-spawn", "/early-error", "/by-hand", "/before"] {
            let answer = visitor.get(path, &[]).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path} over {version:?}");
            assert_eq!(answer.text().await, "the handler of this path failed\n", "{path}");
        }
        assert_eq!(visitor.stream("/here").await.data().await, "here");
    }
}

#[tokio::test]
async fn a_destructor_that_panics_at_a_disconnect_is_contained() {
    #[route(GET, "/held")]
    async fn held(State(report): State<Report>) -> EventStream {
        let held = PanicsOnDrop(3);
        let stream = EventStream::generate(|out: Emitter| async move {
            out.emit("here").await;
            pending::<()>().await;
            drop(held);
        });
        reported(stream, report)
    }
    let (report, mut reasons) = unbounded_channel();
    let server = Running::serve(Router::new().mount(routes![held, here]).with_state(report)).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut stays = visitor.stream("/here").await;
    assert_eq!(stays.data().await, "here");
    let mut leaves = visitor.stream("/held").await;
    assert_eq!(leaves.data().await, "here");
    drop(leaves);
    let reason = within(PATIENCE, "the reason", reasons.recv()).await;
    assert_eq!(reason, Some(CloseReason::Panicked));
    // The connection and its other streams go on.
    assert_eq!(visitor.stream("/here").await.data().await, "here");
    assert!(stays.next().now_or_never().is_none(), "the stream is open");
}

#[tokio::test]
async fn each_on_close_is_called_even_if_another_panics() {
    let (report, mut reasons) = unbounded_channel();
    let stream = EventStream::<Event>::generate(|_| ready(()));
    let stream = reported(stream, report.clone()).on_close(|_| panic!("this on_close panics on purpose"));
    drop(reported(stream, report));
    for _ in 0..2 {
        assert_eq!(reasons.recv().await, Some(CloseReason::Disconnected));
    }
    assert_eq!(reasons.recv().await, None);
}

/// Each unread event is dropped, though earlier ones have panicked.
#[tokio::test]
async fn events_whose_destructors_panic_are_dropped_with_their_stream() {
    struct Held(#[allow(dead_code, reason = "what is dropped")] PanicsOnDrop);
    let (events, stream) = EventStream::<Held>::channel(8);
    for _ in 0..8 {
        assert!(events.try_send(Held(PanicsOnDrop(2))).is_ok());
    }
    let (report, mut reasons) = unbounded_channel();
    drop(reported(stream, report));
    assert_eq!(reasons.recv().await, Some(CloseReason::Panicked));
    assert_eq!(events.closed().await, CloseReason::Panicked);
}
