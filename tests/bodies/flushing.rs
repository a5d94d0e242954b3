//! An event is written when it is emitted. The bodies here block their thread after an emit until the client
//! has confirmed the event, so an event that waits for later work never arrives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use futures_util::stream;
use http::{StatusCode, Version};
use support::{Certificate, Running, Visitor};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use touka::extract::State;
use touka::stream::EventWriter;
use touka::{EventStream, Router, Server, route, routes, sse_handler};

/// How long a body waits for a confirmation before it panics.
const PATIENCE: Duration = Duration::from_secs(20);

/// The number of events of a body that blocks after each.
const EVENTS: u32 = 6;

/// The client's confirmations, on the body's side.
#[derive(Clone)]
struct Confirmed {
    receipts: Arc<Mutex<mpsc::Receiver<()>>>,
    /// The number of calls of the callback.
    calls: Arc<Mutex<u32>>,
}

impl Confirmed {
    fn new(receipts: mpsc::Receiver<()>) -> Self {
        Self { receipts: Arc::new(Mutex::new(receipts)), calls: Arc::default() }
    }

    /// Blocks the thread until the client confirms. A panic here means that an event was held back.
    fn block(&self) {
        let confirmed = self.receipts.lock().expect("one body").recv_timeout(PATIENCE);
        confirmed.expect("the client has not received what was emitted before this step");
    }
}

