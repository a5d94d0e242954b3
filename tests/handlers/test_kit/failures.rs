//! The messages of a failing test.

use std::time::Duration;

use futures_util::FutureExt;
use support::Count;
use tokio::time::{Instant, sleep};
use touka::testing::TestApp;

use super::{MINUTE, Price, app, event, failure, silent};

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
        at: tests/handlers/test_kit/failures.rs:";
    assert!(message.starts_with(expected), "{message}");
    let message = failure(async { drop(app.get("/never").timeout(MINUTE).send().await) }).await;
    assert!(message.starts_with("GET /never was not answered within 60s"), "{message}");
}

/// The timeout also applies if the handler never pauses.
#[tokio::test]
async fn an_endless_stream_is_not_read_for_ever() {
    let app = app(&Count::default()).timeout(Duration::from_millis(50));
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
    let message = failure(events.next_json::<Price>().map(drop)).await;
    let expected = "the data of event `message` is not a handlers::test_kit::Price
  expected: its JSON
       got: no JSON
    reason: expected ident at line 1 column 2
        at: tests/handlers/test_kit/failures.rs:";
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
    let expected = "GET /prices sent an event `price` with data \"{\\\"cents\\\":120}\", but none was expected\n";
    assert!(message.starts_with(expected), "{message}");
    let message = failure(async { drop(events.next_comment().await) }).await;
    assert!(message.starts_with("GET /prices sent an event `price` with data"), "{message}");
    assert_eq!(events.next_json::<Price>().await, Price { cents: 120 }, "peeking does not consume the event");

    let mut events = app.get("/count").events().await;
    assert_eq!(events.rest().await.len(), 3);
    let message = failure(events.next_json::<u8>().map(drop)).await;
    assert!(message.starts_with("GET /count ended instead of sending an event\n    so far: 3 events"), "{message}");
    let message = failure(events.assert_pending()).await;
    assert!(message.starts_with("GET /count ended, but was expected to stay open"), "{message}");
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
        at: tests/handlers/test_kit/failures.rs:";
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
