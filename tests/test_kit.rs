//! The test kit: what it shows of an app, and the messages of a failing test.

#![allow(clippy::unused_async, reason = "a handler is async, whatever its body does")]

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use support::Count;
use tokio::time::{Instant, sleep};
use touka::extract::{LastEventId, State};
use touka::testing::{Received, TestApp};
use touka::{Emitter, Event, EventStream, Router, route, routes, sse_handler};

const MINUTE: Duration = Duration::from_mins(1);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u32,
}

#[sse_handler]
#[route(GET, "/prices")]
async fn prices(out: Emitter) {
    out.emit(Event::new().retry(Duration::from_secs(2))).await;
    out.emit(Event::data(r#"{"cents":120}"#).event("price").id(1)).await;
    out.emit(Event::data("no JSON").comment("odd").id(2)).await;
    sleep(MINUTE).await;
    out.emit(Event::data(r#"{"cents":130}"#).event("price")).await;
}

#[sse_handler]
#[route(GET, "/silent")]
async fn silent(State(held): State<Count>) {
    let _held = held.hold();
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/flood")]
async fn flood(State(held): State<Count>) {
    loop {
        emit!("x".repeat(1000));
        held.add();
    }
}

/// Counts to three, and responds with 204 to a client that has seen the three.
#[route(GET, "/count")]
async fn count(LastEventId(last): LastEventId) -> Result<EventStream, StatusCode> {
    let seen = last.and_then(|id| id.as_u64()).unwrap_or(0);
    if seen == 3 {
        return Err(StatusCode::NO_CONTENT);
    }
    Ok(EventStream::generate(move |out| async move {
        for number in seen + 1..=3 {
            out.emit(Event::data(number.to_string()).id(number)).await;
        }
        // A block without data moves the id and is no event.
        out.emit(Event::new().id(3)).await;
    }))
}

#[route(POST, "/echo")]
async fn echo(body: String) -> String {
    body
}

#[route(GET, "/never")]
async fn never(State(held): State<Count>) {
    let _held = held.hold();
    std::future::pending::<()>().await;
}

fn app(held: &Count) -> TestApp {
    let routes = routes![prices, silent, flood, count, echo, never];
    TestApp::new(Router::new().mount(routes).with_state(held.clone()))
}

/// The text of the panic that a test would fail with.
async fn failure(test: impl Future<Output = ()>) -> String {
    let panic = AssertUnwindSafe(test).catch_unwind().await.expect_err("nothing failed");
    *panic.downcast::<String>().expect("a message")
}

fn event(name: &str, data: &str, id: &str) -> Received {
    Received { name: name.to_owned(), data: data.to_owned(), id: id.to_owned() }
}

// ===== reading an app =====

#[tokio::test(start_paused = true)]
async fn events_can_be_read_as_received_or_as_values() {
    let app = app(&Count::default());
    let mut events = app.get("/prices").events().await;
    assert_eq!(events.headers()["cache-control"], "no-cache, no-transform");
    assert_eq!(events.next::<Price>().await, Price { cents: 120 });
    assert_eq!(events.next_event().await, Some(event("message", "no JSON", "2")));
    assert!(events.is_pending().await);
    events.assert_pending().await;
    events.assert_silent(Duration::from_secs(50)).await;
    assert_eq!(events.next_event().within(MINUTE).await, Some(event("price", r#"{"cents":130}"#, "2")));
    assert_eq!(events.next_event().await, None);
    assert_eq!(events.next_event().await, None, "an end stays the end");
    assert!(!events.is_pending().await);
    assert!(events.bytes().starts_with(b"retry: 2000\n"), "{:?}", events.bytes());
    assert!(events.frames().len() >= 3);
    app.assert_nothing_left().await;
}

/// The state of a stream reflects what the test has read, not what has arrived.
#[tokio::test(start_paused = true)]
async fn comments_retry_and_id_follow_what_was_read() {
    let mut events = app(&Count::default()).get("/prices").events().await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(events.retry(), Some(Duration::from_secs(2)));
    assert_eq!((events.last_event_id().as_str(), events.comments().len()), ("", 0));
    events.next_event().await;
    assert_eq!((events.last_event_id().as_str(), events.comments().as_slice()), ("1", &["odd".to_owned()][..]));
    events.next_event().await;
    assert_eq!(events.last_event_id(), "2");
    assert_eq!(events.next_comment().await, "odd");
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_is_a_comment_and_costs_no_time() {
    let (started, clock) = (std::time::Instant::now(), Instant::now());
    let mut events = app(&Count::default()).get("/silent").events().await;
    assert_eq!(events.next_comment().within(MINUTE).await, "");
    let waited = clock.elapsed().as_millis();
    assert!((13_500..=16_510).contains(&waited), "{waited} ms");
    sleep(MINUTE * 60).await;
    let heard = events.comments().len();
    assert!((218..=266).contains(&heard), "{heard} comments in an hour");
    assert!(started.elapsed() < Duration::from_secs(5), "the clock was not paused");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_ends_the_handler_even_before_its_response() {
    let held = Count::default();
    let app = app(&held);
    let events = app.get("/silent").events().await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(held.get(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
    assert_eq!(held.get(), 0);

    let answer = tokio::time::timeout(MINUTE, app.get("/never").within(2 * MINUTE).send()).await;
    assert!(answer.is_err());
    app.assert_nothing_left().await;
    assert_eq!(held.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_suspends_the_emit_until_it_resumes() {
    // Shorter in total than the write timeout, which cuts off such a client.
    const MOMENT: Duration = Duration::from_secs(5);
    let emitted = Count::default();
    let app = app(&emitted);
    let mut events = app.get("/flood").events().await;
    events.next_event().await;
    events.stall();
    sleep(MOMENT).await;
    let stood = emitted.get();
    assert!(stood < 400, "{stood} events of 1 kB were buffered");
    sleep(MOMENT).await;
    assert_eq!(emitted.get(), stood, "the handler ran on");

    // What had been written before can be read, and nothing after it.
    let read = failure(async {
        for _ in 0..1000 {
            events.next_event().await;
        }
    })
    .await;
    assert!(read.contains("GET /flood sent no event within 5s"), "{read}");
    assert!(read.contains("hint: the client is stalled: call `resume` first"), "{read}");
    assert_eq!(emitted.get(), stood);

    events.resume();
    for _ in 0..1000 {
        assert_eq!(events.next_event().await.expect("an event").data.len(), 1000);
    }
    assert!(emitted.get() >= 1000);
    drop(events);
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stays_stalled_is_cut_off() {
    let emitted = Count::default();
    let app = app(&emitted);
    let mut events = app.get("/flood").events().await;
    events.next_event().await;
    events.stall();
    sleep(MINUTE).await;
    let read = failure(async { while events.next_event().await.is_some() {} }).await;
    assert!(read.contains("GET /flood broke off"), "{read}");
    drop(events);
    app.assert_nothing_left().await;
}

/// A client that does not read is a slow one, and the pipe's capacity decides how soon it blocks the handler.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_blocks_the_handler() {
    let emitted = Count::default();
    let routes = Router::new().mount(routes![flood]).with_state(emitted.clone());
    let _events = TestApp::new(routes).pipe_capacity(1024).get("/flood").events().await;
    sleep(MINUTE).await;
    // One event is in the pipe, and one waits for capacity.
    assert!((1..=2).contains(&emitted.get()), "{}", emitted.get());
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_resumes_after_the_last_event_read() {
    let app = app(&Count::default());
    let mut events = app.get("/count").events().await;
    assert_eq!(events.next::<u64>().await, 1);
    let mut events = events.reconnect().await.expect("more");
    assert_eq!(events.last_event_id(), "1", "a client that reconnected keeps its last id");
    assert_eq!(events.rest().await, [event("message", "2", "2"), event("message", "3", "3")]);
    assert!(events.reconnect().await.is_none());

    let mut events = app.get("/count").header("last-event-id", "2").events().await;
    assert_eq!(events.next::<u64>().await, 3);
    app.get("/count").header("last-event-id", "1").events().await.reconnect().await.expect("not over");
    drop(events);
    app.assert_nothing_left().await;
}

/// Like an `EventSource`: an id that the server has reset is not sent again.
#[tokio::test(start_paused = true)]
async fn a_request_has_the_headers_of_an_event_source() {
    #[route(GET, "/headers")]
    async fn headers(headers: http::HeaderMap) -> EventStream {
        EventStream::generate(|out| async move {
            let get = |name: &str| headers.get(name).map_or("-", |value| value.to_str().expect("text")).to_owned();
            out.emit(format!("{} {} {} {}", get("accept"), get("last-event-id"), get("x-mine"), get("host"))).await;
            out.emit(Event::data("x").id("…")).await;
        })
    }
    let app = TestApp::new(Router::new().mount(routes![headers]));
    let mut events = app.get("/headers").header("x-mine", "1").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "text/event-stream - 1 localhost");
    let mut events = events.reconnect().await.expect("more");
    assert_eq!(events.next_event().await.expect("an event").data, "text/event-stream - 1 localhost");
    events.next_event().await;
    assert_eq!(events.last_event_id(), "…");
}

#[tokio::test(start_paused = true)]
async fn other_responses_are_read_whole() {
    let app = app(&Count::default());
    let response = app.post("/echo").json(&Price { cents: 7 }).send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    // The response has ended: reading it keeps nothing alive.
    app.assert_nothing_left().await;
    assert_eq!(response.json::<Price>().await, Price { cents: 7 });
    assert_eq!(app.post("/echo").body("a").send().await.text().await, "a");
    let large = "x".repeat(1_000_000);
    assert_eq!(app.post("/echo").body(large.clone()).send().await.text().await, large);
    assert_eq!(app.delete("/echo").send().await.status(), 405);
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_streams_with_a_retry() {
    let app = app(&Count::default());
    let mut events = app.get("/silent").events().await;
    app.shutdown();
    assert_eq!(events.next_event().await, None);
    assert!(events.retry().is_some());
    app.assert_nothing_left().await;
    let refused = failure(async { drop(app.get("/silent").send().await) }).await;
    assert!(refused.starts_with("GET /silent was not answered: the connection ended"), "{refused}");
}

/// Any service works; and without a paused clock, on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_axum_app_runs_in_the_kit_in_real_time() {
    #[sse_handler]
    async fn quick() {
        for number in 0..3 {
            emit!(number.to_string());
            sleep(Duration::from_millis(10)).await;
        }
    }
    let app = TestApp::new(axum::Router::new().route("/quick", axum::routing::get(quick)));
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let events = app.get("/quick").events();
            tokio::spawn(async move { events.await.rest().await.len() })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.expect("no panic"), 3);
    }
    app.assert_nothing_left().await;
}

// ===== failure messages =====

#[tokio::test(start_paused = true)]
async fn a_response_that_is_no_stream_is_shown() {
    let app = app(&Count::default());
    let message = failure(async { drop(app.get("/prizes").events().await) }).await;
    let expected = "GET /prizes did not open an event stream
  expected: 200 OK text/event-stream
       got: 404 Not Found text/plain; charset=utf-8
      body: ";
    assert!(message.starts_with(expected), "{message}");
    let here = format!("\n        at: {}:{}", file!(), line!() - 6);
    assert!(message.contains(&here), "{message}");
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_event_fails_in_time() {
    let app = app(&Count::default());
    let mut events = app.get("/prices").events().await;
    events.next_event().await;
    events.next_event().await;
    let clock = Instant::now();
    let message = failure(async { drop(events.next_event().await) }).await;
    assert_eq!(clock.elapsed().as_secs(), 5);
    let expected = "GET /prices sent no event within 5s
    so far: 2 events, 1 comment; the last was event `message` with data \"no JSON\"
        at: tests/test_kit.rs:";
    assert!(message.starts_with(expected), "{message}");
    let message = failure(async { drop(app.get("/never").within(MINUTE).send().await) }).await;
    assert!(message.starts_with("GET /never was not answered within 60s"), "{message}");
}

/// The timeout also applies if the handler never pauses.
#[tokio::test]
async fn an_endless_stream_is_not_read_for_ever() {
    let app = app(&Count::default()).within(Duration::from_millis(50));
    let mut events = app.get("/flood").events().await;
    let message = failure(async { drop(events.rest().await) }).await;
    assert!(message.starts_with("GET /flood did not end within 50ms"), "{message}");
    drop(events);
    let message = failure(async { drop(app.get("/flood").send().await.text().await) }).await;
    assert!(message.starts_with("the body of GET /flood did not end within 50ms"), "{message}");
    assert!(message.contains("read with `.events()`"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn data_of_another_type_is_shown() {
    let mut events = app(&Count::default()).get("/prices").events().await;
    events.next_event().await;
    let message = failure(events.next::<Price>().map(drop)).await;
    let expected = "the data of event `message` is not a test_kit::Price
  expected: its JSON
       got: no JSON
    reason: expected ident at line 1 column 2
        at: tests/test_kit.rs:";
    assert!(message.starts_with(expected), "{message}");
    let event = event("price", "[]", "");
    let message = failure(async { assert_eq!(event.json::<u8>(), 0) }).await;
    assert!(message.starts_with("the data of event `price` is not a u8"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_event_is_shown() {
    let app = app(&Count::default());
    let mut events = app.get("/prices").events().await;
    let message = failure(events.assert_pending()).await;
    let expected = "GET /prices sent an event `price` with data \"{\\\"cents\\\":120}\" where nothing was to come\n";
    assert!(message.starts_with(expected), "{message}");
    let message = failure(async { drop(events.next_comment().await) }).await;
    assert!(message.starts_with("GET /prices sent an event `price` with data"), "{message}");
    assert_eq!(events.next::<Price>().await, Price { cents: 120 }, "peeking does not consume the event");

    let mut events = app.get("/count").events().await;
    assert_eq!(events.rest().await.len(), 3);
    let message = failure(events.next::<u8>().map(drop)).await;
    assert!(message.starts_with("GET /count ended instead of sending an event\n    so far: 3 events"), "{message}");
    let message = failure(events.assert_pending()).await;
    assert!(message.starts_with("GET /count ended where nothing was to come"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_an_error() {
    async fn broken() -> ([(&'static str, &'static str); 1], axum::body::Body) {
        let pieces = futures_util::stream::unfold(0, |piece| async move {
            // Together with the error, hyper would not send the first piece either.
            sleep(Duration::from_millis(piece)).await;
            Some((if piece == 0 { Ok("data: a\n\n") } else { Err("out of paper") }, piece + 1))
        });
        ([("content-type", "text/event-stream")], axum::body::Body::from_stream(pieces))
    }
    let app = TestApp::new(axum::Router::new().route("/broken", axum::routing::get(broken)));
    let mut events = app.get("/broken").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "a");
    for _ in 0..2 {
        let message = failure(async { drop(events.next_event().await) }).await;
        assert!(message.starts_with("GET /broken broke off: "), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn leftovers_are_named() {
    let held = Count::default();
    let app = app(&held);
    let events = (app.get("/silent").events().await, app.get("/silent").events().await);
    let message = failure(app.assert_nothing_left().map(drop)).await;
    let expected = "something of the app is still running after 5s
      left: GET /silent: 2 clients still connected (drop them, or call `disconnect`), 2 connections, 2 response bodies
        at: tests/test_kit.rs:";
    assert!(message.starts_with(expected), "{message}");
    drop(events);
    app.assert_nothing_left().await;
}

/// A layer that moves the stream to a task of its own: the response is gone, and the handler runs.
#[tokio::test(start_paused = true)]
async fn a_stream_taken_out_of_its_response_is_found() {
    let held = Count::default();
    let taken = axum::middleware::map_response(|response: http::Response<axum::body::Body>| async {
        let (parts, body) = response.into_parts();
        tokio::spawn(http_body_util::BodyExt::collect(body));
        http::Response::from_parts(parts, axum::body::Body::empty())
    });
    let router = axum::Router::new().route("/leak", axum::routing::get(silent)).layer(taken);
    let app = TestApp::new(router.with_state(held.clone()));
    let mut events = app.get("/leak").events().await;
    assert_eq!(events.next_event().await, None);
    let message = failure(app.assert_nothing_left().map(drop)).await;
    assert!(message.contains("left: GET /leak: 1 event stream that something took out of its response"), "{message}");
    assert_eq!(held.get(), 1);
}

#[tokio::test]
#[should_panic(expected = "the path \"prices\" does not begin with `/`")]
async fn a_path_without_its_slash_is_explained() {
    let _request = app(&Count::default()).get("prices");
}

#[tokio::test]
#[should_panic(expected = "the value of the header x-a cannot be sent")]
async fn a_header_that_cannot_be_sent_is_explained() {
    let _request = app(&Count::default()).get("/").header("x-a", "a\nb");
}
