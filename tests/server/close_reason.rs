//! Why a stream ended: each reason is produced over each wire, and reported once to `on_close` and once to
//! `closed()`, with the same value. (`Lagged` belongs to topics and is tested there.)

use std::future::pending;
use std::time::Duration;

use http::StatusCode;
use support::{Answer, Certificate, Gate, Latch, Running, Visitor, within};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::State;
use touka::server::Handle;
use touka::{CloseReason, Emitter, Event, EventStream, IntoEvent, Router, Server, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);

/// Long enough that a slow machine does not cut off a client that reads, short enough to wait for.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// The protocol and transport of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Http1,
    Http2,
    TlsHttp1,
    TlsHttp2,
}

const WIRES: [Wire; 4] = [Wire::Http1, Wire::Http2, Wire::TlsHttp1, Wire::TlsHttp2];

impl Wire {
    fn version(self) -> http::Version {
        if matches!(self, Self::Http2 | Self::TlsHttp2) { http::Version::HTTP_2 } else { http::Version::HTTP_11 }
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::TlsHttp1 | Self::TlsHttp2)
    }
}

/// How a stream comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    BodyEnds,
    BodyFails,
    BodyPanics,
    CannotEncode,
    ConnectionCloses,
    /// Over HTTP/1.1 this closes the connection.
    StreamCloses,
    /// The client reads nothing of the connection.
    SocketIsNotRead,
    /// The client reads the connection, but not this stream.
    StreamIsNotRead,
    Lifetime,
    ServerLifetime,
    ServerShutsDown,
    /// The client does not read, so the stream cannot end before the deadline.
    ShutdownDeadline,
    HandleCloses,
}

use Cause::*;

/// Each cause, the route it is produced with, and the expected reason.
const TABLE: [(Cause, &str, CloseReason); 13] = [
    (BodyEnds, "/ends", CloseReason::Completed),
    (BodyFails, "/fails", CloseReason::Failed),
    (BodyPanics, "/panics", CloseReason::Panicked),
    (CannotEncode, "/unencodable", CloseReason::Failed),
    (ConnectionCloses, "/endless", CloseReason::Disconnected),
    (StreamCloses, "/endless", CloseReason::Disconnected),
    (SocketIsNotRead, "/flood", CloseReason::Stalled),
    (StreamIsNotRead, "/flood", CloseReason::Stalled),
    (Lifetime, "/short", CloseReason::Expired),
    (ServerLifetime, "/endless", CloseReason::Expired),
    (ServerShutsDown, "/endless", CloseReason::Shutdown),
    (ShutdownDeadline, "/patient", CloseReason::Shutdown),
    (HandleCloses, "/endless", CloseReason::Shutdown),
];

type Report = UnboundedSender<(&'static str, CloseReason)>;

/// Reports the stream's end through `on_close`.
fn reported<T>(stream: EventStream<T>, report: Report) -> EventStream<T> {
    stream.on_close(move |reason| {
        let _ = report.send(("on_close", reason));
    })
}

async fn begins<F: Future<Output = ()>>(out: Emitter, then: F) {
    out.emit("here").await;
    then.await;
}

#[route(GET, "/ends")]
async fn ends(State(report): State<Report>) -> EventStream {
    reported(EventStream::generate(|out| begins(out, async {})), report)
}

#[route(GET, "/fails")]
async fn fails(State(report): State<Report>) -> Result<EventStream, StatusCode> {
    let stream = EventStream::try_generate(|out: Emitter| async move {
        out.emit("here").await;
        Err(StatusCode::CONFLICT)
    });
    Ok(reported(stream.await?, report))
}

#[route(GET, "/panics")]
async fn panics(State(report): State<Report>) -> EventStream {
    reported(EventStream::generate(|out| begins(out, async { panic!("this body panics on purpose") })), report)
}

/// An event that cannot be encoded.
struct Unencodable;

impl IntoEvent for Unencodable {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::new().id(touka::EventId::new("two\nlines")?))
    }
}

#[route(GET, "/unencodable")]
async fn unencodable(State(report): State<Report>) -> EventStream<Unencodable> {
    let stream = EventStream::generate(|out: Emitter<Unencodable>| async move {
        out.emit(Unencodable).await;
        pending::<()>().await;
    });
    reported(stream, report)
}

#[route(GET, "/endless")]
async fn endless(State(report): State<Report>) -> EventStream {
    reported(EventStream::generate(|out| begins(out, pending())), report)
}

#[route(GET, "/short")]
async fn short(State(report): State<Report>) -> EventStream {
    reported(EventStream::generate(|out| begins(out, pending())), report).max_lifetime(Duration::from_millis(50))
}

/// Emits more than any flow-control window holds.
fn flood() -> EventStream {
    EventStream::generate(|out| async move {
        let kilobyte = "x".repeat(1024);
        loop {
            out.emit(kilobyte.as_str()).await;
        }
    })
}

#[route(GET, "/flood")]
async fn impatient(State(report): State<Report>) -> EventStream {
    reported(flood(), report).write_timeout(WRITE_TIMEOUT)
}

#[route(GET, "/patient")]
async fn patient(State(report): State<Report>) -> EventStream {
    reported(flood(), report)
}

