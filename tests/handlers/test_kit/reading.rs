//! Reading events, comments and responses of an app.

use std::time::Duration;

use support::Count;
use tokio::time::{Instant, sleep};
use touka::testing::TestApp;
use touka::{Event, EventStream, Router, route, routes, sse_handler};

use super::{MINUTE, Price, app, event, failure};

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
