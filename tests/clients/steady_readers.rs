//! A response that is being read is neither idle nor stalled, however slowly it is read; one that is not read
//! is dropped after the write timeout, however it was written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use support::{Certificate, Client, Count, Running, until, within};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use touka::extract::State;
use touka::{CloseReason, EventStream, Router, Server, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);
const MEGABYTE: usize = 1024 * 1024;
const LARGE: usize = 16 * MEGABYTE;

#[derive(Clone)]
struct App {
    held: Count,
    ends: mpsc::UnboundedSender<CloseReason>,
}

/// Bytes that are counted as long as they are held.
struct Owned(Vec<u8>, #[expect(dead_code, reason = "held")] support::Held);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One frame of 16 MB.
#[route(GET, "/large")]
async fn large(State(app): State<App>) -> axum_core::body::Body {
    axum_core::body::Body::from(Bytes::from_owner(Owned(vec![b'x'; LARGE], app.held.hold())))
}

/// One frame, of as many bytes as HTTP/2 writes at once.
#[route(GET, "/small")]
async fn small() -> Vec<u8> {
    vec![b'x'; 16 * 1024]
}

/// Many frames of 1 KB, and an end that is separate from the last of them.
#[route(GET, "/frames")]
async fn frames(State(app): State<App>) -> axum_core::body::Body {
    let held = Arc::new(app.held.hold());
    let frames = futures_util::stream::iter((0..1024).map(move |_| {
        let _held = Arc::clone(&held);
        Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 1024]))
    }));
    axum_core::body::Body::from_stream(frames)
}

/// An event of 4 MB, a short one, and the end.
#[route(GET, "/event")]
async fn event(State(app): State<App>) -> EventStream {
    let held = app.held.hold();
    EventStream::generate(|out| async move {
        let _held = held;
        out.emit("x".repeat(4 * MEGABYTE)).await;
        out.emit("last").await;
    })
    .on_close(move |reason| {
        let _ = app.ends.send(reason);
    })
}

async fn running(server: Server) -> (Running, Count, mpsc::UnboundedReceiver<CloseReason>) {
    let (ends, ended) = mpsc::unbounded_channel();
    let held = Count::default();
    let router = Router::new().mount(routes![large, small, frames, event]).with_state(App { held: held.clone(), ends });
    (Running::serve_with(server, router).await, held, ended)
}

/// An HTTP/2 connection whose streams have a window of `window` bytes.
struct Http2 {
    client: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    async fn connect(server: &Running, window: u32) -> Self {
        let socket = TcpStream::connect(server.address).await.expect("connect");
        let shaken = Builder::new().initial_window_size(window).handshake(socket).await;
        let (client, connection) = shaken.expect("the handshake");
        Self { client, driver: tokio::spawn(connection) }
    }

