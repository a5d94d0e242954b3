//! The end of a stream: what a client can rely on when it has read it, and what it may send before.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use axum::routing::{get, post};
use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use support::{Client, Count, Held, Running, within};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use touka::{Event, EventStream, Server};

const PATIENCE: Duration = Duration::from_mins(1);

const PLAIN: &str = "GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With `None` instead of a frame.
    NoFrame,
    /// `is_end_stream` is true after its last frame.
    LastFrame,
    /// With a frame of trailers.
    Trailers,
}

/// One event and an end. Polling it after its end panics.
struct OneEvent {
    end: End,
    asked: u32,
    _held: Held,
}

impl http_body::Body for OneEvent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked += 1;
        Poll::Ready(match (self.asked, self.end) {
            (1, _) => Some(Ok(Frame::data(Bytes::from_static(b"data: a\n\n")))),
            (2, End::NoFrame) => None,
            (2, End::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            _ => panic!("polled after its end"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::LastFrame && self.asked > 0
    }
}

impl Drop for OneEvent {
    fn drop(&mut self) {
        // Long enough that a client would notice if the end were written before the drop.
        thread::sleep(Duration::from_millis(20));
    }
}

/// A stream of one event.
fn one_event(end: End, held: Held) -> Response {
    let body = Body::new(OneEvent { end, asked: 0, _held: held });
    Response::builder().header("content-type", "text/event-stream").body(body).expect("a response")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_dropped_before_its_client_has_read_the_end() {
    for end in [End::NoFrame, End::LastFrame, End::Trailers] {
        let held = Count::default();
        let holds = held.clone();
        // A server with capacity for one stream.
        let server = Server::new().max_streams(1);
        let handle = server.handle();
        let app = axum::Router::new().fallback(move || async move { one_event(end, holds.hold()) });
        let server = Running::serve_with(server, app).await;
        for connection in ["keep-alive", "close"] {
            for _ in 0..10 {
                let mut client = Client::connect(server.address).await;
                client.send(format!("GET / HTTP/1.1\r\nhost: test\r\nconnection: {connection}\r\n\r\n")).await;
                // The stream's capacity was free.
                assert_eq!(client.head().await.status(), 200, "{end:?}");
                assert_eq!(client.data().await, "a");
                assert_eq!(client.next().await.expect("a clean end"), None);
                assert_eq!((held.get(), handle.count()), (0, 0), "{end:?}, {connection}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trailers_of_a_body_are_its_end() {
    let app = axum::Router::new()
        .route("/trailers", get(|| async { one_event(End::Trailers, Count::default().hold()) }))
        .route("/plain", get(|| async { "plain" }));
    let server = Running::serve(app).await;
    let mut client = Client::connect(server.address).await;
    client.send(format!("GET /trailers HTTP/1.1\r\nhost: test\r\n\r\n{PLAIN}")).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.data().await, "a");
    assert_eq!(client.next().await.expect("a clean end"), None);
    assert_eq!(client.response().await.1, "plain");
}

/// A server buffers what is sent during a stream up to the size of a head. The rest waits in the socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_behind_a_stream_is_answered_after_it() {
    const LENGTH: usize = 400_000;
    /// More than a head may have, and little enough for the socket's buffers.
    const DURING_THE_STREAM: usize = 100_000;

    let next = Arc::new(Notify::new());
    let awaited = Arc::clone(&next);
    let stream = move || async move {
        EventStream::<Event>::generate(|out| async move {
            out.emit("first").await;
            for number in 0..20 {
                awaited.notified().await;
                out.emit(number.to_string()).await;
            }
        })
    };
    let upload = |body: Bytes| async move { body.len().to_string() };
    let app = axum::Router::new().route("/stream", get(stream)).route("/upload", post(upload));
    let server = Running::serve(app).await;

    let mut client = Client::stream(server.address, "/stream").await;
    assert_eq!(client.data().await, "first");
    client.send(format!("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: {LENGTH}\r\n\r\n")).await;
    client.send(vec![b'x'; DURING_THE_STREAM]).await;
    // The kernel has these bytes. The server reads some of them with each event.
    for number in 0..20 {
        next.notify_one();
        assert_eq!(client.data().await, number.to_string());
    }
    assert_eq!(client.next().await.expect("a clean end"), None);
    client.send(vec![b'x'; LENGTH - DURING_THE_STREAM]).await;
    assert_eq!(client.response().await.1, LENGTH.to_string());
}

/// hyper takes a half-close during a request for a disconnect, so the last request may get no response. The
/// requests before it do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_before_a_half_close_are_answered_up_to_the_last() {
    let upload = |body: Bytes| async move { body.len().to_string() };
    let app = axum::Router::new().route("/plain", get(|| async { "plain" })).route("/upload", post(upload));
    let server = Running::serve(app).await;
    let upload = "POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello";
    for requests in [[PLAIN, PLAIN, PLAIN], [upload, upload, upload], [PLAIN, upload, PLAIN], [upload, PLAIN, upload]] {
        for _ in 0..25 {
            let mut client = Client::connect(server.address).await;
            client.send(requests.concat()).await;
            client.socket.shutdown().await.expect("nothing more is sent");
            let answers = within(PATIENCE, "the end", client.rest()).await.expect("a clean end");
            let answers = String::from_utf8(answers).expect("text");
            let count = answers.matches(" 200 OK\r\n").count();
            assert!((2..=3).contains(&count), "{requests:?}: {answers:?}");
        }
    }
}
