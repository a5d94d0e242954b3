//! Why a stream ended: each reason made to happen over each wire, and told once, to `on_close` and to
//! `closed()` alike. (`Lagged` is a topic's, and is shown where topics are.)

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

/// Long enough that a slow machine does not cut a client that reads, short enough to wait for.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// What a client's bytes come over.
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
    /// Over HTTP/1.1 that closes the connection.
    StreamCloses,
    /// Neither this stream nor anything else of the connection is read.
    SocketIsNotRead,
    /// The connection lives, this stream is not taken.
    StreamIsNotRead,
    Lifetime,
    ServerLifetime,
    ServerShutsDown,
    /// The client does not read, so the stream cannot end in time.
    ShutdownDeadline,
    HandleCloses,
}

use Cause::*;

/// The cause, the route that it is shown with, and the reason.
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

type Told = UnboundedSender<(&'static str, CloseReason)>;

/// A stream whose end is told by `on_close`.
fn told<T>(stream: EventStream<T>, tell: Told) -> EventStream<T> {
    stream.on_close(move |reason| {
        let _ = tell.send(("on_close", reason));
    })
}

async fn begins<F: Future<Output = ()>>(out: Emitter, then: F) {
    out.emit("here").await;
    then.await;
}

#[route(GET, "/ends")]
async fn ends(State(tell): State<Told>) -> EventStream {
    told(EventStream::generate(|out| begins(out, async {})), tell)
}

#[route(GET, "/fails")]
async fn fails(State(tell): State<Told>) -> Result<EventStream, StatusCode> {
    let stream = EventStream::try_generate(|out: Emitter| async move {
        out.emit("here").await;
        Err(StatusCode::CONFLICT)
    });
    Ok(told(stream.await?, tell))
}

#[route(GET, "/panics")]
async fn panics(State(tell): State<Told>) -> EventStream {
    told(EventStream::generate(|out| begins(out, async { panic!("this body panics on purpose") })), tell)
}

/// Has no wire form.
struct Hopeless;

impl IntoEvent for Hopeless {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::new().id(touka::EventId::new("two\nlines")?))
    }
}

#[route(GET, "/unencodable")]
async fn unencodable(State(tell): State<Told>) -> EventStream<Hopeless> {
    let stream = EventStream::generate(|out: Emitter<Hopeless>| async move {
        out.emit(Hopeless).await;
        pending::<()>().await;
    });
    told(stream, tell)
}

#[route(GET, "/endless")]
async fn endless(State(tell): State<Told>) -> EventStream {
    told(EventStream::generate(|out| begins(out, pending())), tell)
}

#[route(GET, "/short")]
async fn short(State(tell): State<Told>) -> EventStream {
    told(EventStream::generate(|out| begins(out, pending())), tell).max_lifetime(Duration::from_millis(50))
}

/// More than any window takes.
fn flood() -> EventStream {
    EventStream::generate(|out| async move {
        let kilobyte = "x".repeat(1024);
        loop {
            out.emit(kilobyte.as_str()).await;
        }
    })
}

#[route(GET, "/flood")]
async fn impatient(State(tell): State<Told>) -> EventStream {
    told(flood(), tell).write_timeout(WRITE_TIMEOUT)
}

#[route(GET, "/patient")]
async fn patient(State(tell): State<Told>) -> EventStream {
    told(flood(), tell)
}

/// The same over a queue, whose sender is told.
#[route(GET, "/queue/{flood}")]
async fn queue(State(tell): State<Told>, flood: bool) -> EventStream {
    let (events, stream) = EventStream::channel(4);
    let closed = events.clone();
    let asks = tell.clone();
    tokio::spawn(async move { asks.send(("closed()", closed.closed().await)) });
    tokio::spawn(async move {
        while events.send("x".repeat(1024)).await.is_ok() {
            if !flood {
                events.closed().await;
            }
        }
    });
    told(stream, tell).write_timeout(WRITE_TIMEOUT)
}

/// A server with one open stream.
struct Case {
    server: Running,
    handle: Handle,
    told: UnboundedReceiver<(&'static str, CloseReason)>,
    visitor: Visitor,
    latch: Latch,
    answer: Answer,
}

async fn open(wire: Wire, cause: Cause, path: &str, certificate: &Certificate) -> Case {
    let (tell, told) = unbounded_channel();
    let routes = routes![ends, fails, panics, unencodable, endless, short, impatient, patient, queue];
    let router = Router::new().mount(routes).with_state(tell);
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
    Case { server, handle, told, visitor, latch, answer }
}

/// Makes the cause happen, and waits for what is told of it.
async fn reasons(wire: Wire, cause: Cause, path: &str, certificate: &Certificate) -> Vec<(&'static str, CloseReason)> {
    let Case { mut server, handle, mut told, visitor, latch, mut answer } = open(wire, cause, path, certificate).await;
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
            // Before the shutdown, which would be the reason for a server that has yet to notice.
            seen.extend(within(PATIENCE, "the end", told.recv()).await);
        }
        StreamCloses => {
            answer.bytes().await.expect("the first event");
            drop(answer);
            seen.extend(within(PATIENCE, "the end", told.recv()).await);
        }
        SocketIsNotRead => {
            if let Some((_, latch)) = &client {
                latch.close();
            }
            seen.extend(within(PATIENCE, "the stall", told.recv()).await);
            drop(answer);
        }
        StreamIsNotRead => {
            seen.extend(within(PATIENCE, "the stall", told.recv()).await);
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
            seen.extend(within(PATIENCE, "the deadline", told.recv()).await);
            drop(answer);
        }
    }
    drop(client);
    server.stop();
    server.stopped(PATIENCE).await;
    // The last sender goes with the server, so this ends: all that was ever told is there.
    while let Some(more) = within(PATIENCE, "what is told", told.recv()).await {
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
