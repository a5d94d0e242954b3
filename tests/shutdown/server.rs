//! A server that is asked to stop ends its streams cleanly, and always stops.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{Client, Count, Process, ReservedPort, Running, within};
use tokio_util::sync::CancellationToken;
use touka::extract::State;
use touka::server::Listener;
use touka::{EventStream, Router, Server, route, routes, sse_handler};

/// The default shutdown timeout, and time for a slow machine on top.
const DEADLINE: Duration = Duration::from_secs(10);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

/// Never ends, and never has to wait at an await.
#[sse_handler]
#[route(GET, "/flood")]
async fn flood(State(held): State<Count>) {
    let _held = held.hold();
    loop {
        emit!("more");
    }
}

/// Sends its head only when it is too late.
#[route(GET, "/hangs")]
async fn hangs(State(held): State<Count>) -> &'static str {
    let _held = held.hold();
    std::future::pending::<()>().await;
    "never"
}

#[route(GET, "/slow")]
async fn slow(State(held): State<Count>) -> &'static str {
    let _held = held.hold();
    tokio::time::sleep(Duration::from_millis(300)).await;
    "finished"
}

fn app(held: &Count) -> Router {
    Router::new().mount(routes![endless, flood, hangs, slow]).with_state(held.clone())
}

/// Reads a stream to its end: the last chunk is a `retry` of one to three seconds.
async fn reads_its_end(mut client: Client) {
    while let Some(event) = client.next().await.expect("a clean end, not a broken connection") {
        assert_eq!(event.name, "message");
    }
    let retry = client.parser().retry().expect("a retry");
    assert!((Duration::from_secs(1)..=Duration::from_secs(3)).contains(&retry), "{retry:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_open_streams_end_within_the_deadline() {
    let held = Count::default();
    let mut server = Running::serve(app(&held)).await;
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let mut client = Client::stream(server.address, "/endless").await;
        assert_eq!(client.data().await, "here");
        clients.push(client);
    }
    assert_eq!(held.get(), 1000);
    let start = Instant::now();
    server.stop();
    let ends = join_all(clients.into_iter().map(reads_its_end));
    tokio::join!(ends, server.stopped(DEADLINE));
    assert!(start.elapsed() < DEADLINE);
    assert_eq!(held.get(), 0, "a body survived its stream");
}

#[tokio::test]
async fn a_stream_that_is_always_ready_ends_between_events() {
    let held = Count::default();
    let mut server = Running::serve(app(&held)).await;
    let mut client = Client::stream(server.address, "/flood").await;
    assert_eq!(client.data().await, "more");
    server.stop();
    reads_its_end(client).await;
    server.stopped(DEADLINE).await;
    assert_eq!(held.get(), 0);
}

/// A running request is finished, and an idle connection does not delay the shutdown.
#[tokio::test]
async fn a_running_request_is_finished() {
    let held = Count::default();
    let mut server = Running::serve(app(&held)).await;
    let _said_nothing = Client::connect(server.address).await;
    let mut half = Client::connect(server.address).await;
    half.send("GET /slow HT").await;
    let mut kept = Client::get(server.address, "/nowhere").await;
    assert_eq!(kept.response().await.0.status(), 404);
    let mut client = Client::get(server.address, "/slow").await;
    support::until(DEADLINE, "the request runs", || held.get() == 1).await;

    let start = Instant::now();
    server.stop();
    assert_eq!(client.response().await.1, "finished");
    server.stopped(DEADLINE).await;
    assert!(start.elapsed() < Duration::from_secs(5), "the shutdown waited for idle connections");
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_dropped_at_the_deadline() {
    let held = Count::default();
    let mut server = Running::serve_with(Server::new().shutdown_timeout(Duration::from_millis(200)), app(&held)).await;
    let client = Client::get(server.address, "/hangs").await;
    support::until(DEADLINE, "the request runs", || held.get() == 1).await;
    server.stop();
    server.stopped(DEADLINE).await;
    assert_eq!(client.rest().await.unwrap_or_default(), b"", "cut without an answer");
    support::until(DEADLINE, "the handler is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_at_the_deadline() {
    let held = Count::default();
    let mut server = Running::serve_with(Server::new().shutdown_timeout(Duration::from_millis(300)), app(&held)).await;
    let mut client = Client::connect_small(server.address, 8 * 1024).await;
    client.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;
    support::until(DEADLINE, "the stream runs", || held.get() == 1).await;
    server.stop();
    server.stopped(DEADLINE).await;
    support::until(DEADLINE, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn no_connection_is_accepted_after_the_signal() {
    // Reserved, because a listener of another test could take the port after it has closed.
    let port = ReservedPort::new();
    let listener = Listener::bind(&port.address.to_string()).await.expect("bind");
    let stop = CancellationToken::new();
    let server = Server::new().shutdown_on(stop.clone().cancelled_owned());
    let server = tokio::spawn(server.serve(listener, app(&Count::default())));
    Client::stream(port.address, "/endless").await;
    stop.cancel();
    within(DEADLINE, "the shutdown", server).await.expect("no panic").expect("no error");
    let refused = tokio::net::TcpStream::connect(port.address).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Ends a real process with a real signal.
async fn ends_at(signal: &str) {
    let server = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[]).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::stream(server.address, "/endless").await);
    }
    server.signal(signal).await;
    join_all(clients.into_iter().map(reads_its_end)).await;
    let status = server.ended(DEADLINE).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn sigterm_ends_the_process() {
    ends_at("TERM").await;
}

#[tokio::test]
async fn ctrl_c_ends_the_process() {
    ends_at("INT").await;
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let port = ReservedPort::new();
    let server = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[&port.address.to_string()]).await;
    let client = Client::get(server.address, "/hangs").await;
    // A later request was answered, so this one is running.
    let mut probe = Client::get(server.address, "/nowhere").await;
    assert_eq!(probe.response().await.0.status(), 404);
    let start = Instant::now();
    server.signal("TERM").await;
    // The first signal has arrived once the port is closed.
    let closed = async {
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(DEADLINE, "the port closes", closed).await;
    server.signal("TERM").await;
    server.ended(DEADLINE).await;
    assert!(start.elapsed() < DEADLINE / 2, "the shutdown waited for the handler that hangs");
    drop(client);
}

#[tokio::test]
async fn a_stream_of_another_library_ends_as_well() {
    use axum::response::sse::{Event, Sse};
    use futures_util::{StreamExt as _, stream};
    async fn foreign() -> Sse<impl futures_util::Stream<Item = Result<Event, std::convert::Infallible>>> {
        let one = stream::iter([Ok(Event::default().data("theirs"))]);
        Sse::new(one.chain(stream::pending()))
    }
    let mut server = Running::serve(axum::Router::new().route("/foreign", axum::routing::get(foreign))).await;
    let mut client = Client::stream(server.address, "/foreign").await;
    assert_eq!(client.data().await, "theirs");
    server.stop();
    reads_its_end(client).await;
    server.stopped(DEADLINE).await;
}

/// The function form of the handler above: the attribute does not matter.
#[tokio::test]
async fn a_generated_stream_ends_as_well() {
    #[route(GET, "/")]
    async fn generated() -> EventStream {
        EventStream::generate(|out| async move {
            out.emit("one").await;
            std::future::pending::<()>().await;
        })
    }
    let mut server = Running::serve(Router::new().mount(routes![generated])).await;
    let mut client = Client::stream(server.address, "/").await;
    assert_eq!(client.data().await, "one");
    server.stop();
    reads_its_end(client).await;
    server.stopped(DEADLINE).await;
}
