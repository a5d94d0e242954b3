//! Limits on request bodies: how slowly they may arrive, and how much memory they may use at once.

use std::time::Duration;

use axum_core::extract::Request;
use bytes::Bytes;
use futures_util::future::{join_all, poll_fn};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use support::{Client, Running, until, within};
use tokio::net::TcpStream;
use touka::extract::State;
use touka::{Router, Server, route, routes};

use crate::held::Held;

const PATIENCE: Duration = Duration::from_mins(1);

/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(300);

/// A limit that a test must not reach.
const LONG: Duration = Duration::from_mins(10);

/// Collects a body without an extractor: the number of bytes, or why there are no more.
#[route(POST, "/upload")]
async fn upload(State(held): State<Held>, request: Request) -> Result<String, (StatusCode, String)> {
    let mut body = request.into_body();
    let mut collected: Vec<Bytes> = Vec::new();
    let mut length = 0;
    let failure = loop {
        match body.frame().await.transpose() {
            Ok(None) => break None,
            Ok(Some(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                held.add(data.len());
                length += data.len();
                collected.push(data);
            }
            Err(error) => break Some(root(&error)),
        }
    };
    held.sub(length);
    failure.map_or_else(|| Ok(length.to_string()), |failure| Err((StatusCode::BAD_REQUEST, failure)))
}

/// A handler that reads nothing.
#[route(POST, "/ignores")]
async fn ignores() -> &'static str {
    "not read"
}

/// The innermost error: axum-core's body wraps the error of the body inside it.
fn root(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

async fn running(server: Server) -> (Running, Held) {
    let held = Held::default();
    let router = Router::new().mount(routes![upload, ignores]).with_state(held.clone());
    (Running::serve_with(server, router).await, held)
}

async fn shake_hands(server: &Running) -> SendRequest<Bytes> {
    let socket = TcpStream::connect(server.address).await.expect("connect");
    let (client, connection) = h2::client::handshake(socket).await.expect("the handshake");
    tokio::spawn(connection);
    client.ready().await.expect("ready")
}

/// An upload over HTTP/2 that has not ended.
struct Upload {
    answer: h2::client::ResponseFuture,
    sends: SendStream<Bytes>,
}

impl Upload {
    async fn begin(client: &mut SendRequest<Bytes>) -> Self {
        Self::begin_with(client, None).await
    }

    /// Begins an upload as a proxy forwards it for the client `of`.
    async fn begin_for(client: &mut SendRequest<Bytes>, of: &str) -> Self {
        Self::begin_with(client, Some(of)).await
    }

    async fn begin_with(client: &mut SendRequest<Bytes>, of: Option<&str>) -> Self {
        poll_fn(|cx| client.poll_ready(cx)).await.expect("ready");
        let request = http::Request::builder().method(Method::POST).uri("http://test/upload");
        let request = if let Some(of) = of { request.header("x-forwarded-for", of) } else { request }.body(());
        let (answer, sends) = client.send_request(request.expect("a request"), false).expect("send");
        Self { answer, sends }
    }

    /// Sends bytes as the flow control allows; `false` if the server has refused the rest.
    async fn send(&mut self, mut bytes: Bytes) -> bool {
        while !bytes.is_empty() {
            self.sends.reserve_capacity(bytes.len());
            let Some(Ok(allowed)) = poll_fn(|cx| self.sends.poll_capacity(cx)).await else { return false };
            if self.sends.send_data(bytes.split_to(allowed.min(bytes.len())), false).is_err() {
                return false;
            }
        }
        true
    }

    async fn answered(self) -> (StatusCode, String) {
        let answer = within(PATIENCE, "an answer", self.answer).await.expect("an answer");
        (answer.status(), text(answer.into_body()).await)
    }
}

async fn text(mut body: RecvStream) -> String {
    let mut all = Vec::new();
    while let Some(bytes) = within(PATIENCE, "the body", body.data()).await {
        all.extend_from_slice(&bytes.expect("a whole body"));
    }
    String::from_utf8(all).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_bodies_on_one_connection_are_ended_and_freed() {
    let (server, held) = running(Server::new().body_timeout(SHORT).max_streams_per_connection(100)).await;
    let mut client = shake_hands(&server).await;
    let mut uploads = Vec::new();
    for _ in 0..100 {
        uploads.push(Upload::begin(&mut client).await);
    }
    let drips = uploads.into_iter().map(|mut upload| async move {
        // More often than a limit on standing still would notice. No more than nine, though: h2 closes a connection
        // on which a thousand frames come for streams that it has reset, and a busy machine may send them all at once.
        for _ in 0..9 {
            if !upload.send(Bytes::from_static(b"x")).await {
                break;
            }
            tokio::time::sleep(SHORT / 6).await;
        }
        upload.answered().await
    });
    for (status, text) in within(PATIENCE, "all are ended", join_all(drips)).await {
        let slow = "the request's body stalled for 300ms, or arrived at less than 1024 bytes per second";
        assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, slow));
    }
    until(PATIENCE, "nothing is held", || held.now() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_began_fast_cannot_then_be_slow_for_ever() {
    let (server, held) = running(Server::new().body_timeout(SHORT)).await;
    let mut client = Client::connect(server.address).await;
    client.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 2000000\r\n\r\n").await;
    client.send(vec![b'x'; 1_900_000]).await;
    until(PATIENCE, "the handler has it", || held.now() == 1_900_000).await;
    let drip = async {
        loop {
            client.send("x").await;
            tokio::select! {
                () = tokio::time::sleep(SHORT / 30) => {}
                _ = client.socket.readable() => break,
            }
        }
    };
    within(PATIENCE, "the server has enough", drip).await;
    assert_eq!(client.head().await.status(), 400);
    until(PATIENCE, "nothing is held", || held.now() == 0).await;
}

/// 4 KB/s, which is more than the minimum rate, for many times the idle limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_slow_but_steady_is_read_to_its_end() {
    let (server, _) = running(Server::new().body_timeout(Duration::from_secs(2)).min_body_rate(400)).await;
    let mut client = Client::connect(server.address).await;
    client.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 20000\r\n\r\n").await;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send([b'x'; 400]).await;
    }
    assert_eq!(client.response().await.1, "20000");
}

