//! When the client disconnects, the handler's body is dropped within a second, however the client left.

use std::time::Duration;

use support::{Certificate, Client, Count, Running, until, within};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use touka::extract::State;
use touka::{EventStream, Router, Server, route, routes, sse_handler};

const A_SECOND: Duration = Duration::from_secs(1);

/// Waits for ever, holding a count.
#[sse_handler]
#[route(GET, "/idle")]
async fn idle(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

/// Like `idle`, with a keep-alive short enough for a test.
#[route(GET, "/watched")]
async fn watched(State(held): State<Count>) -> EventStream {
    idle(State(held)).await.keep_alive(Duration::from_millis(100))
}

/// Delays its head, holding a count.
#[sse_handler]
#[route(GET, "/undecided")]
async fn undecided(State(held): State<Count>) -> Result<EventStream, http::StatusCode> {
    let _held = held.hold();
    std::future::pending::<()>().await;
    Ok(())
}

/// Accepts a body and does not read it.
#[sse_handler]
#[route(POST, "/unread")]
async fn unread(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

/// Drops the request's body, and never responds.
#[route(POST, "/hangs")]
async fn hangs(State(held): State<Count>) -> &'static str {
    let _held = held.hold();
    std::future::pending::<()>().await;
    "never"
}

/// Responds without reading the body.
#[route(POST, "/plain")]
async fn plain() -> &'static str {
    "here"
}

/// Reads a part of the body, then streams.
#[sse_handler]
#[route(POST, "/partly")]
async fn partly(State(held): State<Count>, request: axum_core::extract::Request) {
    let _held = held.hold();
    let mut body = request.into_body();
    let first = http_body_util::BodyExt::frame(&mut body).await.expect("a frame").expect("no error");
    drop(body);
    emit!(format!("{}", first.is_data()));
    std::future::pending::<()>().await;
}

/// Moves the body to another task, which drops it after the stream has begun.
#[sse_handler]
#[route(POST, "/elsewhere")]
async fn elsewhere(State(held): State<Count>, request: axum_core::extract::Request) {
    let _held = held.hold();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let _body = request.into_body();
        has_begun.await
    });
    emit!("here");
    let _ = begun.send(());
    std::future::pending::<()>().await;
}

async fn serve() -> (Running, Count) {
    let held = Count::default();
    let router = Router::new().mount(routes![idle, watched, undecided, unread, hangs, plain, partly, elsewhere]);
    (Running::serve(router.with_state(held.clone())).await, held)
}

async fn serve_tls(certificate: &Certificate) -> (Running, Count) {
    let held = Count::default();
    let router = Router::new().mount(routes![idle, unread]).with_state(held.clone());
    (Running::serve_with(Server::new().tls(certificate.tls()), router).await, held)
}

fn post(path: &str, length: usize, body: usize) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), &vec![b'x'; body]].concat()
}

/// Reads until `wanted` has arrived.
async fn read_until(io: &mut (impl AsyncRead + Unpin), wanted: &str) {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(wanted) {
        let read = within(Duration::from_mins(1), wanted, io.read_buf(&mut all)).await.expect("read");
        assert!(read > 0, "closed before {wanted:?}: {:?}", String::from_utf8_lossy(&all));
    }
}

#[tokio::test]
async fn a_fin_drops_the_body() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/idle").await;
    assert_eq!(client.data().await, "here");
    assert_eq!(held.get(), 1);
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn a_reset_drops_the_body() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/idle").await;
    assert_eq!(client.data().await, "here");
    client.reset();
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

/// A client may send more than its request and then disconnect.
#[tokio::test]
async fn a_disconnect_behind_extra_bytes_is_found() {
    let (server, held) = serve().await;
    for more in ["G", "\r\n", "GET /idle HTTP/1.1\r\nhost: te", "GET /idle HTTP/1.1\r\nhost: test\r\n\r\n"] {
        for resets in [false, true] {
            let mut client = Client::connect(server.address).await;
            // Together with the request, and after it.
            client.send(format!("GET /idle HTTP/1.1\r\nhost: test\r\n\r\n{more}")).await;
            client.head().await;
            assert_eq!(client.data().await, "here");
            client.send(more).await;
            assert_eq!(held.get(), 1);
            if resets {
                client.reset();
            } else {
                drop(client);
            }
            until(A_SECOND, "the body is dropped", || held.get() == 0).await;
        }
    }
}

/// After a byte beyond the request, hyper no longer watches for the connection's end. The stream goes on.
#[tokio::test]
async fn an_extra_byte_does_not_end_the_stream() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/watched").await;
    assert_eq!(client.data().await, "here");
    client.send("G").await;
    // The server has read that byte once a later comment has arrived.
    for _ in 0..3 {
        assert_eq!(client.chunk().await.unwrap().unwrap(), b":\n");
    }
    assert_eq!(held.get(), 1);
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn a_disconnect_behind_an_unread_body_is_found() {
    let (server, held) = serve().await;
    // All of the body, a part of it, and none.
    for (path, length, sent) in [
        ("/unread", 256 * 1024, 256 * 1024),
        ("/unread", 256 * 1024, 64 * 1024),
        ("/unread", 10, 0),
        ("/partly", 256 * 1024, 256 * 1024),
        ("/partly", 256 * 1024, 1024),
        ("/elsewhere", 256 * 1024, 256 * 1024),
        ("/elsewhere", 256 * 1024, 1024),
    ] {
        let mut client = Client::connect(server.address).await;
        client.send(post(path, length, sent)).await;
        client.head().await;
        client.data().await;
        assert_eq!(held.get(), 1);
        drop(client);
        until(A_SECOND, &format!("{path}: the body is dropped"), || held.get() == 0).await;
    }
}

