//! Options of `#[sse_handler(…)]`, as seen by a caller and by a client.

use std::sync::Mutex;
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_util::StreamExt;
use http::StatusCode;
use http_body_util::BodyExt;
use support::Count;
use tokio::time::{Instant, sleep};
use touka::extract::{LastEventId, State};
use touka::testing::{Received, TestApp};
use touka::{CloseReason, Event, EventSender, EventStream, EventWriter, IntoEvent, Router, route, routes, sse_handler};

#[derive(Debug, PartialEq, Eq)]
struct Tick(u32);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()).event("tick"))
    }
}

fn event(name: &str, data: &str, id: &str) -> Received {
    Received { name: name.to_owned(), data: data.to_owned(), id: id.to_owned() }
}

// ===== callback =====

#[sse_handler(callback)]
async fn count_up(mut next: u32, last: u32, out: &mut EventWriter<Tick>) -> bool {
    if next == 2 {
        // Ends this call, not the stream.
        next += 1;
        return true;
    }
    out.write(Tick(next)).await;
    emit!(Tick(next + 100));
    next += 1;
    next <= last
}

#[tokio::test]
async fn a_callback_keeps_its_parameters_between_calls() {
    let seen: Vec<u32> = count_up(1, 3).await.map(|tick| tick.0).collect().await;
    assert_eq!(seen, [1, 101, 3, 103]);
}

