//! The last bytes of a stream: its own write timeout holds until the client has taken them, and the server's
//! farewell completes no event.

use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, SystemTime};

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
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

/// More than all buffers on the way take.
const MUCH: usize = 8 * 1024 * 1024;

/// How long a server waits by itself, and how long the clients of patient streams take nothing.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3);

/// Ends soon, with an event that its client has to take.
fn ends_with_much(stream: EventStream, patience: Duration) -> EventStream {
    let soon = SystemTime::now() + SHORT;
    let last = Event::data("x".repeat(MUCH));
    stream.keep_alive(None).write_timeout(patience).close_at(soon).expired_event(last)
}

fn waits() -> EventStream {
    EventStream::generate(|_| pending())
}

#[route(GET, "/patient")]
async fn patient() -> EventStream {
    ends_with_much(waits(), Duration::MAX)
}

#[route(GET, "/impatient")]
async fn impatient() -> EventStream {
    ends_with_much(waits(), SHORT)
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    let subscribed = hub.topic("a")?.subscribe(from).opening_position(false).await?;
    Ok(ends_with_much(subscribed, Duration::MAX))
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

/// A server that gives up early.
fn hasty() -> Server {
    Server::new().write_timeout(SHORT)
}

#[tokio::test]
async fn a_patient_stream_is_waited_for_to_its_last_byte() {
    let server = Apart::serve(1, hasty().park(Park::Always), app());
    for path in ["/patient", "/topic"] {
        let mut client = Client::stream(server.address, path).await;
        sleep(LONG).await;
        let last = within(PATIENCE, "the last event", client.next()).await.expect("not cut").expect("an event");
        assert_eq!(last.data.len(), MUCH);
        assert_eq!(within(PATIENCE, "the end", client.next()).await.expect("a clean end"), None);
    }
    // In hyper.
    let mut client = Client::connect(server.address).await;
    client.send("GET /patient HTTP/1.0\r\nhost: test\r\n\r\n").await;
    sleep(LONG).await;
    client.head().await;
    let rest = within(PATIENCE, "the rest", client.rest()).await.expect("not reset");
    assert!(rest.len() > MUCH && rest.ends_with(b"\n\n"), "{} bytes", rest.len());
}

#[tokio::test]
async fn a_patient_stream_is_waited_for_over_tls() {
    let certificate = Certificate::new();
    let server = Apart::serve(1, hasty().tls(certificate.tls()), app());
    let client = Client::connect(server.address).await;
    let mut io = certificate.connect(client.socket, &[]).await;
    io.write_all(b"GET /patient HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.expect("it is sent");
    sleep(LONG).await;
    let mut all = Vec::new();
    within(PATIENCE, "the rest", io.read_to_end(&mut all)).await.expect("not reset");
    assert!(all.len() > MUCH && all.ends_with(b"0\r\n\r\n"), "{} bytes", all.len());
}

#[tokio::test]
async fn a_patient_stream_is_waited_for_over_http_2() {
    let server = Apart::serve(1, hasty(), app());
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut answer = visitor.stream("/patient").await;
    sleep(LONG).await;
    let last = within(PATIENCE, "the last event", answer.next()).await.expect("not cut").expect("an event");
    assert_eq!(last.data.len(), MUCH);
}

/// The server would wait for half a minute.
#[tokio::test]
async fn an_impatient_stream_is_given_up_at_its_last_bytes() {
    let server = Apart::serve(1, Server::new(), app());
    let mut client = Client::stream(server.address, "/impatient").await;
    sleep(LONG * 3).await;
    let last = within(PATIENCE, "the last event", client.next()).await;
    assert!(last.is_err(), "a client that took nothing is not given up");
}

#[tokio::test]
async fn a_farewell_completes_no_event_that_a_layer_has_cut() {
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