#[sse_handler]
#[route(GET, "/generator")]
async fn generator(State(client): State<Confirmed>) {
    // For the head.
    client.block();
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

#[sse_handler(retry = "1s")]
#[route(GET, "/opening")]
async fn with_an_opening(State(client): State<Confirmed>) {
    client.block();
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

#[sse_handler]
#[route(GET, "/fallible")]
async fn fallible(State(client): State<Confirmed>) -> Result<EventStream, StatusCode> {
    // The head is sent with the first event.
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

/// Events that are not ready together: each first waits for another task's turn.
#[sse_handler]
#[route(GET, "/waiting")]
async fn waiting(State(client): State<Confirmed>) {
    client.block();
    for number in 0..EVENTS {
        emit!(number.to_string());
        tokio::task::yield_now().await;
        client.block();
    }
}

#[sse_handler(callback)]
#[route(GET, "/callback")]
async fn callback(State(client): State<Confirmed>, out: &mut EventWriter) -> bool {
    client.block();
    let call = {
        let mut calls = client.calls.lock().expect("one body");
        *calls += 1;
        *calls - 1
    };
    out.write(call.to_string()).await;
    call + 1 < EVENTS
}

#[route(GET, "/stream")]
async fn from_stream(State(client): State<Confirmed>) -> EventStream {
    EventStream::from_stream(stream::iter((0..EVENTS).map(move |number| {
        client.block();
        number.to_string()
    })))
}

/// Some events in a row, and then a step that waits for the last of them. There are too few for the body to
/// be classified as quick.
#[sse_handler]
#[route(GET, "/bursts")]
async fn bursts(State(client): State<Confirmed>) {
    client.block();
    for number in 0..EVENTS {
        for _ in 0..4 {
            emit!("more");
        }
        emit!(number.to_string());
        client.block();
    }
}

/// Quick for long enough to be classified as quick, then works once, and is never classified as quick again.
#[sse_handler]
#[route(GET, "/learnt")]
async fn learnt(State(client): State<Confirmed>) {
    client.block();
    for _ in 0..5_000 {
        emit!("more");
    }
    thread::sleep(Duration::from_millis(20));
    for number in 0..EVENTS {
        for _ in 0..20 {
            emit!("more");
        }
        emit!(number.to_string());
        client.block();
    }
}

/// Like `learnt`, with the fewest events after the long step at which the step is noticed.
#[sse_handler]
#[route(GET, "/learnt-at-once")]
async fn learnt_at_once(State(client): State<Confirmed>) {
    client.block();
    for _ in 0..5_000 {
        emit!("more");
    }
    // The next event is the first of its frame.
    tokio::task::yield_now().await;
    for _ in 0..4 {
        emit!("more");
    }
    thread::sleep(Duration::from_millis(20));
    for _ in 0..3 {
        emit!("more");
    }
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

/// Like `learnt`, with events that each fill a frame.
#[sse_handler]
#[route(GET, "/learnt-large")]
async fn learnt_large(State(client): State<Confirmed>) {
    client.block();
    for _ in 0..100 {
        emit!("more".repeat(5_000));
    }
    thread::sleep(Duration::from_millis(20));
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

const PATHS: [&str; 10] = [
    "/generator",
    "/opening",
    "/fallible",
    "/waiting",
    "/callback",
    "/stream",
    "/bursts",
    "/learnt",
    "/learnt-at-once",
    "/learnt-large",
];

fn app(client: Confirmed) -> Router {
    let routes = routes![
        generator,
        with_an_opening,
        fallible,
        waiting,
        callback,
        from_stream,
        bursts,
        learnt,
        learnt_at_once,
        learnt_large
    ];
    Router::new().mount(routes).with_state(client)
}

/// The server's runtime.
#[derive(Clone, Copy, Debug)]
enum Runtime {
    OneThread,
    TwoThreads,
}

/// Serves on a runtime of its own, which a body may block, until the sender is dropped.
fn serve<F>(runtime: Runtime, serve: impl FnOnce(oneshot::Sender<SocketAddr>) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()>,
{
    let (tell, address) = oneshot::channel();
    thread::spawn(move || {
        let mut builder = match runtime {
            Runtime::OneThread => Builder::new_current_thread(),
            Runtime::TwoThreads => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(serve(tell));
    });
    address.blocking_recv().expect("the server starts")
}

/// Reads a stream, and confirms the head and each event with a number.
async fn read(mut visitor: Visitor, path: &str, confirm: mpsc::Sender<()>) {
    let mut answer = visitor.stream(path).await;
    if path != "/fallible" {
        confirm.send(()).expect("the body waits for the head");
    }
    for number in 0..EVENTS {
        let event = loop {
            let event = answer.data().await;
            if !event.starts_with("more") {
                break event;
            }
        };
        assert_eq!(event, number.to_string(), "{path}");
        // The last call of a callback does not wait for a confirmation.
        let _ = confirm.send(());
    }
    assert_eq!(answer.next().await.expect("the stream is not cut off"), None, "a body has panicked: {path}");
}

#[derive(Clone, Copy, Debug)]
struct Wire {
    version: Version,
    tls: bool,
}

fn nothing_is_held_back_over(wire: Wire, runtime: Runtime) {
    let client = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let certificate = Certificate::new();
    for path in PATHS {
        let (confirm, confirmed) = mpsc::channel();
        let app = app(Confirmed::new(confirmed));
        let server = if wire.tls { Server::new().tls(certificate.tls()) } else { Server::new() };
        let (stop, stopped) = oneshot::channel::<()>();
        let address = serve(runtime, |tell| async move {
            let running = Running::serve_with(server, app).await;
            tell.send(running.address).expect("the test waits");
            drop(stopped.await);
        });
        client.block_on(async {
            let socket = TcpStream::connect(address).await.expect("connect");
            let visitor = if wire.tls {
                let protocol: &[u8] = if wire.version == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
                Visitor::over(certificate.connect(socket, &[protocol]).await, wire.version).await
            } else {
                Visitor::over(socket, wire.version).await
            };
            read(visitor, path, confirm).await;
        });
        drop(stop);
    }
}

#[test]
fn nothing_is_held_back_over_http_1_on_one_thread() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: false }, Runtime::OneThread);
}

#[test]
fn nothing_is_held_back_over_http_1_on_two_threads() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: false }, Runtime::TwoThreads);
}

#[test]
fn nothing_is_held_back_over_http_2_on_one_thread() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: false }, Runtime::OneThread);
}

#[test]
fn nothing_is_held_back_over_http_2_on_two_threads() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: false }, Runtime::TwoThreads);
}

#[test]
fn nothing_is_held_back_over_tls() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: true }, Runtime::OneThread);
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: true }, Runtime::OneThread);
}

#[test]
fn nothing_is_held_back_under_axums_server() {
    let client = Builder::new_current_thread().enable_all().build().expect("a runtime");
    for path in PATHS {
        let (confirm, confirmed) = mpsc::channel();
        let app = axum::Router::new().fallback_service(app(Confirmed::new(confirmed)));
        let (stop, stopped) = oneshot::channel::<()>();
        let address = serve(Runtime::OneThread, |tell| async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
            tell.send(listener.local_addr().expect("an address")).expect("the test waits");
            let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
            serving.await.expect("serving");
        });
        client.block_on(async {
            let visitor = Visitor::connect(address, Version::HTTP_11).await;
            read(visitor, path, confirm).await;
        });
        drop(stop);
    }
}
