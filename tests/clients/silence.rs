//! Clients that fall silent without disconnecting, or vanish without a word. A client that does not read is
//! `Stalled` after the write timeout and its handler is dropped, a vanished one is found by the keep-alive,
//! and no other client of the same handler is affected.

use std::process::Stdio;
use std::time::Duration;

use support::{Client, Count, Running, until, within};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::State;
use touka::{CloseReason, EventStream, Router, Server, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct App {
    held: Count,
    ends: UnboundedSender<CloseReason>,
}

impl App {
    fn told(&self, stream: EventStream) -> EventStream {
        let ends = self.ends.clone();
        stream.on_close(move |reason| {
            let _ = ends.send(reason);
        })
    }
}

/// Emits one event, and then keeps the connection alive.
#[route(GET, "/quiet")]
async fn quiet(State(app): State<App>) -> EventStream {
    let held = app.held.hold();
    let stream = EventStream::generate(|out| async move {
        let _held = held;
        out.emit("here").await;
        std::future::pending::<()>().await;
    });
    app.told(stream).keep_alive(Duration::from_millis(100))
}

/// Emits a kilobyte each time the client has read the one before.
#[route(GET, "/flood")]
async fn flood(State(app): State<App>) -> EventStream {
    let held = app.held.hold();
    let stream = EventStream::generate(|out| async move {
        let _held = held;
        let kilobyte = "x".repeat(1024);
        loop {
            out.emit(kilobyte.as_str()).await;
        }
    });
    app.told(stream)
}

async fn running() -> (Running, Count, UnboundedReceiver<CloseReason>) {
    let (ends, ended) = unbounded_channel();
    let held = Count::default();
    let router = Router::new().mount(routes![quiet, flood]).with_state(App { held: held.clone(), ends });
    // A client that reads must not be cut off because the machine is busy.
    let server = Server::new().write_timeout(Duration::from_secs(2));
    (Running::serve_with(server, router).await, held, ended)
}

async fn ends(ended: &mut UnboundedReceiver<CloseReason>) -> CloseReason {
    within(PATIENCE, "the end", ended.recv()).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_vanishes_behind_an_extra_byte() {
    let (server, held, mut ended) = running().await;
    // With more bytes to read, hyper does not look for a disconnect. A write finds it.
    for more in ["G", "\r\n", "GET /quiet HTTP/1.1\r\nhost: te", "GET /quiet HTTP/1.1\r\nhost: test\r\n\r\n"] {
        let mut client = Client::stream(server.address, "/quiet").await;
        assert_eq!(client.data().await, "here");
        client.send(more).await;
        drop(client);
        assert_eq!(ends(&mut ended).await, CloseReason::Disconnected, "{more:?}");
        until(PATIENCE, "the handler is dropped", || held.get() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading() {
    let (server, held, mut ended) = running().await;
    let mut reads = Client::stream(server.address, "/flood").await;
    let mut quiet = Client::stream(server.address, "/quiet").await;
    assert_eq!(quiet.data().await, "here");
    // The client's window is small, and then zero.
    let mut stops = Client::connect_small(server.address, 4096).await;
    stops.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;
    stops.head().await;
    let read = Count::default();
    let counts = read.clone();
    let reader = tokio::spawn(async move {
        loop {
            assert_eq!(reads.data().await.len(), 1024);
            counts.add();
        }
    });
    assert_eq!(ends(&mut ended).await, CloseReason::Stalled);
    until(PATIENCE, "only its handler is dropped", || held.get() == 2).await;
    let so_far = read.get();
    until(PATIENCE, "the other client reads on", || read.get() > so_far).await;
    reader.abort();
    // The rest is incomplete: the client can tell that it was cut off.
    let rest = stops.rest().await.unwrap_or_default();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a stream that was cut off looks complete");
}

/// Starts a process that reads a stream as fast as it can.
fn reader(server: &Running, path: &str) -> Child {
    let script =
        "exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET %s HTTP/1.1\\r\\nhost: test\\r\\n\\r\\n' \"$2\" >&3; exec cat <&3";
    Command::new("bash")
        .args(["-c", script, "reader", &server.address.port().to_string(), path])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("bash")
}

async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("running").to_string();
    assert!(Command::new("kill").args([name, &id]).status().await.expect("kill").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_paused_while_it_reads() {
    let (server, held, mut ended) = running().await;
    let mut other = reader(&server, "/flood");
    let mut stopped = reader(&server, "/flood");
    until(PATIENCE, "both read", || held.get() == 2).await;
    signal(&stopped, "-STOP").await;
    assert_eq!(ends(&mut ended).await, CloseReason::Stalled);
    until(PATIENCE, "its handler is dropped", || held.get() == 1).await;
    // The other process was unaffected, and is still running.
    assert_eq!(other.try_wait().expect("a status"), None);
    signal(&other, "-KILL").await;
    other.wait().await.expect("ended");
    assert_eq!(ends(&mut ended).await, CloseReason::Disconnected);
    signal(&stopped, "-KILL").await;
    stopped.wait().await.expect("ended");
    assert_eq!(held.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_paused_with_nothing_to_read() {
    let (server, held, mut ended) = running().await;
    let mut stopped = reader(&server, "/quiet");
    until(PATIENCE, "readable", || held.get() == 1).await;
    signal(&stopped, "-STOP").await;
    // Comments of three bytes fit into its window for hours: the client is connected, and may continue.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(held.get(), 1);
    signal(&stopped, "-CONT").await;
    signal(&stopped, "-KILL").await;
    stopped.wait().await.expect("ended");
    assert_eq!(ends(&mut ended).await, CloseReason::Disconnected);
    until(PATIENCE, "the handler is dropped", || held.get() == 0).await;
}