    async fn get(&mut self, path: &str) -> RecvStream {
        self.client = self.client.clone().ready().await.expect("ready");
        let request = Request::builder().uri(format!("http://test{path}")).body(()).expect("a request");
        let (response, _) = self.client.send_request(request, true).expect("send");
        let response = within(PATIENCE, "the head", response).await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.into_body()
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads a body with a pause after every `step` bytes, and returns the number of bytes.
async fn read_slowly(body: &mut RecvStream, step: usize, pause: Duration) -> Result<usize, h2::Error> {
    let (mut all, mut since) = (0, 0);
    while let Some(bytes) = within(PATIENCE, "the body", body.data()).await {
        let bytes = bytes?;
        all += bytes.len();
        since += bytes.len();
        if since >= step {
            since = 0;
            tokio::time::sleep(pause).await;
        }
        body.flow_control().release_capacity(bytes.len()).expect("the capacity was held");
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_a_response_in_progress_is_not_idle() {
    let (server, held, _) = running(Server::new().idle_timeout(Duration::from_millis(200))).await;
    let mut client = Client::connect_small(server.address, 64 * 1024).await;
    client.send("GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.header("content-length"), Some("16777216"));
    // Well over the idle timeout in total, at any speed of the machine.
    let mut socket = client.socket;
    let mut read = 0;
    let mut buffer = vec![0; 64 * 1024];
    while read < LARGE - 64 * 1024 {
        let next = within(PATIENCE, "the body", socket.read(&mut buffer)).await;
        let length = next.expect("no reset");
        assert!(length > 0, "closed after {read} bytes");
        read += length;
        if read % MEGABYTE < length {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    drop(socket);
    until(PATIENCE, "the bytes are dropped", || held.get() == 0).await;
}

/// The kernel reports a socket as writable only when a third of its buffer is free, which may be megabytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_a_slow_reader_is_not_stalled() {
    let certificate = Certificate::new();
    for tls in [false, true] {
        let server = Server::new().write_timeout(Duration::from_secs(3));
        let server = if tls { server.tls(certificate.tls()) } else { server };
        let (server, ..) = running(server).await;
        let socket = Client::connect_small(server.address, 64 * 1024).await.socket;
        let request = b"GET /large HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        let read = if tls {
            reads_slowly_first(certificate.connect(socket, &[]).await, request).await
        } else {
            reads_slowly_first(socket, request).await
        };
        assert!(read > LARGE, "cut off after {read} bytes");
    }
}

/// 128 KB/s for three times the write timeout, and then as fast as it can.
async fn reads_slowly_first(mut io: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> usize {
    io.write_all(request).await.expect("send");
    io.flush().await.expect("send");
    let mut buffer = vec![0; 32 * 1024];
    let (start, mut read) = (Instant::now(), 0);
    loop {
        let length = within(PATIENCE, "the body", io.read(&mut buffer)).await.unwrap_or(0);
        if length == 0 {
            return read;
        }
        read += length;
        if start.elapsed() < Duration::from_secs(9) {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_a_response_in_progress_is_not_idle() {
    let (server, held, _) = running(Server::new().idle_timeout(Duration::from_millis(200))).await;
    for (path, length) in [("/large", LARGE), ("/frames", MEGABYTE)] {
        let mut client = Http2::connect(&server, 16 * 1024).await;
        let mut body = client.get(path).await;
        let all = read_slowly(&mut body, length / 16, Duration::from_millis(100)).await;
        assert_eq!(all.expect("the body was cut off"), length, "{path}");
        until(PATIENCE, "the bytes are dropped", || held.get() == 0).await;
    }
}

/// The last bytes are read more slowly than the idle timeout, and nothing else runs on the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_the_tail_of_a_response_is_not_idle() {
    let (server, ..) = running(Server::new().idle_timeout(Duration::from_millis(200))).await;
    let mut client = Http2::connect(&server, 1024).await;
    let mut body = client.get("/small").await;
    let all = read_slowly(&mut body, 1024, Duration::from_millis(150)).await;
    assert_eq!(all.expect("the body was cut off"), 16 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_a_steady_reader_of_one_event_is_not_stalled() {
    // The largest timeout means none.
    for (longest, pause) in [(Duration::from_secs(2), 300), (Duration::MAX, 0)] {
        let (server, _, mut ended) = running(Server::new().write_timeout(longest)).await;
        let mut client = Http2::connect(&server, 64 * 1024).await;
        let mut body = client.get("/event").await;
        let all = read_slowly(&mut body, MEGABYTE / 4, Duration::from_millis(pause)).await;
        assert_eq!(all.expect("the stream was cut"), 4 * MEGABYTE + "data: \n\ndata: last\n\n".len());
        assert_eq!(ended.recv().await, Some(CloseReason::Completed));
    }
}

/// Each piece takes longer than the write timeout, and each window a small part of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_a_reader_of_few_bytes_a_second_is_not_stalled() {
    let (server, ..) = running(Server::new().write_timeout(Duration::from_secs(2))).await;
    let mut client = Http2::connect(&server, 1024).await;
    let mut body = client.get("/event").await;
    let mut read = 0;
    // 32 KB at about 4 KB/s, and then all at once.
    while let Some(bytes) = within(PATIENCE, "the body", body.data()).await {
        let length = bytes.expect("the body was cut off").len();
        if read < 32 * 1024 {
            tokio::time::sleep(Duration::from_millis(length as u64 / 4)).await;
        } else {
            body.flow_control().release_capacity(length).expect("the capacity was held");
            read += length;
            break;
        }
        body.flow_control().release_capacity(length).expect("the capacity was held");
        read += length;
    }
    assert!(read + read_slowly(&mut body, LARGE, Duration::ZERO).await.expect("cut") > 4 * MEGABYTE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_an_unread_body_is_dropped() {
    let (server, held, mut ended) = running(Server::new().write_timeout(Duration::from_secs(1))).await;
    let mut client = Http2::connect(&server, 1024).await;
    let mut bodies = Vec::new();
    for path in ["/large", "/event", "/frames", "/large"] {
        bodies.push(client.get(path).await);
    }
    assert_eq!(held.get(), 4);
    assert_eq!(within(PATIENCE, "the end", ended.recv()).await, Some(CloseReason::Stalled));
    until(PATIENCE, "all that was held is dropped", || held.get() == 0).await;
    // The connection goes on: another stream of it is served.
    let mut lively = client.get("/frames").await;
    assert_eq!(read_slowly(&mut lively, MEGABYTE, Duration::ZERO).await.expect("the body was cut off"), MEGABYTE);
    for mut body in bodies {
        let all = read_slowly(&mut body, LARGE, Duration::ZERO).await;
        assert!(all.is_err(), "a body that was cut off looks complete");
    }
}

/// Data that h2 buffers of an ended response is read within the write timeout, or the connection closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_an_unread_tail_is_dropped() {
    let server = Server::new().write_timeout(Duration::from_millis(500)).idle_timeout(Duration::from_mins(10));
    let (server, ..) = running(server).await;
    let mut client = Http2::connect(&server, 1024).await;
    let mut body = client.get("/small").await;
    within(PATIENCE, "the server closes", &mut client.driver).await.expect("no panic").ok();
    assert!(read_slowly(&mut body, LARGE, Duration::ZERO).await.is_err(), "cut off, and looks complete");
}

/// A body's length, end and trailers pass through the server's splitting of frames.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_keeps_its_length_and_its_trailers() {
    async fn with_trailers() -> axum_core::response::Response {
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), "7".parse().expect("a value"))]);
        let body = http_body_util::Full::new(Bytes::from(vec![b'x'; 100_000]));
        let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
        axum_core::response::Response::new(axum_core::body::Body::new(body))
    }
    let app = axum::Router::new().route("/trailers", axum::routing::get(with_trailers));
    let server = Running::serve(app).await;
    let mut client = Http2::connect(&server, 64 * 1024).await;
    let mut body = client.get("/trailers").await;
    assert_eq!(read_slowly(&mut body, MEGABYTE, Duration::ZERO).await.expect("the body was cut off"), 100_000);
    let trailers = body.trailers().await.expect("the end").expect("trailers");
    assert_eq!(trailers["x-sum"], "7");
}
