//! HTTP/2 on the port of HTTP/1.1: many streams on one connection, each independent of the others.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use support::{Client, Count, Running, Visitor, until, within};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use touka::extract::State;
use touka::{CloseReason, Event, EventStream, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// A count that handlers hold, and where they report why they ended.
#[derive(Clone)]
struct App {
    held: Count,
    ends: mpsc::UnboundedSender<CloseReason>,
}

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(app): State<App>) {
    let _held = app.held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

/// Emits more than any flow-control window holds.
#[route(GET, "/flood")]
async fn flood(State(app): State<App>) -> EventStream {
    EventStream::generate(|out| async move {
        let _held = app.held.hold();
        let kilobyte = "x".repeat(1024);
        loop {
            out.emit(kilobyte.as_str()).await;
        }
    })
    .write_timeout(Duration::from_millis(200))
    .on_close(move |reason| {
        let _ = app.ends.send(reason);
    })
}

/// Emits an event each time the channel has one.
#[sse_handler]
#[route(GET, "/ticks")]
async fn ticks() {
    for tick in 0u32.. {
        emit!(Event::data(tick.to_string()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[route(GET, "/hangs")]
async fn hangs(State(app): State<App>) -> &'static str {
    let _held = app.held.hold();
    std::future::pending::<()>().await;
    "never"
}

async fn running(server: Server) -> (Running, Count, mpsc::UnboundedReceiver<CloseReason>) {
    let (ends, ended) = mpsc::unbounded_channel();
    let held = Count::default();
    let app = App { held: held.clone(), ends };
    let router = Router::new().mount(routes![endless, flood, ticks, hangs]).with_state(app);
    (Running::serve_with(server, router).await, held, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_streams_share_one_connection() {
    let (server, held, _) = running(Server::new().max_streams_per_connection(300)).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = visitor.stream("/endless").await;
        assert_eq!(stream.header("connection"), None);
        assert_eq!(stream.data().await, "here");
        open.push(stream);
    }
    assert_eq!(held.get(), 300);
    // A page is closed: its stream is reset, and the others go on.
    open.truncate(100);
    until(PATIENCE, "the handlers of closed pages are gone", || held.get() == 100).await;
    drop(open);
    until(PATIENCE, "all handlers are gone", || held.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_a_connection_has_a_hundred_streams() {
    let (server, held, _) = running(Server::new()).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = visitor.stream("/endless").await;
        assert_eq!(stream.data().await, "here");
        open.push(stream);
    }
    // The client knows the limit by now, and waits for capacity by itself.
    let (next, ()) = tokio::join!(visitor.stream("/endless"), async {
        let mut other = Visitor::connect(server.address, Version::HTTP_2).await;
        assert_eq!(other.stream("/endless").await.data().await, "here");
        until(PATIENCE, "the handler of the other is gone", || held.get() == 100).await;
        open.pop();
    });
    drop((next, open));
    until(PATIENCE, "all handlers are gone", || held.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_is_dropped_with_its_stream_and_with_its_connection() {
    let (server, held, _) = running(Server::new()).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let mut answers = Vec::new();
    // Two streams without a response, and two with one.
    for path in ["hangs", "endless", "hangs", "endless"] {
        let request = Request::builder().uri(format!("http://test/{path}")).body(()).expect("a request");
        answers.push(client.send_request(request, true).expect("send"));
        client = client.ready().await.expect("ready");
    }
    until(PATIENCE, "all run", || held.get() == 4).await;
    answers.truncate(2);
    until(PATIENCE, "handlers of reset streams are gone", || held.get() == 2).await;
    driver.abort();
    until(PATIENCE, "handlers of closed connections are gone", || held.get() == 0).await;
    drop((answers, client));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stream_that_is_not_read_stalls_alone() {
    let (server, held, mut ended) = running(Server::new()).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut lively = visitor.stream("/ticks").await;
    let mut unread = visitor.stream("/flood").await;
    let reason = within(PATIENCE, "the stall", ended.recv()).await;
    assert_eq!(reason, Some(CloseReason::Stalled));
    assert_eq!(held.get(), 0, "the handler went on");
    // Data that had arrived can be read, then the stream is found cut off; the other one goes on.
    let cut = loop {
        match unread.bytes().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(cut.is_err(), "a stream that was cut off looks complete");
    let last: u32 = lively.data().await.parse().expect("a number");
    let next: u32 = lively.data().await.parse().expect("a number");
    assert_eq!(next, last + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_sends_goaway_and_ends_each_stream() {
    let (mut server, held, _) = running(Server::new()).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    let driver = tokio::spawn(connection);
    let mut bodies = Vec::new();
    for _ in 0..50 {
        client = client.ready().await.expect("ready");
        let request = Request::builder().uri("http://test/endless").body(()).expect("a request");
        let (response, _) = client.send_request(request, true).expect("send");
        bodies.push(response.await.expect("an answer").into_body());
    }
    until(PATIENCE, "all are open", || held.get() == 50).await;
    server.stop();
    let reads = bodies.into_iter().map(|mut body| async move {
        let mut all = Vec::new();
        while let Some(bytes) = body.data().await {
            all.extend_from_slice(&bytes.expect("a clean end"));
        }
        String::from_utf8(all).expect("text")
    });
    for text in within(PATIENCE, "the ends", join_all(reads)).await {
        let retry = text.strip_prefix("data: here\n\nretry: ").expect("an event, then a retry");
        let retry: u64 = retry.strip_suffix('\n').expect("one line").parse().expect("a number");
        assert!((1000..=3000).contains(&retry), "{retry}");
    }
    // GOAWAY without an error is the clean end of a client's connection.
    within(PATIENCE, "the client's connection", driver).await.expect("no panic").expect("a GOAWAY, and no error");
    server.stopped(PATIENCE).await;
    assert_eq!(held.get(), 0);
}

/// Serves a CONNECT until the client closes its half. An example of a tunnel: it echoes what it receives.
async fn tunnel(mut request: axum::extract::Request) -> StatusCode {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut reads, mut writes) = tokio::io::split(TokioIo::new(upgrade.await.expect("a tunnel")));
        tokio::io::copy(&mut reads, &mut writes).await.expect("said back");
    });
    StatusCode::OK
}

/// A tunnel keeps its connection open for as long as the tunnel is open, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_keeps_its_connection_open() {
    const IDLE: Duration = Duration::from_millis(200);
    let app = axum::Router::new().fallback(tunnel);
    let server = Running::serve_with(Server::new().idle_timeout(IDLE), app).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = Request::builder().method("CONNECT").uri("test:80").body(()).expect("a request");
    let (response, mut sends) = client.send_request(request, false).expect("send");
    let mut hears = response.await.expect("an answer").into_body();
    for _ in 0..5 {
        // Five times the idle timeout, in all.
        tokio::time::sleep(IDLE).await;
        sends.send_data("x".into(), false).expect("the connection is open");
        assert_eq!(within(PATIENCE, "the answer", hears.data()).await.expect("open").expect("open"), "x");
        hears.flow_control().release_capacity(1).expect("open");
    }
    assert!(!driver.is_finished());
    sends.send_data("".into(), true).expect("the connection is open");
    while within(PATIENCE, "the end", hears.data()).await.is_some() {}
    drop((sends, hears));
    let _ = within(PATIENCE, "the idle connection's end", driver).await.expect("no panic");
    drop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_are_served_on_one_port() {
    let (server, ..) = running(Server::new()).await;
    let mut old = Client::stream(server.address, "/ticks").await;
    let mut new = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut stream = new.stream("/ticks").await;
    assert_eq!((old.data().await.as_str(), stream.data().await.as_str()), ("0", "0"));
    // A request that begins like HTTP/2 and is not gets an error response like any other.
    let mut odd = Client::connect(server.address).await;
    odd.send("PRI /x HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(odd.head().await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_not_the_authority_is_refused() {
    let (server, ..) = running(Server::new()).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let other = visitor.get("/ticks", &[("host", "other")]).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert_eq!(other.text().await, "the request's Host header differs from its :authority\n");
    assert_eq!(visitor.get("/ticks", &[("host", "test")]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_close_only_the_senders_connection() {
    let (server, held, _) = running(Server::new()).await;
    let mut other = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut lively = other.stream("/ticks").await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    let driver = tokio::spawn(connection);
    let mut sent = 0;
    let refused = loop {
        assert!(sent < 100_000, "resets without end");
        client = match client.ready().await {
            Ok(client) => client,
            Err(error) => break error,
        };
        let request = Request::builder().uri("http://test/hangs").body(()).expect("a request");
        match client.send_request(request, true) {
            Ok((_, mut body)) => body.send_reset(h2::Reason::CANCEL),
            Err(error) => break error,
        }
        sent += 1;
    };
    drop(driver);
    assert!(refused.is_go_away() || refused.is_io(), "{refused}");
    until(PATIENCE, "their handlers are gone", || held.get() == 0).await;
    lively.data().await;
}

/// Sends a request with `number` headers of 4,000 bytes: a single long one might be refused for its own
/// length.
async fn with_headers(visitor: &mut Visitor, number: usize) -> hyper::Result<StatusCode> {
    let values: Vec<_> = (0..number).map(|number| (format!("x-{number}"), "v".repeat(4000))).collect();
    let headers: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok(visitor.try_get("/ticks", &headers).await?.status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_head_is_refused_and_its_connection_lives() {
    let (server, ..) = running(Server::new()).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut lively = visitor.stream("/ticks").await;
    assert_eq!(with_headers(&mut visitor, 10).await.ok(), Some(StatusCode::OK));
    assert_eq!(with_headers(&mut visitor, 20).await.ok(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    lively.data().await;
    assert_eq!(visitor.get("/ticks", &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_head_closes_only_its_own_connection() {
    let (server, held, _) = running(Server::new()).await;
    let mut other = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut lively = other.stream("/ticks").await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut lost = visitor.stream("/endless").await;
    assert_eq!(lost.data().await, "here");
    // Many times the limit, in continuation frames: h2 stops reading and sends GOAWAY.
    assert!(with_headers(&mut visitor, 100).await.is_err());
    until(PATIENCE, "handlers of that connection are dropped", || held.get() == 0).await;
    lively.data().await;
}
