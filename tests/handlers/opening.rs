//! A fallible handler's head waits until it is known whether the response is a stream or an error.

use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::StatusCode;
use support::Count;
use tokio::time::{Instant, sleep};
use touka::testing::TestApp;
use touka::{Event, EventStream, Router, route, routes, sse_handler};

#[derive(Debug)]
enum Refusal {
    NoSuchRoom,
    Broken,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NoSuchRoom => (StatusCode::NOT_FOUND, "no such room\n").into_response(),
            Self::Broken => (StatusCode::BAD_GATEWAY, "password=hunter2").into_response(),
        }
    }
}

impl From<std::num::ParseIntError> for Refusal {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::Broken
    }
}

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) -> Result<EventStream, Refusal> {
    if room == "none" {
        return Err(Refusal::NoSuchRoom);
    }
    let first: u32 = room.parse()?;
    emit!(Event::data(first.to_string()));
    let second: u32 = "not a number".parse()?;
    emit!(Event::data(second.to_string()));
}

/// An error before the opening is a response; one after it is an event without the error's text.
#[tokio::test(start_paused = true)]
async fn an_error_is_a_response_before_the_opening_and_an_event_after() {
    let app = TestApp::new(Router::new().mount(routes![room]));
    let refused = app.get("/rooms/none").send().await;
    assert_eq!(refused.status(), 404);
    assert_eq!(refused.text().await, "no such room\n");
    assert_eq!(app.get("/rooms/seven").send().await.status(), 502);

    let mut events = app.get("/rooms/7").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "7");
    let error = events.next_event().await.expect("the error");
    assert_eq!((error.name.as_str(), error.data.as_str()), ("error", r#"{"status":502,"title":"Bad Gateway"}"#));
    assert_eq!(events.next_event().await, None, "a clean end");
}

/// Waits for `delay` before it emits or fails.
#[sse_handler]
async fn decides_after(delay: Duration, fails: bool) -> Result<EventStream, Refusal> {
    sleep(delay).await;
    if fails {
        return Err(Refusal::NoSuchRoom);
    }
    emit!("decided");
}

#[tokio::test(start_paused = true)]
async fn the_head_is_held_for_a_second_at_most() {
    let start = Instant::now();
    let refused = decides_after(Duration::from_millis(990), true).await;
    assert!(matches!(refused, Err(Refusal::NoSuchRoom)));
    assert_eq!(start.elapsed().as_millis(), 990);

    let start = Instant::now();
    let mut stream = decides_after(Duration::from_secs(5), true).await.expect("the stream opens");
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(stream.next().await, None);

    let start = Instant::now();
    let mut stream = decides_after(Duration::from_millis(300), false).await.expect("the stream opens");
    assert_eq!(start.elapsed().as_millis(), 300, "the stream opens at the first emit");
    assert_eq!(stream.next().await, Some(Event::data("decided")));
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_late_error_is_an_event_and_the_delay_can_be_set() {
    let late = EventStream::<Event>::try_generate(|_| async {
        sleep(Duration::from_secs(5)).await;
        Err(Refusal::NoSuchRoom)
    });
    let start = Instant::now();
    let stream = late.open_after(Duration::from_secs(3)).await.expect("the stream opens");
    assert_eq!(start.elapsed().as_secs(), 3);
    let body = http_body_util::BodyExt::collect(stream.into_response().into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "event: error\ndata: {\"status\":404,\"title\":\"Not Found\"}\n\n");
}

#[tokio::test]
async fn a_comment_opens_a_stream_and_so_does_the_end() {
    #[sse_handler]
    async fn commented() -> Result<EventStream, Refusal> {
        emit!(Event::new().comment("working on it"));
        Err(Refusal::Broken)
    }
    let mut stream = commented().await.expect("the comment opens the stream");
    assert_eq!(stream.next().await, Some(Event::new().comment("working on it")));
    assert_eq!(stream.next().await, None);

    #[sse_handler]
    async fn empty() -> Result<EventStream, Refusal> {}
    assert_eq!(empty().await.expect("the end opens the stream").next().await, None);
}

#[tokio::test]
async fn an_infallible_body_runs_only_when_it_is_read() {
    let ran = Count::default();
    #[sse_handler]
    async fn lazy(ran: Count) {
        ran.add();
        emit!("ran");
    }
    let mut stream = lazy(ran.clone()).await;
    assert_eq!(ran.get(), 0);
    assert_eq!(stream.next().await, Some(Event::data("ran")));
    assert_eq!(ran.get(), 1);
}

#[tokio::test]
async fn a_handlers_arguments_are_held_until_its_stream_ends() {
    let held = Count::default();
    #[sse_handler]
    async fn with_permit(_permit: support::Held) {
        emit!("a");
        emit!("b");
    }
    let mut stream = with_permit(held.hold()).await;
    assert_eq!(held.get(), 1, "a parameter that the body does not mention is held");
    stream.next().await;
    assert_eq!(held.get(), 1);
    stream.next().await;
    assert_eq!(stream.next().await, None);
    assert_eq!(held.get(), 0, "dropped at the end, though the stream still exists");
}
