//! The last bytes of a stream: its own write timeout applies until the client has read them, and the server's
//! last event completes no event that was cut off.

use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, SystemTime};

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::Version;
use support::{Apart, Certificate, Client, Visitor, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use touka::extract::{LastEventId, State};
use touka::server::Park;
use touka::topic::HubError;
use touka::{Event, EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// More than all buffers between server and client hold.
const MUCH: usize = 8 * 1024 * 1024;

/// The server's write timeout, and how long the clients of patient streams do not read.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3);

/// Ends soon, with an event that its client must read.
fn ends_with_a_large_event(stream: EventStream, patience: Duration) -> EventStream {
    let soon = SystemTime::now() + SHORT;
    let last = Event::data("x".repeat(MUCH));
    stream.keep_alive(None).write_timeout(patience).close_at(soon).expired_event(last)
}

fn waits() -> EventStream {
    EventStream::generate(|_| pending())
}

#[route(GET, "/patient")]
async fn patient() -> EventStream {
    ends_with_a_large_event(waits(), Duration::MAX)
}

#[route(GET, "/impatient")]
async fn impatient() -> EventStream {
    ends_with_a_large_event(waits(), SHORT)
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    let subscribed = hub.topic("a")?.subscribe(from).opening_position(false).await?;
    Ok(ends_with_a_large_event(subscribed, Duration::MAX))
}

/// A slow layer that cuts an event into pieces.
fn cut(response: Response) -> Response {
    response.map(|body| {
        let pieces = body.into_data_stream().flat_map(|frame| {
            let frame = frame.unwrap_or_default();
            let pieces: Vec<_> = frame.chunks(7).map(Bytes::copy_from_slice).collect();
            stream::iter(pieces).then(|piece| async move {
                sleep(Duration::from_millis(20)).await;
                Ok::<_, Infallible>(piece)
            })
        });
        Body::from_stream(pieces)
    })
}

#[sse_handler(keep_alive = off)]
async fn digits() {
    loop {
        emit!("0123456789".repeat(20));
    }
}

#[route(GET, "/cut")]
async fn in_lines() -> Response {
    cut(digits().await.into_response())
}

#[route(GET, "/cut-blocks")]
async fn in_blocks() -> Response {
    cut(digits().await.whole_blocks().into_response())
}

fn app() -> Router {
    Router::new().mount(routes![patient, impatient, topic, in_lines, in_blocks]).with_state(Hub::memory())
}

/// A server with a short write timeout.
fn with_short_timeout() -> Server {
    Server::new().write_timeout(SHORT)
}

#[tokio::test]
async fn a_long_write_timeout_applies_to_the_last_byte() {
    let server = Apart::serve(1, with_short_timeout().park(Park::Always), app());
    for path in ["/patient", "/topic"] {
        let mut client = Client::stream(server.address, path).await;
        sleep(LONG).await;
        let last = within(PATIENCE, "the last event", client.next()).await.expect("not cut off").expect("an event");
        assert_eq!(last.data.len(), MUCH);
        assert_eq!(within(PATIENCE, "the end", client.next()).await.expect("a clean end"), None);
    }
    // The same in hyper's hands, over HTTP/1.0.
    let mut client = Client::connect(server.address).await;
    client.send("GET /patient HTTP/1.0\r\nhost: test\r\n\r\n").await;
    sleep(LONG).await;
    client.head().await;
    let rest = within(PATIENCE, "the rest", client.rest()).await.expect("not reset");
    assert!(rest.len() > MUCH && rest.ends_with(b"\n\n"), "{} bytes", rest.len());
}

#[tokio::test]
async fn a_long_write_timeout_applies_over_tls() {
    let certificate = Certificate::new();
    let server = Apart::serve(1, with_short_timeout().tls(certificate.tls()), app());
    let client = Client::connect(server.address).await;
    let mut io = certificate.connect(client.socket, &[]).await;
    io.write_all(b"GET /patient HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.expect("sent");
    sleep(LONG).await;
    let mut all = Vec::new();
    within(PATIENCE, "the rest", io.read_to_end(&mut all)).await.expect("not reset");
    assert!(all.len() > MUCH && all.ends_with(b"0\r\n\r\n"), "{} bytes", all.len());
}

#[tokio::test]
async fn a_long_write_timeout_applies_over_http_2() {
    let server = Apart::serve(1, with_short_timeout(), app());
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut answer = visitor.stream("/patient").await;
    sleep(LONG).await;
    let last = within(PATIENCE, "the last event", answer.next()).await.expect("not cut off").expect("an event");
    assert_eq!(last.data.len(), MUCH);
}

/// The server itself would wait for half a minute.
#[tokio::test]
async fn a_short_write_timeout_applies_to_the_last_bytes() {
    let server = Apart::serve(1, Server::new(), app());
    let mut client = Client::stream(server.address, "/impatient").await;
    sleep(LONG * 3).await;
    let last = within(PATIENCE, "the last event", client.next()).await;
    assert!(last.is_err(), "a client that does not read is not cut off");
}

#[tokio::test]
async fn the_end_of_a_stream_completes_no_event_cut_by_a_layer() {
    for path in ["/cut", "/cut-blocks"] {
        let mut server = Apart::serve(1, Server::new(), app());
        let mut client = Client::stream(server.address, path).await;
        sleep(Duration::from_millis(500)).await;
        server.stop();
        while let Some(event) = within(PATIENCE, "the end", client.next()).await.expect("a clean end") {
            assert_eq!(event.data, "0123456789".repeat(20), "{path}");
        }
    }
}