/// Sends `bytes` of each of `uploads` bodies, over `connections` connections, and then their ends.
async fn attack(server: &Running, connections: usize, uploads: usize, bytes: usize) -> Vec<(StatusCode, String)> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(shake_hands(server).await);
    }
    let mut begun = Vec::new();
    for number in 0..uploads {
        begun.push(Upload::begin(&mut clients[number % connections]).await);
    }
    let sent = join_all(begun.into_iter().map(|mut upload| async move {
        upload.send(Bytes::from(vec![b'x'; bytes])).await;
        upload
    }));
    let sent = within(PATIENCE, "all that is let through", sent).await;
    let answers = sent.into_iter().map(|mut upload| async move {
        // Fails for bodies that the server has already refused.
        let _ = upload.sends.send_data(Bytes::new(), true);
        upload.answered().await
    });
    join_all(answers).await
}

fn count(answers: &[(StatusCode, String)], status: StatusCode) -> usize {
    answers.iter().filter(|(known, _)| *known == status).count()
}

const MEGABYTE: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_one_connection_use_bounded_memory() {
    let server = Server::new().body_timeout(LONG).max_body_size(MEGABYTE).max_body_memory_per_connection(4 * MEGABYTE);
    let (server, held) = running(server.max_streams_per_connection(100)).await;
    let answers = attack(&server, 1, 50, MEGABYTE - 1).await;
    assert!(held.most() <= 4 * MEGABYTE, "{} bytes", held.most());
    // Bodies that got memory were read to their end.
    let (read, refused) = (count(&answers, StatusCode::OK), count(&answers, StatusCode::SERVICE_UNAVAILABLE));
    assert!(read > 0 && refused > 0 && read + refused == 50, "{read} read, {refused} refused: {answers:?}");
    until(PATIENCE, "nothing is held", || held.now() == 0).await;
    // The memory was released.
    assert_eq!(attack(&server, 1, 2, MEGABYTE - 1).await, vec![(StatusCode::OK, (MEGABYTE - 1).to_string()); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_all_connections_use_bounded_memory() {
    let server = Server::new().body_timeout(LONG).max_body_size(MEGABYTE).max_body_memory(4 * MEGABYTE);
    let (server, held) = running(server).await;
    let answers = attack(&server, 10, 50, MEGABYTE - 1).await;
    assert!(held.most() <= 4 * MEGABYTE, "{} bytes", held.most());
    let (read, refused) = (count(&answers, StatusCode::OK), count(&answers, StatusCode::SERVICE_UNAVAILABLE));
    assert!(read > 0 && refused > 0 && read + refused == 50, "{read} read, {refused} refused: {answers:?}");
    until(PATIENCE, "nothing is held", || held.now() == 0).await;
    assert_eq!(attack(&server, 2, 2, MEGABYTE - 1).await, vec![(StatusCode::OK, (MEGABYTE - 1).to_string()); 2]);
}

/// A client that opens many connections and never ends its uploads gets its own share of the memory, and
/// leaves the rest to other clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_one_peer_use_no_more_than_its_share() {
    let server = Server::new().body_timeout(LONG).max_body_size(MEGABYTE).max_body_memory(8 * MEGABYTE);
    // Once a proxy is named, clients from loopback are limited like any other.
    let server = server.trust_proxies(["10.0.0.1"]).expect("an address").max_body_memory_per_peer(4 * MEGABYTE);
    let (server, held) = running(server).await;
    let upload = format!("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: {MEGABYTE}\r\n\r\n");
    let mut holders = Vec::new();
    let mut refused = 0;
    while refused < 8 {
        let mut holder = Client::connect_from("127.0.0.2", server.address).await;
        let before = held.now();
        holder.send([upload.as_bytes(), &vec![b'x'; MEGABYTE - 1]].concat()).await;
        // Either all bytes are held, or the body was refused before.
        let is_held = tokio::select! {
            response = holder.response() => {
                assert_eq!(response.0.status(), 503);
                false
            }
            _ = until(PATIENCE, "the body is held", || held.now() >= before + MEGABYTE - 1) => true,
        };
        if is_held {
            holders.push(holder);
        } else {
            refused += 1;
        }
    }
    assert!(held.now() <= 4 * MEGABYTE, "{} bytes", held.now());
    let mut other = Client::connect_from("127.0.0.3", server.address).await;
    other.send([upload.as_bytes(), &vec![b'y'; MEGABYTE]].concat()).await;
    assert_eq!(other.response().await.1, MEGABYTE.to_string());
    // The memory is released when the connections are reset.
    holders.into_iter().for_each(Client::reset);
    until(PATIENCE, "the memory is released", || held.now() < MEGABYTE).await;
}

/// Over HTTP/2 the clients of one proxy share its connection: one that uploads without end leaves memory for
/// the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_behind_one_proxy_have_memory_limits_of_their_own() {
    let server = Server::new().body_timeout(LONG).max_body_size(MEGABYTE).max_body_memory(64 * MEGABYTE);
    let server = server.max_body_memory_per_connection(2 * MEGABYTE).max_body_memory_per_peer(4 * MEGABYTE);
    let (server, held) = running(server.trust_proxies(["127.0.0.1"]).expect("an address")).await;
    let mut proxy = shake_hands(&server).await;
    let mut holders = Vec::new();
    for number in 1..=3 {
        let mut holder = Upload::begin_for(&mut proxy, "203.0.113.7").await;
        assert!(holder.send(vec![b'x'; MEGABYTE - 1].into()).await);
        until(PATIENCE, "the body is held", || held.now() == number * (MEGABYTE - 1)).await;
        holders.push(holder);
    }
    let mut other = Upload::begin_for(&mut proxy, "203.0.113.8").await;
    assert!(other.send(vec![b'y'; MEGABYTE - 1].into()).await);
    other.sends.send_data(Bytes::new(), true).expect("the end");
    assert_eq!(other.answered().await, (StatusCode::OK, (MEGABYTE - 1).to_string()));
    drop(holders);
}

/// Two bodies fill the memory and stay: a third is refused with `retry-after` before its handler runs. A
/// request without a body is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_memory_is_refused_with_retry_after() {
    let server = Server::new().body_timeout(LONG).max_body_size(40_000).max_body_memory(80_000);
    let (server, held) = running(server).await;
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = Client::connect(server.address).await;
        holder.send("POST /upload HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").await;
        holder.send(format!("9858\r\n{}\r\n", "x".repeat(39_000))).await;
        holders.push(holder);
    }
    until(PATIENCE, "both are held", || held.now() == 2 * 39_000).await;
    let mut third = Client::connect(server.address).await;
    third.send("POST /ignores HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n").await;
    let (head, line) = third.response().await;
    assert_eq!(
        (head.status(), line.as_str()),
        (503, "the server's memory for request bodies is exhausted: try again later\n")
    );
    let seconds: u64 = head.header("retry-after").expect("a retry-after header").parse().expect("a number");
    assert!((5..=15).contains(&seconds), "{seconds}");

    let mut reads_nothing = Client::connect(server.address).await;
    reads_nothing.send("POST /ignores HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(reads_nothing.response().await.1, "not read");
    for mut holder in holders {
        holder.send("0\r\n\r\n").await;
        assert_eq!(holder.response().await.1, "39000");
    }
    until(PATIENCE, "nothing is held", || held.now() == 0).await;
}