/// Streams over a queue, whose sender reports the end as well.
#[route(GET, "/queue/{flood}")]
async fn queue(State(report): State<Report>, flood: bool) -> EventStream {
    let (events, stream) = EventStream::channel(4);
    let closed = events.clone();
    let asks = report.clone();
    tokio::spawn(async move { asks.send(("closed()", closed.closed().await)) });
    tokio::spawn(async move {
        while events.send("x".repeat(1024)).await.is_ok() {
            if !flood {
                events.closed().await;
            }
        }
    });
    reported(stream, report).write_timeout(WRITE_TIMEOUT)
}

/// A server with one open stream.
struct Case {
    server: Running,
    handle: Handle,
    reported: UnboundedReceiver<(&'static str, CloseReason)>,
    visitor: Visitor,
    latch: Latch,
    answer: Answer,
}

async fn open(wire: Wire, cause: Cause, path: &str, certificate: &Certificate) -> Case {
    let (report, reported) = unbounded_channel();
    let routes = routes![ends, fails, panics, unencodable, endless, short, impatient, patient, queue];
    let router = Router::new().mount(routes).with_state(report);
    let mut server = Server::new();
    if cause == ShutdownDeadline {
        server = server.shutdown_timeout(WRITE_TIMEOUT);
    }
    if cause == ServerLifetime {
        server = server.max_lifetime(Duration::from_millis(50));
    }
    if wire.is_tls() {
        server = server.tls(certificate.tls());
    }
    let handle = server.handle();
    let server = Running::serve_with(server, router).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (socket, latch) = Gate::new(socket);
    let mut visitor = if wire.is_tls() {
        let alpn: &[u8] = if wire == Wire::TlsHttp2 { b"h2" } else { b"http/1.1" };
        Visitor::over(certificate.connect(socket, &[alpn]).await, wire.version()).await
    } else {
        Visitor::over(socket, wire.version()).await
    };
    let answer = visitor.stream(path).await;
    Case { server, handle, reported, visitor, latch, answer }
}

/// Produces the cause, and collects what is reported.
async fn reasons(wire: Wire, cause: Cause, path: &str, certificate: &Certificate) -> Vec<(&'static str, CloseReason)> {
    let Case { mut server, handle, mut reported, visitor, latch, mut answer } =
        open(wire, cause, path, certificate).await;
    let mut seen = Vec::new();
    let mut client = Some((visitor, latch));
    match cause {
        BodyEnds | BodyFails | BodyPanics | CannotEncode | Lifetime | ServerLifetime => {
            while answer.bytes().await.expect("a clean end").is_some() {}
        }
        ConnectionCloses => {
            answer.bytes().await.expect("the first event");
            client = None;
            drop(answer);
            // Before the shutdown, which would be the reported reason if the server has not noticed the end
            // yet.
            seen.extend(within(PATIENCE, "the end", reported.recv()).await);
        }
        StreamCloses => {
            answer.bytes().await.expect("the first event");
            drop(answer);
            seen.extend(within(PATIENCE, "the end", reported.recv()).await);
        }
        SocketIsNotRead => {
            if let Some((_, latch)) = &client {
                latch.close();
            }
            seen.extend(within(PATIENCE, "the stall", reported.recv()).await);
            drop(answer);
        }
        StreamIsNotRead => {
            seen.extend(within(PATIENCE, "the stall", reported.recv()).await);
            drop(answer);
        }
        HandleCloses => {
            answer.bytes().await.expect("the first event");
            assert_eq!(handle.close(|stream| stream.path() == path), 1);
            while answer.bytes().await.expect("a clean end").is_some() {}
        }
        ServerShutsDown => {
            answer.bytes().await.expect("the first event");
            server.stop();
            while answer.bytes().await.expect("a clean end").is_some() {}
        }
        ShutdownDeadline => {
            server.stop();
            seen.extend(within(PATIENCE, "the deadline", reported.recv()).await);
            drop(answer);
        }
    }
    drop(client);
    server.stop();
    server.stopped(PATIENCE).await;
    // The last sender is dropped with the server, so this loop ends: every report has arrived.
    while let Some(more) = within(PATIENCE, "the next report", reported.recv()).await {
        seen.push(more);
    }
    seen
}

async fn the_table_holds_over(wire: Wire) {
    let certificate = Certificate::new();
    for (cause, path, reason) in TABLE {
        let seen = reasons(wire, cause, path, &certificate).await;
        assert_eq!(seen, [("on_close", reason)], "{cause:?} over {wire:?}");
    }
    for (cause, path, reason) in [
        (ConnectionCloses, "/queue/false", CloseReason::Disconnected),
        (StreamIsNotRead, "/queue/true", CloseReason::Stalled),
        (HandleCloses, "/queue/false", CloseReason::Shutdown),
        (ServerShutsDown, "/queue/false", CloseReason::Shutdown),
        (ServerLifetime, "/queue/false", CloseReason::Expired),
    ] {
        let mut seen = reasons(wire, cause, path, &certificate).await;
        seen.sort_unstable_by_key(|(who, _)| *who);
        assert_eq!(seen, [("closed()", reason), ("on_close", reason)], "{cause:?} over {wire:?}, with a queue");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1() {
    the_table_holds_over(WIRES[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_2() {
    the_table_holds_over(WIRES[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_and_tls() {
    the_table_holds_over(WIRES[2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_2_and_tls() {
    the_table_holds_over(WIRES[3]).await;
}
