//! Limits of one request and one connection, each attacked by a client that exceeds it.

use std::time::{Duration, Instant};

use axum_core::extract::Request;
use http::{StatusCode, Version};
use http_body_util::BodyExt;
use support::{Client, Count, Running, Visitor, until, within};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use touka::extract::State;
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(300);

/// A limit that a test must not reach.
const LONG: Duration = Duration::from_mins(10);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "here"
}

/// Takes longer than an idle connection may.
#[route(GET, "/slow")]
async fn slow() -> &'static str {
    tokio::time::sleep(SHORT * 3).await;
    "at last"
}

/// The number of bytes received, or how the body failed.
#[route(POST, "/upload")]
async fn upload(State(held): State<Count>, request: Request) -> Result<String, (StatusCode, String)> {
    let _held = held.hold();
    match request.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes().len().to_string()),
        Err(error) => Err((StatusCode::PAYLOAD_TOO_LARGE, root(&error))),
    }
}

/// The innermost error: axum-core's body wraps the error of the body inside it.
fn root(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

async fn running(server: Server) -> (Running, Count) {
    let held = Count::default();
    let router = Router::new().mount(routes![endless, plain, slow, upload]).with_state(held.clone());
    (Running::serve_with(server, router).await, held)
}

/// Asserts that another client is served.
async fn others_are_served(server: &Running) {
    let mut client = Client::stream(server.address, "/endless").await;
    assert_eq!(client.data().await, "here");
}

async fn closed(client: Client) -> String {
    let rest = within(PATIENCE, "the server closes", client.rest()).await;
    String::from_utf8(rest.expect("a clean end")).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_of_a_head_is_limited() {
    let (server, _) = running(Server::new().max_head_size(16 * 1024)).await;
    for (bytes, status) in [(8 * 1024, 200), (32 * 1024, 431)] {
        let mut client = Client::connect(server.address).await;
        let header = "v".repeat(bytes);
        client.send(format!("GET /plain HTTP/1.1\r\nhost: test\r\nx: {header}\r\n\r\n")).await;
        assert_eq!(client.head().await.status(), status, "{bytes} bytes");
    }
    // The limit applies without an end of the head, too.
    let mut client = Client::connect(server.address).await;
    client.send(format!("GET /plain HTTP/1.1\r\nhost: test\r\nx: {}", "v".repeat(32 * 1024))).await;
    assert!(closed(client).await.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
    others_are_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed_without_a_response() {
    let (server, _) = running(Server::new().head_timeout(SHORT)).await;
    let client = Client::connect(server.address).await;
    others_are_served(&server).await;
    let start = Instant::now();
    assert_eq!(closed(client).await, "");
    assert!(start.elapsed() > SHORT / 2, "closed too early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_arrives_slowly_is_answered_408() {
    let (server, _) = running(Server::new().head_timeout(SHORT)).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /plain HTTP/1.1\r\nhost: test\r\nx: ").await;
    let drip = async {
        while client.socket.write_all(b"x").await.is_ok() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
                _ = client.socket.readable() => break,
            }
        }
    };
    within(PATIENCE, "the server has enough", drip).await;
    assert_eq!(client.head().await.status(), 408);
    others_are_served(&server).await;
}

/// Two or more requests: hyper's response to the first must not be in the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_head_is_answered_408_on_a_reused_connection_too() {
    let (server, _) = running(Server::new().head_timeout(SHORT).idle_timeout(LONG)).await;
    for kept in [1, 3] {
        let mut client = Client::connect(server.address).await;
        for _ in 0..kept {
            client.send("GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.response().await.1, "here");
        }
        client.send("GET /plain HTTP/1.1\r\nhost: ").await;
        let (head, text) = client.response().await;
        assert_eq!((head.status(), text.as_str()), (408, "the request's head took too long\n"));
        assert_eq!(head.header("connection"), Some("close"));
        assert_eq!(closed(client).await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_kept_for_the_idle_timeout() {
    let (server, _) = running(Server::new().head_timeout(LONG).idle_timeout(SHORT)).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..3 {
        client.send("GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.response().await.1, "here");
    }
    let start = Instant::now();
    assert_eq!(closed(client).await, "");
    assert!(start.elapsed() > SHORT / 2, "closed too early");

    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    assert_eq!(visitor.get("/plain", &[]).await.text().await, "here");
    let gone = async {
        // Twice the time between two requests, so that the requests do not keep the connection open.
        while visitor.try_get("/plain", &[]).await.is_ok() {
            tokio::time::sleep(SHORT * 2).await;
        }
    };
    within(PATIENCE, "the server closes", gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_response_and_a_silent_stream_are_not_idle() {
    let (server, _) = running(Server::new().head_timeout(SHORT).idle_timeout(SHORT)).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut visitor = Visitor::connect(server.address, version).await;
        let mut stream = Visitor::connect(server.address, version).await;
        let mut open = stream.stream("/endless").await;
        assert_eq!(open.data().await, "here");
        // Three times the idle timeout.
        assert_eq!(visitor.get("/slow", &[]).await.text().await, "at last");
        let still = tokio::time::timeout(Duration::from_millis(1), open.bytes()).await;
        assert!(still.is_err(), "the silent stream was closed: {still:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_with_too_large_a_length_is_refused_before_it_is_read() {
    let (server, held) = running(Server::new().max_body_size(1000)).await;
    let mut client = Client::connect(server.address).await;
    let head = "POST /upload HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\n";
    client.send(format!("{head}content-length: 1001\r\n\r\n")).await;
    let (head, text) = client.response().await;
    assert_eq!((head.status(), text.as_str()), (413, "the request's body may have 1000 bytes at most\n"));
    assert_eq!(held.get(), 0, "the handler runs");

    let mut client = Client::connect(server.address).await;
    client.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n").await;
    client.send("x".repeat(1000)).await;
    assert_eq!(client.response().await.1, "1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_unknown_length_fails_once_it_is_too_large() {
    let (server, held) = running(Server::new().max_body_size(1000)).await;
    let mut client = Client::connect(server.address).await;
    client.send("POST /upload HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send(format!("3e8\r\n{}\r\n", "x".repeat(1000))).await;
    until(PATIENCE, "the handler reads", || held.get() == 1).await;
    client.send("1\r\nx\r\n").await;
    let (head, text) = client.response().await;
    assert_eq!((head.status(), text.as_str()), (413, "length limit exceeded"));
    until(PATIENCE, "the handler is done", || held.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_arriving_fails() {
    let (server, held) = running(Server::new().body_timeout(SHORT)).await;
    let mut client = Client::connect(server.address).await;
    client.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nabc").await;
    until(PATIENCE, "the handler reads", || held.get() == 1).await;
    others_are_served(&server).await;
    let text = client.response().await.1;
    assert_eq!(text, "the request's body stood still for 300ms, or came at less than 1024 bytes a second");
    until(PATIENCE, "the handler is done", || held.get() == 0).await;
}

/// A connection has a maximum number of streams, and the next request waits for its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_streams_of_one_connection_are_limited() {
    let (server, held) = running(Server::new().max_streams_per_connection(3)).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (client, connection) = h2::client::Builder::new().handshake::<_, bytes::Bytes>(socket).await.expect("shake");
    tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let mut open = Vec::new();
    let request = || http::Request::builder().uri("http://test/endless").body(()).expect("a request");
    // The first request is sent before the server's SETTINGS arrive.
    for _ in 0..3 {
        let (response, _) = client.send_request(request(), true).expect("send");
        open.push(response.await.expect("an answer").into_body());
        client = client.ready().await.expect("ready");
    }
    let (fourth, _) = client.send_request(request(), true).expect("send");
    let fourth = tokio::spawn(fourth);
    others_are_served(&server).await;
    assert!(!fourth.is_finished());
    open.pop();
    let answer = within(PATIENCE, "its turn", fourth).await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    // h2 keeps a handle on the stream that had to wait until it is asked whether another may be sent.
    let client = client.ready().await.expect("ready");
    drop((open, answer));
    until(PATIENCE, "all handlers are dropped", || held.get() == 0).await;
    drop(client);
}
