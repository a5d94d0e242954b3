//! Raw requests that two servers could read in two ways, and what happens to each.
//!
//! If a proxy and the server behind it disagree about where a request ends, an attacker can put a request of
//! their own into somebody else's connection. So each row states where its request ends: what the service
//! saw, and whether the bytes after it, `GET /smuggled`, became a request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::Response;
use http_body_util::BodyExt;
use support::{Client, Running, within};
use tokio::io::AsyncWriteExt;
use touka::{Event, EventStream};

const PATIENCE: Duration = Duration::from_mins(1);

/// Method, target and body of each request that the service saw.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Responds to every request, and records it once its body has been read.
async fn record(seen: Seen, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => "(broken)".to_owned(),
    };
    let line = format!("{} {} {body}", head.method, head.uri);
    seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.trim_end().to_owned());
    Response::new(Body::from("ok"))
}

/// A request whose body consists of these chunks.
macro_rules! chunked {
    ($body:literal) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", $body)
    };
}

/// The result of a row's request and to the bytes after it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Refused with this status: no service sees it, and nothing after it is read.
    Refused(u16),
    /// Served with this method, target and body; nothing after it is read.
    Last(&'static str),
    /// Served with this method, target and body, and so is the next request: every server agrees where this
    /// one ends.
    Ends(&'static str),
}

use Fate::{Ends, Last, Refused};

/// A request line and what follows it. `{big}` is more than a head may have.
type Row = (&'static str, Fate);

const HOSTS: &[Row] = &[
    ("GET / HTTP/1.1\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Refused(400)),
    // An empty host, which the standard requires where there is no authority.
    ("GET / HTTP/1.1\r\nHost: \r\n\r\n", Ends("GET /")),
    // A target with an authority, which the header repeats except for the user in it.
    ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Ends("GET http://a/")),
    ("GET http://a:8080/x HTTP/1.1\r\nHost: A:8080\r\n\r\n", Ends("GET http://a:8080/x")),
    ("GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n", Ends("GET http://me@a/")),
    ("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", Refused(400)),
    // The standard lets the target win. But a proxy may have used the header.
    ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET http://a/ HTTP/1.1\r\nHost: me@a\r\n\r\n", Refused(400)),
    ("GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET http://a/ HTTP/1.1\r\nHost: \r\n\r\n", Refused(400)),
    ("GET http://b/ HTTP/1.0\r\nHost: a\r\n\r\n", Refused(400)),
    // An invalid host reads as a path to one server, as a user to another, and a handler may write it into a
    // page.
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a/b?c\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: \"><script>\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n", Ends("GET /")),
    // Needs no host, and closes.
    ("GET / HTTP/1.0\r\n\r\n", Last("GET /")),
];

const LENGTHS: &[Row] = &[
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Ends("POST / abc")),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Ends("GET / abc")),
    // Both have the same value.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", Ends("POST / abc")),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc", Refused(400)),
    // White space around a value is not part of it, and a number may begin with zeros.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  3 \r\n\r\nabc", Ends("POST / abc")),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc", Ends("POST / abc")),
];

const CODINGS: &[Row] = &[
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Ends("POST / abc")),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Ends("POST / abc")),
    // hyper reads the chunks, ignores the length, and closes. A proxy that used the length has sent the next
    // request to a closed connection.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Last("POST /")),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", Last("POST /")),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
];

const CHUNKS: &[Row] = &[
    // A chunk's size may be followed by white space and by extensions, which mean nothing here.
    (chunked!("3 \r\nabc\r\n0\r\n\r\n"), Ends("POST / abc")),
    (chunked!("3;x=y\r\nabc\r\n0\r\n\r\n"), Ends("POST / abc")),
    (chunked!("3;x\ny\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!("3\nabc\n0\n\n"), Last("POST / (broken)")),
    (chunked!("0x3\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!(" 3\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!("-3\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!("\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!("3\r\nabcd\r\n0\r\n\r\n"), Last("POST / (broken)")),
    (chunked!("10000000000000003\r\nabc\r\n0\r\n\r\n"), Last("POST / (broken)")),
    // Trailers are read, and never merged into the headers.
    (chunked!("0\r\nContent-Length: 40\r\nHost: b\r\n\r\n"), Ends("POST /")),
    (chunked!("0\r\nX: y\n\n"), Last("POST /")),
];

const LINES: &[Row] = &[
    // hyper ends a line at a bare LF, as the standard allows. No proxy sees another end: a value cannot hold
    // an LF, so a proxy either ends its line there, too, or refuses the request.
    ("GET / HTTP/1.1\nHost: a\n\n", Ends("GET /")),
    ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Ends("GET /")),
    // Empty lines before a request are left over from the one before.
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ends("GET /")),
    ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\rHost: a\r\r", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", Refused(400)),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: {big}\r\n\r\n", Refused(431)),
    ("GET /{big} HTTP/1.1\r\nHost: a\r\n\r\n", Refused(431)),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET /\r\n\r\n", Refused(400)),
    ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET / a HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Refused(400)),
];