#[sse_handler(callback)]
#[route(GET, "/parsed/{first}")]
async fn parsed(mut first: String, out: &mut EventWriter) -> Result<bool, StatusCode> {
    let number: u32 = first.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    out.write(number.to_string()).await;
    first = if number > 1 { (number - 1).to_string() } else { "no number".to_owned() };
    Ok(true)
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_fails_is_a_status_first_and_an_event_later() {
    let app = TestApp::new(Router::new().mount(routes![parsed]));
    assert_eq!(app.get("/parsed/x").send().await.status(), 400);
    let mut events = app.get("/parsed/2").events().await;
    let error = r#"{"status":400,"title":"Bad Request"}"#;
    assert_eq!(events.rest().await, [event("message", "2", ""), event("message", "1", ""), event("error", error, "")]);
}

#[tokio::test]
async fn an_idle_callback_yields_to_other_tasks() {
    #[sse_handler(callback)]
    async fn idle(_out: &mut EventWriter) -> bool {
        true
    }
    let mut stream = idle().await;
    assert!(tokio::time::timeout(Duration::from_millis(20), stream.next()).await.is_err());
}

// ===== channel =====

#[sse_handler(channel = 4)]
#[route(GET, "/many")]
async fn many(State(held): State<Count>, events: EventSender) {
    let _held = held.hold();
    emit!("by emit");
    let other = events.clone();
    tokio::spawn(async move { other.send("by a clone").await });
    events.send("by send").await.expect("the client reads");
    // The sender's `closed()` does not end the task either: only an abort does.
    events.closed().await;
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_body_runs_on_a_task_that_ends_with_the_client() {
    let held = Count::default();
    let app = TestApp::new(Router::new().mount(routes![many]).with_state(held.clone()));
    let mut events = app.get("/many").events().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(events.next_event().await.expect("an event").data);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["by a clone", "by emit", "by send"]);
    assert_eq!(held.get(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
    assert_eq!(held.get(), 0, "the task was not aborted");
}

#[sse_handler(channel = 2)]
fn squares(up_to: u32, events: EventSender<Tick>) {
    for number in 1..=up_to {
        if events.blocking_send(Tick(number * number)).is_err() {
            return;
        }
    }
}

#[route(GET, "/blocking")]
#[sse_handler(channel = 2)]
fn blocking(events: EventSender) -> Result<EventStream, StatusCode> {
    events.blocking_send("one").expect("the client reads");
    let nothing: Result<(), u8> = Err(1);
    nothing.map_err(|_| StatusCode::CONFLICT)?;
}

#[tokio::test(start_paused = true)]
async fn a_plain_function_runs_on_the_blocking_pool() {
    let seen: Vec<u32> = squares(4).await.map(|tick| tick.0).collect().await;
    assert_eq!(seen, [1, 4, 9, 16]);

    let app = TestApp::new(Router::new().mount(routes![blocking]));
    let error = r#"{"status":409,"title":"Conflict"}"#;
    // Many rounds: the function's thread and the connection meet at a different moment each time.
    for _ in 0..500 {
        let mut events = app.get("/blocking").events().await;
        assert_eq!(events.rest().await, [event("message", "one", ""), event("error", error, "")]);
    }
}

// ===== settings =====

async fn text(response: impl IntoResponse) -> String {
    let body = response.into_response().into_body().collect().await.expect("no error").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

static CLOSED: Mutex<Vec<CloseReason>> = Mutex::new(Vec::new());

fn remember(reason: CloseReason) {
    CLOSED.lock().expect("not poisoned").push(reason);
}

fn sorry(status: StatusCode) -> Event {
    Event::data(status.as_str()).event("sorry")
}

#[sse_handler(
    keep_alive = "2s",
    retry = "10s",
    open_after = "3s",
    max_lifetime = "1h",
    write_timeout = "1m30s",
    on_error = sorry,
    on_close = remember,
)]
async fn everything(wait: Duration, fails: bool) -> Result<EventStream, StatusCode> {
    sleep(wait).await;
    if fails {
        return Err(StatusCode::GONE);
    }
    emit!("late");
    Err(StatusCode::IM_A_TEAPOT)
}

#[tokio::test(start_paused = true)]
async fn the_settings_of_the_attribute_are_those_of_the_stream() {
    // Within the three seconds an error is still a response.
    assert_eq!(everything(Duration::from_millis(2_900), true).await.unwrap_err(), StatusCode::GONE);
    let start = Instant::now();
    let stream = everything(Duration::from_secs(8), false).await.expect("the stream opens");
    assert_eq!(start.elapsed().as_secs(), 3, "open_after");
    let text = text(stream).await;
    let (retry, rest) = text.split_once('\n').expect("a line");
    assert!(retry.starts_with("retry: "), "{text}");
    // Two comments in the remaining five seconds, two seconds apart.
    assert_eq!(rest, ":\n:\ndata: late\n\nevent: sorry\ndata: 418\n\n");
    assert_eq!(*CLOSED.lock().unwrap(), [CloseReason::Failed]);
}

#[tokio::test(start_paused = true)]
async fn keep_alive_can_be_off() {
    #[sse_handler(keep_alive = off)]
    async fn quiet() {
        sleep(Duration::from_hours(1)).await;
        emit!("x");
    }
    assert_eq!(text(quiet().await).await, "data: x\n\n");
}

// ===== end =====

#[sse_handler(end = "done")]
#[route(GET, "/above/{started}")]
async fn above(started: String, State(ran): State<Count>) {
    ran.add();
    emit!(Event::data(started).id(1));
}

#[route(GET, "/below")]
#[sse_handler(end = "done")]
async fn below(State(ran): State<Count>) -> Result<EventStream, StatusCode> {
    ran.add();
    emit!(Event::data("x").id(1));
}

/// Checks for the end by hand, as an axum app does it.
#[route(GET, "/by-hand")]
async fn by_hand(from: LastEventId, State(ran): State<Count>) -> Result<EventStream, StatusCode> {
    if from.ended("done") {
        return Err(StatusCode::NO_CONTENT);
    }
    below(State(ran)).await
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_seen_the_end_gets_204_and_nothing_runs() {
    let ran = Count::default();
    let app = TestApp::new(Router::new().mount(routes![above, below, by_hand]).with_state(ran.clone()));
    for path in ["/above/x", "/below", "/by-hand"] {
        let before = ran.get();
        let mut events = app.get(path).events().await;
        assert_eq!(events.rest().await, [event("message", "x", "1"), event("done", "", "done")], "{path}");
        assert_eq!(ran.get(), before + 1);

        // A browser reconnects with the id of the end in a header; other clients send it in the query.
        assert_eq!(events.last_event_id(), "done");
        assert!(events.reconnect().await.is_none(), "{path}");
        for request in [app.get(path).header("last-event-id", "done"), app.get(&format!("{path}?lastEventId=done"))] {
            assert_eq!(request.send().await.status(), 204, "{path}");
        }
        assert_eq!(ran.get(), before + 1, "the body ran for a client that already had all events");

        // A client that was cut off in the middle gets the stream again.
        let mut events = app.get(path).header("last-event-id", "1").events().await;
        assert_eq!(events.next_event().await.expect("an event").data, "x");
    }
}
