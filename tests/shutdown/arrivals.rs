//! A shutdown answers requests that were sent before it: connections that the kernel has accepted are served,
//! and none of them is reset.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{Request, Version};
use support::{Certificate, Client, Count, Running, Visitor, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use touka::extract::State;
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);
const CLIENTS: usize = 50;

/// The preface, empty SETTINGS, and a HEADERS frame on stream 1 with `END_STREAM`: GET, http, /plain, and the
/// authority `t`.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/plain\x41\x01t";

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "here"
}

#[sse_handler]
#[route(GET, "/endless")]
async fn endless(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

fn app() -> Router {
    Router::new().mount(routes![plain, endless]).with_state(Count::default())
}

/// Connects without letting the server run: the test's runtime has one thread, and nothing is awaited here.
/// The kernel has accepted the connection, the server has not.
fn connect_unseen(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut socket = StdStream::connect(address).expect("connect");
    socket.write_all(words).expect("send");
    socket.set_nonblocking(true).expect("set the mode");
    TcpStream::from_std(socket).expect("a socket of tokio's")
}

async fn all_of(mut socket: TcpStream) -> String {
    let mut all = Vec::new();
    let read = within(PATIENCE, "the answer", socket.read_to_end(&mut all)).await;
    read.expect("an answer and a clean end, no reset");
    String::from_utf8(all).expect("text")
}

#[tokio::test]
async fn requests_that_wait_in_the_backlog_are_answered() {
    let mut server = Running::serve(app()).await;
    let request = b"GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";
    let sockets: Vec<_> = (0..CLIENTS).map(|_| connect_unseen(server.address, request)).collect();
    server.stop();
    for text in join_all(sockets.into_iter().map(all_of)).await {
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhere"), "{text:?}");
        // The head tells the client not to send another request on this connection.
        assert_eq!(text.matches("connection: close\r\n").count(), 1, "{text:?}");
    }
    server.stopped(PATIENCE).await;
}

#[tokio::test]
async fn streams_that_wait_in_the_backlog_end_cleanly() {
    let mut server = Running::serve(app()).await;
    let request = b"GET /endless HTTP/1.1\r\nhost: test\r\n\r\n";
    let sockets: Vec<_> = (0..CLIENTS).map(|_| connect_unseen(server.address, request)).collect();
    server.stop();
    for text in join_all(sockets.into_iter().map(all_of)).await {
        assert!(text.contains("data: here\n\n") && text.contains("retry: "), "{text:?}");
        assert!(text.ends_with("\r\n0\r\n\r\n"), "{text:?}");
    }
    server.stopped(PATIENCE).await;
}

#[tokio::test]
async fn http2_requests_in_the_backlog_are_answered() {
    let mut server = Running::serve(app()).await;
    let mut sockets: Vec<_> = (0..CLIENTS).map(|_| connect_unseen(server.address, HTTP2)).collect();
    server.stop();
    // These clients answer no ping, and the shutdown waits for none of them.
    let start = Instant::now();
    let answers = sockets.iter_mut().map(|socket| async {
        let mut all = Vec::new();
        within(PATIENCE, "the answer", socket.read_to_end(&mut all)).await.expect("no reset");
        assert!(all.windows(4).any(|bytes| bytes == b"here"), "{all:?}");
    });
    join_all(answers).await;
    server.stopped(PATIENCE).await;
    assert!(start.elapsed() < Duration::from_secs(9), "the shutdown waited for its deadline");
}

#[tokio::test]
async fn tls_handshakes_in_the_backlog_are_finished() {
    let certificate = Certificate::new();
    for (protocol, version) in [(&b"http/1.1"[..], Version::HTTP_11), (b"h2", Version::HTTP_2)] {
        let mut server = Running::serve_with(Server::new().tls(certificate.tls()), app()).await;
        // Only a few: each step of a handshake has one second.
        let sockets: Vec<_> = (0..CLIENTS / 10).map(|_| connect_unseen(server.address, b"")).collect();
        server.stop();
        let visits = sockets.into_iter().map(|socket| async {
            let wire = certificate.connect(socket, &[protocol]).await;
            let mut visitor = Visitor::over(wire, version).await;
            let mut stream = visitor.stream("/endless").await;
            assert_eq!(stream.data().await, "here");
            assert_eq!(stream.next().await.expect("a clean end"), None);
            assert!(stream.parser().retry().is_some());
        });
        join_all(visits).await;
        server.stopped(PATIENCE).await;
    }
}

#[tokio::test]
async fn requests_that_were_sent_over_tls_are_answered() {
    let certificate = Certificate::new();
    let http1 = &b"GET /plain HTTP/1.1\r\nhost: test\r\n\r\n"[..];
    for (protocol, words) in [(&b"http/1.1"[..], http1), (b"h2", HTTP2)] {
        let mut server = Running::serve_with(Server::new().tls(certificate.tls()), app()).await;
        let mut wires = Vec::new();
        for _ in 0..CLIENTS {
            let socket = TcpStream::connect(server.address).await.expect("connect");
            wires.push(certificate.connect(socket, &[protocol]).await);
        }
        for wire in &mut wires {
            wire.write_all(words).await.expect("send");
            wire.flush().await.expect("send");
        }
        server.stop();
        for wire in &mut wires {
            let mut all = Vec::new();
            // The connection may end without an alert.
            let _ = within(PATIENCE, "the answer", wire.read_to_end(&mut all)).await;
            assert!(all.windows(4).any(|bytes| bytes == b"here"), "{all:?}");
        }
        server.stopped(PATIENCE).await;
    }
}

/// The request is in the socket's buffer when the shutdown begins.
#[tokio::test]
async fn the_next_request_of_an_idle_connection_is_answered() {
    let mut server = Running::serve(app()).await;
    let mut client = Client::get(server.address, "/plain").await;
    assert_eq!(client.response().await.1, "here");
    let socket = client.socket.into_std().expect("a socket");
    socket.set_nonblocking(false).expect("set the mode");
    (&socket).write_all(b"GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").expect("send");
    server.stop();
    socket.set_nonblocking(true).expect("set the mode");
    let text = all_of(TcpStream::from_std(socket).expect("a socket of tokio's")).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhere"), "{text:?}");
    server.stopped(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_delay_a_shutdown() {
    let certificate = Certificate::new();
    for server in [Server::new(), Server::new().tls(certificate.tls())] {
        let server = server.head_timeout(PATIENCE).shutdown_timeout(PATIENCE);
        let mut server = Running::serve_with(server, app()).await;
        let mut mute = Vec::new();
        for words in ["", "G", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\0\x01"] {
            let mut client = Client::connect(server.address).await;
            client.send(words).await;
            mute.push(client);
        }
        let start = Instant::now();
        server.stop();
        server.stopped(PATIENCE).await;
        assert!(start.elapsed() < PATIENCE / 2, "the shutdown waited for silent clients");
    }
}

/// A client that sends its head slowly gets at most half of the shutdown timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_head_does_not_delay_a_shutdown() {
    let server = Server::new().head_timeout(PATIENCE).shutdown_timeout(Duration::from_secs(4));
    let mut server = Running::serve_with(server, app()).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /plain HTTP/1.1\r\nhost: test\r\nx: ").await;
    server.stop();
    let drip = tokio::spawn(async move {
        while client.socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    server.stopped(PATIENCE).await;
    within(PATIENCE, "the connection is closed", drip).await.expect("no panic");
}

#[tokio::test]
async fn an_http2_request_in_transit_is_answered() {
    let mut server = Running::serve(app()).await;
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    let driver = tokio::spawn(connection);
    client = client.ready().await.expect("ready");
    let request = Request::builder().uri("http://test/plain").body(()).expect("a request");
    let (response, _) = client.send_request(request, true).expect("send");
    server.stop();
    assert_eq!(within(PATIENCE, "the answer", response).await.expect("an answer").status(), 200);
    drop(client);
    within(PATIENCE, "the end", driver).await.expect("no panic").expect("a clean end");
    server.stopped(PATIENCE).await;
}
