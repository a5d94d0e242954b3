//! The bytes on the socket are exactly the documented ones, and are sent when documented.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use support::{Client, Parser, Received, Running};
use tokio::sync::Semaphore;
use touka::extract::State;
use touka::{Event, EventId, EventName, EventStream, IntoEvent, Router, route, routes, sse_handler};

#[sse_handler]
#[route(GET, "/all-fields")]
async fn all_fields() {
    emit!(Event::data("line 1\nline 2").event("e").id("i").retry(Duration::from_secs(2)).comment("c"));
}

#[tokio::test]
async fn the_head_is_exact_and_the_body_is_one_chunk_and_an_end() {
    let server = Running::serve(Router::new().mount(routes![all_fields])).await;
    let mut client = Client::get(server.address, "/all-fields").await;
    let head = client.head().await;
    let lines: Vec<_> = head.lines().filter(|(name, _)| *name != "date").collect();
    assert!(head.text.starts_with("HTTP/1.1 200 OK\r\n"), "{head:?}");
    let expected = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(lines, expected);
    let chunk = client.chunk().await.unwrap().unwrap();
    assert_eq!(str::from_utf8(&chunk).unwrap(), ": c\nretry: 2000\nid: i\nevent: e\ndata: line 1\ndata: line 2\n\n");
    assert_eq!(client.chunk().await.unwrap(), None, "a clean end");
}

#[sse_handler]
#[route(GET, "/own-headers")]
async fn quiet() {
    emit!("x");
}

#[route(GET, "/with-headers")]
async fn with_headers() -> ([(&'static str, &'static str); 2], EventStream) {
    ([("cache-control", "no-store"), ("x-trace", "7")], quiet().await)
}

#[tokio::test]
async fn a_users_header_replaces_ours_and_none_is_sent_twice() {
    let server = Running::serve(Router::new().mount(routes![with_headers])).await;
    let mut client = Client::get(server.address, "/with-headers").await;
    let head = client.head().await;
    // `header` fails if a header is there twice.
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("x-trace"), Some("7"));
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("connection"), None);
}

#[sse_handler]
#[route(GET, "/gated")]
async fn gated(State(gate): State<Arc<Semaphore>>) {
    for number in 0..3 {
        // The event after this one does not exist until the test allows it.
        gate.acquire().await.expect("open").forget();
        emit!(Event::data(number.to_string()));
    }
}

#[tokio::test]
async fn each_event_arrives_before_the_next_one_exists() {
    let gate = Arc::new(Semaphore::new(0));
    let router = Router::new().mount(routes![gated]).with_state(Arc::clone(&gate));
    let server = Running::serve(router).await;
    // The head arrives although no event was emitted: `onopen` fires at once.
    let mut client = Client::stream(server.address, "/gated").await;
    for number in 0..3 {
        gate.add_permits(1);
        assert_eq!(client.data().await, number.to_string());
    }
}

#[tokio::test]
async fn events_that_are_ready_together_share_a_chunk() {
    // Many: on a machine that delays the body, its next events are sent alone, ten for each millisecond.
    const EVENTS: usize = 20_000;

    #[sse_handler]
    #[route(GET, "/burst")]
    async fn burst() {
        for number in 0..EVENTS {
            emit!(Event::data(number.to_string()));
        }
        std::future::pending::<()>().await;
    }
    let server = Running::serve(Router::new().mount(routes![burst])).await;
    let mut client = Client::stream(server.address, "/burst").await;
    let mut parser = Parser::new();
    let (mut events, mut chunks) = (0, 0);
    while events < EVENTS {
        let chunk = client.chunk().await.unwrap().unwrap();
        assert!(chunk.ends_with(b"\n\n"), "a chunk ends with an event's end");
        parser.feed(&chunk);
        events += parser.take().len();
        chunks += 1;
    }
    // A few dozen, if nothing else runs on the machine.
    assert!(chunks <= EVENTS / 2, "{chunks} chunks for {events} events");
}

/// HTTP/1.0 has no chunks: the stream is everything up to the end of the connection.
#[tokio::test]
async fn a_client_of_http_1_0_gets_the_bare_stream() {
    let server = Running::serve(Router::new().mount(routes![quiet])).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /own-headers HTTP/1.0\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.header("transfer-encoding")), (200, None));
    assert_eq!(client.rest().await.unwrap(), b"data: x\n\n");
}

