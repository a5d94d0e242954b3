//! A panic in any code of the user's ends its own stream or request, and the client is told: with an
//! `error` event where the head has left, with a 500 before.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, StatusCode, Version};
use support::{Client, Running, Visitor, within};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::State;
use touka::routing::Route;
use touka::{CloseReason, Emitter, Event, EventSender, EventStream, Router, route, routes, sse_handler};
use tower_service::Service;

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

/// Panics where it is asked to, in the parts of a service.
#[derive(Clone)]
struct Panics;

impl Service<Request> for Panics {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(request.uri().path() != "/panics", "this service panics on purpose");
        ready(Ok(Response::new(Body::from("here"))))
    }
}

#[tokio::test]
async fn a_service_that_panics_costs_its_request_only() {
    for version in VERSIONS {
        let server = Running::serve(Panics).await;
        let mut visitor = Visitor::connect(server.address, version).await;
        assert_eq!(visitor.get("/panics", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(visitor.get("/", &[]).await.text().await, "here");
    }
    let app = axum::Router::new().route("/panics", axum::routing::get(|| async { panic!("on purpose") as () }));
    let server = Running::serve(app).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    assert_eq!(visitor.get("/panics", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// A service that cannot be cloned while the flag is up.
struct Unclonable(Panics, Arc<AtomicBool>);

impl Clone for Unclonable {
    fn clone(&self) -> Self {
        assert!(!self.1.load(Ordering::SeqCst), "this clone panics on purpose");
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

impl Service<Request> for Unclonable {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test]
async fn a_service_whose_clone_panics_costs_its_connection_only() {
    let panics = Arc::new(AtomicBool::new(false));
    let server = Running::serve(Unclonable(Panics, Arc::clone(&panics))).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    assert_eq!(visitor.get("/", &[]).await.text().await, "here");
    panics.store(true, Ordering::SeqCst);
    assert_eq!(Client::connect(server.address).await.rest().await.expect("an end"), b"");
    panics.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(visitor.get("/", &[]).await.text().await, "here");
        visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    }
}

/// The body of another library, which panics when it is asked for its second frame, or dropped.
struct PanickingBody {
    asked: bool,
    drops: bool,
}

impl http_body::Body for PanickingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.asked, true) {
            assert!(self.drops, "this body panics on purpose");
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(http_body::Frame::data("data: here\n\n".into()))))
    }
}

impl Drop for PanickingBody {
    fn drop(&mut self) {
        assert!(!self.drops, "this body's drop panics on purpose");
    }
}

#[tokio::test]
async fn a_body_that_panics_costs_its_own_response_and_looks_like_no_clean_end() {
    for content_type in ["text/event-stream", "text/plain"] {
        let body = move |drops| async move {
            ([("content-type", content_type)], Body::new(PanickingBody { asked: false, drops })).into_response()
        };
        let app = axum::Router::new()
            .route("/panics", axum::routing::get(move || body(false)))
            .route("/drops", axum::routing::get(move || body(true)));
        let server = Running::serve(app).await;
        // The end is there before the body is dropped, and the connection goes on.
        let mut client = Client::connect(server.address).await;
        for _ in 0..2 {
            client.send("GET /drops HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.head().await.status(), 200);
            assert_eq!(client.chunk().await.expect("a chunk").expect("a frame"), b"data: here\n\n");
            assert_eq!(client.chunk().await.expect("a clean end"), None, "{content_type}");
        }
        client.send("GET /panics HTTP/1.1\r\nhost: test\r\n\r\n").await;
        // hyper may not have flushed even the head, but there is no last chunk.
        let all = client.rest().await.expect("an end");
        assert!(!all.ends_with(b"0\r\n\r\n"), "cut off, and looks like an end: {content_type}");
        // Over HTTP/2 the other streams go on.
        let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
        for path in ["/panics", "/drops", "/panics", "/drops"] {
            let end = async {
                let mut answer = visitor.try_get(path, &[]).await?;
                while answer.bytes().await?.is_some() {}
                hyper::Result::Ok(())
            }
            .await;
            assert_eq!(end.is_ok(), path == "/drops", "{path}");
        }
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
