//! Jumps of the clock. touka asks the monotonic clock alone, so a wall clock that is set changes
//! nothing; what can happen is that a machine sleeps, and hours have gone by when it wakes. What must
//! hold then: each timer fires once and late, and nothing is made up for.

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
    // Less than the next keep-alive is away: no more than the one that was due has come.
    events.assert_silent(Duration::from_secs(1)).await;
    assert_eq!(events.comments().len(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_slept_goes_on_where_it_was() {
    let app = app();
    let mut events = app.get("/ticks").events().await;
    events.next_event().await.expect("an event");
    advance(HOURS).await;
    // One sleep was over. The next takes its second: what was missed is not caught up on.
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
    assert!(events.comments().is_empty(), "it was kept alive beyond its life");
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_slept_with_the_server_is_not_stalled_by_it() {
    let app = app();
    let mut events = app.get("/ticks").events().await;
    events.next_event().await.expect("an event");
    for _ in 0..3 {
        advance(HOURS).await;
        assert_eq!(events.next_event().await.expect("it lives").data, "tick");
    }
    events.disconnect();
    app.assert_nothing_left().await;
}
