//! The modes and the options, in the forms of the documentation.

#![deny(warnings)]

use futures_util::StreamExt;
use touka::{CloseReason, Event, EventSender, EventStream, EventWriter, sse_handler};

#[sse_handler(callback)]
async fn borrowed(mut left: u32, out: &mut EventWriter) -> bool {
    out.write(left.to_string()).await;
    left -= 1;
    left > 0
}

#[sse_handler(callback, retry = "1s", keep_alive = off)]
async fn owned(mut out: EventWriter<String>) -> Result<bool, http::StatusCode> {
    out.write("x").await;
    Ok(false)
}

#[sse_handler(channel = 1)]
async fn sent(events: EventSender) {
    _ = events.send("sent").await;
    emit!("emitted");
}

#[sse_handler(channel = 1, end = "done")]
fn blocking(up_to: u32, events: EventSender) -> EventStream {
    for number in 0..up_to {
        _ = events.blocking_send(number.to_string());
    }
}

fn log(_: CloseReason) {}

fn sorry(status: http::StatusCode) -> Event {
    Event::data(status.as_str())
}

#[sse_handler(
    keep_alive = "15s",
    retry = "3s",
    open_after = "500ms",
    end = "done",
    max_lifetime = "1h30m",
    write_timeout = "30s",
    on_error = sorry,
    on_close = self::log
)]
async fn everything() -> Result<EventStream<Event>, http::StatusCode> {
    emit!(Event::data("x"));
}

struct Claims {
    user: u64,
    expires: Option<std::time::SystemTime>,
}

#[derive(Clone)]
struct App(tokio::sync::watch::Receiver<bool>);

impl App {
    fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut app = self.clone();
        async move { _ = app.0.wait_for(|ended| *ended).await }
    }
}

struct State<S>(S);

// A parameter that only an option uses causes no warning.
#[sse_handler(
    close_at = claims.expires,
    close_when = app.ended(),
    label = format!("user {} in {room}, {}", claims.user, names.join::<&str>(", ")),
    expired_event = Event::data(room.as_str()).event("signed-out"),
)]
async fn with_values(claims: Claims, State(mut app): State<App>, mut room: String, names: Vec<&'static str>) {
    room.push('!');
    app.0.mark_unchanged();
    emit!(room);
}

#[sse_handler(label = who, close_at = until().await?)]
async fn with_a_result(who: &'static str) -> Result<EventStream, http::StatusCode> {
    emit!(who);
}

async fn until() -> Result<std::time::Instant, http::StatusCode> {
    Err(http::StatusCode::UNAUTHORIZED)
}

async fn count<T>(stream: EventStream<T>) -> usize {
    stream.count().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(count(borrowed(3).await).await, 3);
    assert_eq!(count(owned().await.unwrap()).await, 1);
    assert_eq!(count(sent().await).await, 2);
    assert_eq!(count(blocking(4).await).await, 4);
    assert_eq!(count(everything().await.unwrap()).await, 1);
    let (tell, told) = tokio::sync::watch::channel(false);
    let claims = Claims { user: 7, expires: None };
    assert_eq!(count(with_values(claims, State(App(told)), "blue".to_owned(), vec!["a", "b"]).await).await, 1);
    drop(tell);
    assert_eq!(with_a_result("me").await.unwrap_err(), http::StatusCode::UNAUTHORIZED);
}
