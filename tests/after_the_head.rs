//! An HTTP/1.1 event stream leaves hyper once its head is complete, and its connection returns to hyper
//! afterwards: over each kind of socket, after each kind of request, with everything that was sent behind it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use support::{Certificate, Folder, Running, within};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use touka::server::Listener;
use touka::{Event, EventStream, Router, Server, route, routes, sse_handler};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

const PATIENCE: Duration = Duration::from_mins(1);

const STREAM: &str = "GET /three HTTP/1.1\r\nhost: test\r\n\r\n";
const PLAIN: &str = "GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";

/// The response body to [`STREAM`].
const THREE: &str = "9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n";

#[sse_handler]
#[route(GET, "/three")]
async fn three() {
    for number in 0..3 {
        emit!(Event::data(number.to_string()));
        // One chunk each: events that are ready together may share a chunk.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Like [`three`], for clients whose stream cannot leave hyper.
#[sse_handler]
#[route(GET, "/stays")]
async fn stays() {
    emit!("a");
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "plain"
}

#[sse_handler]
#[route(POST, "/echo")]
async fn echo(text: String) {
    emit!(Event::data(text));
}

/// Answers while its request is still being sent.
#[route(POST, "/early")]
async fn early(request: axum_core::extract::Request) -> EventStream {
    let body = request.into_body();
    EventStream::generate(|out| async move {
        out.emit("early").await;
        drop(body);
    })
}

/// A stream with a known length.
#[route(GET, "/sized")]
async fn sized() -> Response {
    Response::builder().header("content-type", "text/event-stream").body(Body::from("data: a\n\n")).expect("a response")
}

fn router() -> Router {
    Router::new().mount(routes![three, stays, plain, echo, early, sized])
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<I: AsyncRead + AsyncWrite + Send + Unpin> Io for I {}

/// A connection and the text read from it.
struct Connection {
    io: Box<dyn Io>,
    unread: String,
}

impl Connection {
    fn over(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), unread: String::new() }
    }

    async fn send(&mut self, text: &str) {
        within(PATIENCE, "send", self.io.write_all(text.as_bytes())).await.expect("send");
        within(PATIENCE, "flush", self.io.flush()).await.expect("flush");
    }

    /// Reads up to `text`, and returns what came before it.
    async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.unread.split_once(text) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.unread = after;
                return before;
            }
            let mut some = [0; 4096];
            let read = within(PATIENCE, text, self.io.read(&mut some)).await.expect("read");
            assert!(read > 0, "closed before {text:?}: {:?}", self.unread);
            self.unread.push_str(std::str::from_utf8(&some[..read]).expect("text"));
        }
    }

    /// Reads a response head that must begin with `start`.
    async fn head(&mut self, start: &str) -> String {
        let head = self.until("\r\n\r\n").await;
        assert!(head.starts_with(start), "{head}");
        head
    }

    /// Reads the response to [`STREAM`].
    async fn stream(&mut self) {
        let head = self.head("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").await;
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\ndate: ") && !head.contains("connection"), "{head}");
        assert_eq!(self.until("0\r\n\r\n").await + "0\r\n\r\n", THREE);
    }

    /// Reads the response to [`PLAIN`].
    async fn plain(&mut self) {
        self.head("HTTP/1.1 200 OK\r\ncontent-type: text/plain").await;
        assert_eq!(self.until("plain").await, "");
    }

    /// Reads to the end of the connection.
    async fn rest(mut self) -> String {
        let mut rest = std::mem::take(&mut self.unread).into_bytes();
        within(PATIENCE, "the end", self.io.read_to_end(&mut rest)).await.expect("read");
        String::from_utf8(rest).expect("text")
    }
}

/// Streams and requests on one connection, in turns and pipelined.
async fn take_turns(mut connection: Connection) {
    for _ in 0..3 {
        connection.send(STREAM).await;
        connection.stream().await;
        connection.send(PLAIN).await;
        connection.plain().await;
    }
    // All at once: requests behind a stream wait for its end.
    connection.send(&format!("{STREAM}{PLAIN}{STREAM}{STREAM}{PLAIN}")).await;
    connection.stream().await;
    connection.plain().await;
    connection.stream().await;
    connection.stream().await;
    connection.plain().await;
    // Behind bodies of both kinds, cut at any byte.
    let length = "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello";
    let chunked = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nx: y\r\n\r\n";
    for request in [length, chunked] {
        let both = format!("{request}{PLAIN}");
        for cut in (0..both.len()).step_by(7) {
            connection.send(&both[..cut]).await;
            tokio::task::yield_now().await;
            connection.send(&both[cut..]).await;
            connection.head("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").await;
            assert_eq!(connection.until("0\r\n\r\n").await, "D\r\ndata: hello\n\n\r\n");
            connection.plain().await;
        }
    }
    // With `connection: close`, the response says so and the connection closes.
    connection.send("GET /three HTTP/1.1\r\nhost: test\r\nconnection: Close\r\n\r\n").await;
    let head = connection.head("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").await;
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(connection.rest().await, THREE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_requests_take_turns_over_each_kind_of_socket() {
    let log = Log::start();
    let server = Running::serve(router()).await;
    take_turns(Connection::over(TcpStream::connect(server.address).await.expect("connect"))).await;

    let certificate = Certificate::new();
    let server = Running::serve_with(Server::new().tls(certificate.tls()), router()).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    take_turns(Connection::over(certificate.connect(socket, &[b"http/1.1"]).await)).await;

    let folder = Folder::new();
    let path = folder.path("socket");
    let listener = Listener::bind(&format!("unix:{path}")).await.expect("bind");
    let server = Server::new();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(listener, router()));
    take_turns(Connection::over(UnixStream::connect(&path).await.expect("connect"))).await;
    handle.shutdown();
    within(PATIENCE, "the shutdown", serving).await.expect("no panic").expect("no error");

    let reasons = log.reasons();
    assert!(reasons.iter().all(|why| !why.contains("/three") && !why.contains("/echo")), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_stays_says_why() {
    let log = Log::start();
    let server = Running::serve(router()).await;
    for (request, path, why) in [
        ("GET /stays HTTP/1.0\r\nhost: test\r\n\r\n", "/stays", "is not HTTP/1.1"),
        ("HEAD /stays HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n", "/stays", "is HEAD or CONNECT"),
        ("GET /sized HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n", "/sized", "its length is known"),
        (
            "POST /early HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
            "/early",
            "body was not read to its end",
        ),
    ] {
        let mut connection = Connection::over(TcpStream::connect(server.address).await.expect("connect"));
        connection.send(request).await;
        if path == "/early" {
            connection.until("data: early\n\n").await;
            connection.send("hello").await;
        }
        connection.rest().await;
        let reasons = log.reasons();
        assert!(reasons.iter().any(|line| line.contains(path) && line.contains(why)), "{request:?}: {reasons:?}");
    }
}

/// The reasons for which streams stayed with hyper, from all tests of this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn start() -> Self {
        static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
        let log = LOG.get_or_init(|| {
            let log = Self::default();
            tracing::subscriber::set_global_default(log.clone()).expect("the only global subscriber");
            log
        });
        log.clone()
    }

    fn reasons(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "touka::server" && metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.0.contains("a stream does not leave hyper") {
            self.lock().push(line.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}