#[tokio::test]
async fn a_disconnect_before_the_response_to_a_dropped_body_is_found() {
    let (server, held) = serve().await;
    for sent in [256 * 1024, 1024] {
        let mut client = Client::connect(server.address).await;
        client.send(post("/hangs", 256 * 1024, sent)).await;
        until(Duration::from_secs(30), "the handler runs", || held.get() == 1).await;
        drop(client);
        until(A_SECOND, "the handler is dropped", || held.get() == 0).await;
    }
}

#[tokio::test]
async fn a_tls_disconnect_behind_extra_bytes_is_found() {
    let certificate = Certificate::new();
    let (server, held) = serve_tls(&certificate).await;
    let stray = b"GET /idle HTTP/1.1\r\nhost: test\r\n\r\nG".to_vec();
    for request in [stray, post("/unread", 256 * 1024, 256 * 1024), post("/unread", 256 * 1024, 1024)] {
        for says_goodbye in [false, true] {
            let socket = TcpStream::connect(server.address).await.expect("connect");
            let mut wire = certificate.connect(socket, &[b"http/1.1"]).await;
            wire.write_all(&request).await.expect("send");
            wire.flush().await.expect("send");
            read_until(&mut wire, "data: here").await;
            assert_eq!(held.get(), 1);
            if says_goodbye {
                // A FIN would follow the alert; the alert is enough.
                wire.shutdown().await.expect("the alert");
            }
            drop(wire);
            until(A_SECOND, "the body is dropped", || held.get() == 0).await;
        }
    }
}

/// Bytes read beyond a request are kept: they are the next request.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (server, _) = serve().await;
    let mut client = Client::connect(server.address).await;
    let slow = "GET /nowhere HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut all = post("/plain", 100_000, 100_000);
    all.extend_from_slice(slow.as_bytes());
    all.extend_from_slice(&post("/plain", 10, 10));
    all.extend_from_slice(slow.as_bytes());
    client.send(all).await;
    for status in [200, 404, 200, 404] {
        assert_eq!(client.response().await.0.status(), status);
    }
}

/// Beyond the bound nothing more is read, and the head says that the connection closes.
#[tokio::test]
async fn an_unread_body_over_the_bound_closes_its_connection() {
    let held = Count::default();
    let router = Router::new().mount(routes![unread, plain]).with_state(held.clone());
    let mut server = Running::serve_with(Server::new().max_body_size(100_000), router).await;
    let mut client = Client::connect(server.address).await;
    // Within the bound the connection is kept: both requests are answered.
    client.send(post("/plain", 100_000, 100_000)).await;
    let (head, text) = client.response().await;
    assert_eq!((head.status(), head.header("connection"), text.as_str()), (200, None, "here"));
    client.send(post("/plain", 100_001, 100_001)).await;
    let (head, _) = client.response().await;
    assert_eq!((head.status(), head.header("connection")), (413, Some("close")));
    assert_eq!(client.rest().await.expect("no reset"), b"");

    // A body of unknown length. The stream goes on, and its end is not lost to a reset.
    let mut client = Client::connect(server.address).await;
    client.send("POST /unread HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.data().await, "here");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..30 {
        client.send(&chunk).await;
    }
    assert_eq!(held.get(), 1);
    server.stop();
    let rest = String::from_utf8(client.rest().await.expect("no reset")).expect("text");
    assert!(rest.contains("retry: ") && rest.ends_with("\r\n0\r\n\r\n"), "{rest:?}");
}

/// A client that sends `expect: 100-continue` gets no 100.
#[tokio::test]
async fn an_unread_body_gets_no_100_continue() {
    let (server, held) = serve().await;
    let mut client = Client::connect(server.address).await;
    let head = "POST /unread HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n";
    client.send(head).await;
    // The client may send the body all the same, so its next request cannot be found on this connection.
    let head = client.head().await;
    assert_eq!((head.status(), head.header("connection")), (200, Some("close")));
    assert_eq!(client.data().await, "here");
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn a_disconnect_before_the_head_is_found() {
    let (server, held) = serve().await;
    let client = Client::get(server.address, "/undecided").await;
    until(Duration::from_secs(30), "the body runs", || held.get() == 1).await;
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn only_bodies_of_disconnected_clients_are_dropped() {
    let (server, held) = serve().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = Client::stream(server.address, "/idle").await;
        assert_eq!(client.data().await, "here");
        clients.push(client);
    }
    assert_eq!(held.get(), 100);
    clients.truncate(40);
    until(Duration::from_secs(10), "sixty bodies are dropped", || held.get() == 40).await;
}
