//! An event leaves when it is emitted. The bodies here block their thread after an emit until the
//! client has confirmed the event, so an event that waits for the work after it never arrives.

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

/// How long a body blocks for a confirmation that does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many events a body emits that blocks after each.
const EVENTS: u32 = 6;

/// The client's confirmations, on the body's side.
#[derive(Clone)]
struct Confirmed {
    receipts: Arc<Mutex<mpsc::Receiver<()>>>,
    /// How often the callback was called.
    calls: Arc<Mutex<u32>>,
}

impl Confirmed {
    fn new(receipts: mpsc::Receiver<()>) -> Self {
        Self { receipts: Arc::new(Mutex::new(receipts)), calls: Arc::default() }
    }

    /// Blocks the thread until the client confirms. A body that panics here has held something back.
    fn block(&self) {
        let confirmed = self.receipts.lock().expect("one body").recv_timeout(PATIENCE);
        confirmed.expect("the client has not got what left before this step");
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
    // The head leaves with the first event.
    for number in 0..EVENTS {
        emit!(number.to_string());
        client.block();
    }
}

/// Its events are not ready together: each waits for another task's turn first.
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

/// Some events in a row, and then a step that waits for the last of them. They are too few in all for
/// the body to be known as quick.
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

/// Is quick for long enough to be known as quick, works once, and is not trusted again.
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

/// As `learnt`, with the fewest events after the long step at which it is seen.
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

/// As `learnt`, with events that each fill a frame.
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

/// What the server runs on.
#[derive(Clone, Copy, Debug)]
enum Runtime {
    OneThread,
    TwoThreads,
}

/// Serves on a runtime of its own, which a body can block, until the sender is dropped.
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
    address.blocking_recv().expect("the server has started")
}

/// Reads a stream, and confirms the head and each event that has a number.
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
        // The last call of a callback waits for nothing after it.
        let _ = confirm.send(());
    }
    assert_eq!(answer.next().await.expect("it is not cut off"), None, "a body has panicked: {path}");
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
fn over_http_1_on_one_thread() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: false }, Runtime::OneThread);
}

#[test]
fn over_http_1_on_two_threads() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: false }, Runtime::TwoThreads);
}

#[test]
fn over_http_2_on_one_thread() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: false }, Runtime::OneThread);
}

#[test]
fn over_http_2_on_two_threads() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: false }, Runtime::TwoThreads);
}

#[test]
fn over_tls() {
    nothing_is_held_back_over(Wire { version: Version::HTTP_11, tls: true }, Runtime::OneThread);
    nothing_is_held_back_over(Wire { version: Version::HTTP_2, tls: true }, Runtime::OneThread);
}

#[test]
fn under_axums_server() {
    let client = Builder::new_current_thread().enable_all().build().expect("a runtime");
    for path in PATHS {
        let (confirm, confirmed) = mpsc::channel();
        let app = axum::Router::new().fallback_service(app(Confirmed::new(confirmed)));
        let (stop, stopped) = oneshot::channel::<()>();
        let address = serve(Runtime::OneThread, |tell| async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
            tell.send(listener.local_addr().expect("an address")).expect("the test waits");
            let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
            serving.await.expect("it serves");
        });
        client.block_on(async {
            let visitor = Visitor::connect(address, Version::HTTP_11).await;
            read(visitor, path, confirm).await;
        });
        drop(stop);
    }
}