#[tokio::test]
async fn a_head_request_gets_the_head_and_runs_nothing() {
    let gate = Arc::new(Semaphore::new(9));
    let server = Running::serve(Router::new().mount(routes![gated]).with_state(Arc::clone(&gate))).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..3 {
        // Three times on one connection: nothing of a body may follow the head.
        client.send("HEAD /gated HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let head = client.head().await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
    }
    assert_eq!(gate.available_permits(), 9);
}

#[derive(Clone, Debug)]
struct Whole {
    comment: Option<String>,
    retry: Option<u64>,
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
}

/// Text in which characters that matter to the wire are frequent.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("\r".to_owned()),
        4 => Just("\n".to_owned()),
        2 => Just("\r\n".to_owned()),
        2 => Just(":".to_owned()),
        2 => Just(" ".to_owned()),
        1 => Just("\u{feff}".to_owned()),
        1 => Just("\0".to_owned()),
        1 => Just("\u{2028}".to_owned()),
        1 => Just("\u{85}".to_owned()),
        1 => Just("\ndata: forged\n\n".to_owned()),
        1 => Just("\rid: forged\r\r".to_owned()),
        4 => any::<char>().prop_map(String::from),
        4 => "[a-z ]{0,12}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn whole() -> impl Strategy<Value = Whole> {
    (
        prop::option::of(text()),
        prop::option::of(any::<u64>()),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(text()),
    )
        .prop_map(|(comment, retry, id, event, data)| Whole { comment, retry, id, event, data })
}

/// A text as the protocol can carry it: all three line ends arrive as LF.
fn with_lf_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A standard parser reads exactly the events that were encoded.
    #[test]
    fn every_event_survives_the_wire(events in prop::collection::vec(whole(), 1..6), cut in any::<prop::sample::Index>()) {
        let mut wire = BytesMut::new();
        let mut expected = Vec::new();
        let (mut last_id, mut last_retry) = (String::new(), None);
        for whole in events {
            let mut event = whole.data.as_ref().map_or_else(Event::new, Event::data);
            if let Some(comment) = whole.comment {
                event = event.comment(comment);
            }
            if let Some(retry) = whole.retry {
                event = event.retry(Duration::from_millis(retry));
                last_retry = Some(Duration::from_millis(retry));
            }
            // An invalid name or id is refused, and is then not part of the event.
            let name = whole.event.and_then(|name| EventName::new(name).ok());
            if let Some(name) = &name {
                event = event.event(name.clone());
            }
            if let Some(id) = whole.id.and_then(|id| EventId::new(id).ok()) {
                last_id = id.to_string();
                event = event.id(id);
            }
            if let Some(data) = whole.data {
                let event = name.map_or_else(|| "message".to_owned(), |name| name.to_string());
                expected.push(Received { name: event, data: with_lf_line_ends(&data), id: last_id.clone() });
            }
            let before = wire.len();
            event.encode(&mut wire);
            let shown = event.to_string();
            prop_assert_eq!(shown.as_bytes(), &wire[before..]);
        }
        let mut parser = Parser::new();
        let (left, right) = wire.split_at(cut.index(wire.len() + 1));
        parser.feed(left);
        parser.feed(right);
        prop_assert_eq!(parser.take(), expected);
        prop_assert_eq!(parser.last_event_id(), last_id);
        prop_assert_eq!(parser.retry(), last_retry);
    }

    /// No text makes a constructor panic, and an accepted id is a valid header value.
    #[test]
    fn an_accepted_id_is_a_header(text in text()) {
        if let Ok(id) = EventId::new(text.clone()) {
            let id = id.to_string();
            prop_assert_eq!(&id, &text);
            let header = http::HeaderValue::from_bytes(id.as_bytes()).unwrap();
            prop_assert_eq!(header.as_bytes(), id.as_bytes());
        }
    }
}

struct Unserialisable;

impl serde::Serialize for Unserialisable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

struct Reading {
    good: bool,
}

impl IntoEvent for Reading {
    fn into_event(self) -> touka::Result<Event> {
        if self.good { Ok(Event::data("good")) } else { Event::json(&Unserialisable) }
    }
}

#[tokio::test]
async fn an_unserializable_value_ends_its_stream_with_an_error() {
    #[sse_handler]
    #[route(GET, "/readings")]
    async fn readings() -> EventStream<Reading> {
        emit!(Reading { good: true });
        emit!(Reading { good: false });
        emit!(Reading { good: true });
    }
    let server = Running::serve(Router::new().mount(routes![readings])).await;
    let mut client = Client::stream(server.address, "/readings").await;
    assert_eq!(client.data().await, "good");
    let error = client.next().await.unwrap().unwrap();
    assert_eq!(
        (error.name.as_str(), error.data.as_str()),
        ("error", r#"{"status":500,"title":"Internal Server Error"}"#)
    );
    assert_eq!(client.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_handler_is_a_function_whose_stream_can_be_read() {
    use futures_util::StreamExt as _;
    let stream = all_fields().await;
    let events: Vec<Event> = stream.collect().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].as_data(), Some("line 1\nline 2"));
    assert_eq!(events[0].as_id().map(ToString::to_string).as_deref(), Some("i"));
}
