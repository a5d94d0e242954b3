//! A panic in any code of the user's ends its own stream or request, and the client is told: with an
//! `error` event where the head has left, with a 500 before.

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

type Told = UnboundedSender<CloseReason>;

fn told<T>(stream: EventStream<T>, tell: Told) -> EventStream<T> {
    stream.on_close(move |reason| {
        let _ = tell.send(reason);
    })
}

/// Panics where it becomes a response.
#[derive(Debug)]
struct Hopeless;

impl IntoResponse for Hopeless {
    fn into_response(self) -> Response {
        panic!("this conversion panics on purpose");
    }
}

/// Panics where it is dropped, with a value that does so as well.
struct Spiteful(u32);

impl Drop for Spiteful {
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
async fn on_error(State(tell): State<Told>) -> Result<EventStream, StatusCode> {
    let opening = failing(StatusCode::CONFLICT).on_error(|_| panic!("this on_error panics on purpose"));
    Ok(told(opening.await?, tell))
}

/// The attribute's words.
#[sse_handler(on_error = hopeless_event)]
async fn failing_by_option() -> Result<EventStream, StatusCode> {
    emit!("here");
    Err(StatusCode::CONFLICT)
}

fn hopeless_event(_: StatusCode) -> Event {
    panic!("this on_error panics on purpose")
}

#[route(GET, "/on-error-option")]
async fn on_error_option(State(tell): State<Told>) -> Result<EventStream, StatusCode> {
    Ok(told(failing_by_option().await?, tell))
}

#[route(GET, "/late-error")]
async fn late_error(State(tell): State<Told>) -> Result<EventStream, Hopeless> {
    Ok(told(failing(Hopeless).await?, tell))
}

#[route(GET, "/late-error-of-a-task")]
async fn late_error_of_a_task(State(tell): State<Told>) -> Result<EventStream, Hopeless> {
    let opening = EventStream::try_spawn(4, |events: EventSender| async move {
        let _ = events.send("here").await;
        Err(Hopeless)
    });
    Ok(told(opening.await?, tell))
}

#[route(GET, "/destructor")]
async fn destructor(State(tell): State<Told>) -> EventStream {
    let stream = EventStream::generate(|out: Emitter| {
        let held = Spiteful(3);
        async move {
            out.emit("here").await;
            drop(held);
        }
    });
    told(stream, tell)
}

/// What the body holds is dropped after the body.
#[route(GET, "/captured")]
async fn captured(State(tell): State<Told>) -> EventStream {
    let held = Spiteful(3);
    let stream = EventStream::generate(|out: Emitter| async move {
        out.emit("here").await;
        let _held = &held;
    });
    told(stream, tell)
}

#[allow(unreachable_code, reason = "the type of the body")]
fn synchronous<B>(_: Emitter) -> B {
    panic!("this function panics before its body exists, on purpose")
}

#[route(GET, "/generate")]
async fn generate(State(tell): State<Told>) -> EventStream {
    told(EventStream::generate(synchronous::<Ready<()>>), tell)
}

#[route(GET, "/spawn")]
async fn spawn(State(tell): State<Told>) -> EventStream {
    let stream = EventStream::spawn(4, |_: EventSender| -> Ready<()> {
        panic!("this function panics before its body exists, on purpose")
    });
    told(stream, tell)
}

#[route(GET, "/try-spawn")]
async fn try_spawn() -> Result<EventStream, StatusCode> {
    EventStream::try_spawn(4, |_: EventSender| -> Ready<Result<(), StatusCode>> {
        panic!("this function panics before its body exists, on purpose")
    })
    .await
}

#[route(GET, "/callback")]
async fn callback(State(tell): State<Told>) -> EventStream {
    let mut calls = 0;
    let stream = EventStream::callback(move |mut out| {
        calls += 1;
        assert!(calls < 2, "this callback panics on purpose");
        async move {
            out.write("here").await;
            true
        }
    });
    told(stream, tell)
}

#[route(GET, "/channel")]
async fn channel(State(tell): State<Told>) -> EventStream {
    let stream = EventStream::from_stream(futures_util::stream::iter((0..2).map(|number| {
        assert!(number < 1, "this iterator panics on purpose");
        "here"
    })));
    told(stream, tell)
}

/// Each stream, and how many events come before the error.
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
async fn early_error() -> Result<EventStream, Hopeless> {
    Err(Hopeless)
}

#[sse_handler]
#[route(GET, "/here")]
async fn here() {
    emit!("here");
    pending::<()>().await;
}

fn streams() -> (Router, UnboundedReceiver<CloseReason>) {
    let (tell, told) = unbounded_channel();
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
    let by_hand = Route::new(Method::GET, "/by-hand", |_, _: Told| -> Ready<StatusCode> {
        panic!("this handler panics before its future exists, on purpose")
    });
    (Router::new().mount(routes).mount([by_hand]).with_state(tell), told)
}

#[tokio::test]
async fn the_client_is_told_after_the_head() {
    for version in VERSIONS {
        let (router, mut reasons) = streams();
        let server = Running::serve(router).await;
        let mut visitor = Visitor::connect(server.address, version).await;
        for (path, before) in STREAMS {
            let mut answer = visitor.stream(path).await;
            for _ in 0..before {
                assert_eq!(answer.data().await, "here", "{path}");
            }
            let error = answer.next().await.expect("it is not cut off").expect("an error");
            assert_eq!((error.name.as_str(), error.data.as_str()), ERROR, "{path} over {version:?}");
            assert_eq!(answer.next().await.expect("a clean end"), None, "{path}");
            let reason = within(PATIENCE, "the reason", reasons.recv()).await;
            assert_eq!(reason, Some(CloseReason::Panicked), "{path} over {version:?}");
        }
    }
}

#[tokio::test]
async fn the_client_gets_a_500_before_the_head_and_its_connection_goes_on() {
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
async fn a_body_whose_destructor_panics_as_its_client_leaves_hurts_nobody() {
    #[route(GET, "/held")]
    async fn held(State(tell): State<Told>) -> EventStream {
        let held = Spiteful(3);
        let stream = EventStream::generate(|out: Emitter| async move {
            out.emit("here").await;
            pending::<()>().await;
            drop(held);
        });
        told(stream, tell)
    }
    let (tell, mut reasons) = unbounded_channel();
    let server = Running::serve(Router::new().mount(routes![held, here]).with_state(tell)).await;
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
    assert!(stays.next().now_or_never().is_none(), "it is open");
}

#[tokio::test]
async fn each_on_close_is_called_though_another_panics() {
    let (tell, mut reasons) = unbounded_channel();
    let stream = EventStream::<Event>::generate(|_| ready(()));
    let stream = told(stream, tell.clone()).on_close(|_| panic!("this on_close panics on purpose"));
    drop(told(stream, tell));
    for _ in 0..2 {
        assert_eq!(reasons.recv().await, Some(CloseReason::Disconnected));
    }
    assert_eq!(reasons.recv().await, None);
}

/// Each event that nobody has read is dropped, though the ones before have panicked.
#[tokio::test]
async fn events_whose_destructors_panic_are_dropped_with_their_stream() {
    struct Held(#[allow(dead_code, reason = "what is dropped")] Spiteful);
    let (events, stream) = EventStream::<Held>::channel(8);
    for _ in 0..8 {
        assert!(events.try_send(Held(Spiteful(2))).is_ok());
    }
    let (tell, mut reasons) = unbounded_channel();
    drop(told(stream, tell));
    assert_eq!(reasons.recv().await, Some(CloseReason::Panicked));
    assert_eq!(events.closed().await, CloseReason::Panicked);
}