/// The request that follows each row on its connection.
const NEXT: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends a row and the request after it, and reads until the server closes: the statuses.
async fn statuses(server: &Running, row: &str) -> Vec<u16> {
    let mut client = Client::connect(server.address).await;
    client.send(format!("{row}{NEXT}")).await;
    client.socket.shutdown().await.expect("no more");
    let answers = within(PATIENCE, "the server closes", client.rest()).await.unwrap_or_default();
    let answers = String::from_utf8_lossy(&answers);
    let answers = answers.split("HTTP/1.").skip(1);
    answers.filter_map(|answer| answer.split(' ').nth(1)?.parse().ok()).collect()
}

async fn assert_rows(rows: &[Row]) {
    let seen = Seen::default();
    let records = seen.clone();
    let service = axum::Router::new().fallback(move |request| record(records.clone(), request));
    let server = Running::serve(service).await;
    for (row, fate) in rows {
        let row = row.replace("{big}", &"x".repeat(70_000));
        let answered = statuses(&server, &row).await;
        let shown: String = row.chars().take(200).collect();
        let (status, reached) = match fate {
            Refused(status) => (vec![*status], vec![]),
            Last(line) => (vec![200], vec![*line]),
            Ends(line) => (vec![200, 200], vec![*line, "GET /smuggled"]),
        };
        assert_eq!((answered, seen.take()), (status, reached.into_iter().map(str::to_owned).collect()), "{shown:?}");
    }
}

#[tokio::test]
async fn rows_about_hosts() {
    assert_rows(HOSTS).await;
}

#[tokio::test]
async fn rows_about_lengths() {
    assert_rows(LENGTHS).await;
}

#[tokio::test]
async fn rows_about_transfer_encodings() {
    assert_rows(CODINGS).await;
}

#[tokio::test]
async fn rows_about_chunks() {
    assert_rows(CHUNKS).await;
}

#[tokio::test]
async fn rows_about_lines() {
    assert_rows(LINES).await;
}

/// hyper closes the connection after a request with both framings. A stream is written without hyper, and its
/// connection closes all the same.
#[tokio::test]
async fn a_stream_after_both_framings_closes_its_connection() {
    const LENGTH: &str = "Content-Length: 4\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    // Four of these bytes are a body by its length, all of them by its chunks.
    const BODY: &str = "5\r\nhello\r\n0\r\n\r\n";

    let seen = Seen::default();
    let records = seen.clone();
    let service = axum::Router::new().fallback(move |request| async move {
        record(records, request).await;
        EventStream::<Event>::generate(|out| async move {
            out.emit("a").await;
        })
    });
    let server = Running::serve(service).await;
    for (lengths, closes) in [
        ([LENGTH, CHUNKED], true),
        ([CHUNKED, LENGTH], true),
        ([CHUNKED, ""], false),
        ([CHUNKED, "X: Content-Length\r\n"], false),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{}\r\n{BODY}", lengths.concat());
        for cut in 0..request.len() {
            let mut client = Client::connect(server.address).await;
            client.send(&request[..cut]).await;
            tokio::task::yield_now().await;
            client
                .send(format!("{}GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &request[cut..]))
                .await;
            let head = client.head().await;
            assert_eq!(head.header("connection"), closes.then_some("close"), "{request:?} cut at {cut}");
            assert_eq!(client.data().await, "a");
            assert_eq!(client.next().await.expect("a clean end"), None);
            let rest = within(PATIENCE, "the server closes", client.rest()).await.expect("a clean end");
            let (after, reached): (_, &[&str]) =
                if closes { (0, &["POST / hello"]) } else { (1, &["POST / hello", "GET /smuggled"]) };
            let answers = String::from_utf8_lossy(&rest).matches("HTTP/1.").count();
            assert_eq!(
                (answers, seen.take()),
                (after, reached.iter().map(|line| (*line).to_owned()).collect()),
                "{request:?} cut at {cut}"
            );
        }
    }
}
