//! Jumps of the clock. touka uses the monotonic clock alone, so setting the wall clock changes nothing; but a
//! machine may sleep, and hours have passed when it wakes. Then each timer must fire once and late, and
//! nothing is caught up on.

use std::time::Duration;

use tokio::time::advance;
use touka::testing::TestApp;
use touka::{EventStream, Router, route, routes, sse_handler};

const HOURS: Duration = Duration::from_hours(7);

#[sse_handler]
#[route(GET, "/quiet")]
async fn quiet() {
    emit!("here");
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/ticks")]
async fn ticks() {
    loop {
        emit!("tick");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[route(GET, "/short")]
async fn short() -> EventStream {
    quiet().await.max_lifetime(Duration::from_mins(1))
}

fn app() -> TestApp {
    TestApp::new(Router::new().mount(routes![quiet, ticks, short]))
}

#[tokio::test(start_paused = true)]
async fn hours_of_silence_are_one_comment() {
    let app = app();
    let mut events = app.get("/quiet").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "here");
    advance(HOURS).await;
    // Less than until the next keep-alive: no comment but the one that was due has arrived.
    events.assert_silent(Duration::from_secs(1)).await;
    assert_eq!(events.comments().len(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_goes_on_where_it_was_after_a_sleep() {
    let app = app();
    let mut events = app.get("/ticks").events().await;
    events.next_event().await.expect("an event");
    advance(HOURS).await;
    // One sleep was over. The next takes its full second: missed ticks are not caught up on.
    events.next_event().await.expect("an event");
    events.assert_silent(Duration::from_millis(900)).await;
    events.next_event().await.expect("an event");
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_ended_hours_ago_ends_now() {
    let app = app();
    let mut events = app.get("/short").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "here");
    advance(HOURS).await;
    assert_eq!(events.next_event().await, None);
    assert!(events.comments().is_empty(), "the stream was kept alive beyond its lifetime");
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_sleep_of_the_machine_does_not_stall_a_client() {
    let app = app();
    let mut events = app.get("/ticks").events().await;
    events.next_event().await.expect("an event");
    for _ in 0..3 {
        advance(HOURS).await;
        assert_eq!(events.next_event().await.expect("alive").data, "tick");
    }
    events.disconnect();
    app.assert_nothing_left().await;
}
