//! Options of `#[sse_handler]` whose values depend on the request.

use std::future::pending;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::Instant;
use touka::extract::State;
use touka::testing::TestApp;
use touka::{Event, EventStream, EventWriter, Router, route, routes, sse_handler};

use crate::scene::EXPIRED;

async fn text(stream: EventStream) -> String {
    let body = stream.into_response().into_body().collect().await.expect("no error").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

#[derive(Clone)]
struct App {
    ended: watch::Receiver<bool>,
}

impl App {
    fn ended(&self, session: &str) -> impl Future<Output = ()> + Send + 'static {
        let (mut app, _session) = (self.clone(), session.to_owned());
        async move { drop(app.ended.wait_for(|ended| *ended).await) }
    }
}

#[sse_handler(
    close_at = until,
    close_when = app.ended(&session),
    label = format!("{session}, {}", app.ended.has_changed().is_ok()),
    expired_event = Event::data(session.as_str()).event("over"),
)]
async fn mine(until: Option<Instant>, State(mut app): State<App>, mut session: String) {
    session.push('!');
    emit!(&*session);
    app.ended.mark_unchanged();
    pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn values_are_computed_before_the_body_takes_the_parameters() {
    let (tell, ended) = watch::channel(false);
    let app = || State(App { ended: ended.clone() });
    let start = Instant::now();
    let stream = mine(Some(start + Duration::from_secs(5)), app(), "s".to_owned()).await;
    assert_eq!(text(stream).await, "data: s!\n\nevent: over\ndata: s\n\n");
    assert_eq!(start.elapsed().as_secs(), 5);
    let stream = mine(None, app(), "s".to_owned()).await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(7)).await;
        tell.send(true).expect("a stream waits for it");
    });
    assert_eq!(text(stream).await, "data: s!\n\nevent: over\ndata: s\n\n");
    assert_eq!(start.elapsed().as_secs(), 12);
}

/// A value can fail, and can await.
#[sse_handler(close_at = valid(&token).await?)]
async fn checked(token: String) -> Result<EventStream, StatusCode> {
    emit!(token);
    pending::<()>().await;
}

async fn valid(token: &str) -> Result<SystemTime, StatusCode> {
    tokio::task::yield_now().await;
    if token == "good" { Ok(SystemTime::now()) } else { Err(StatusCode::FORBIDDEN) }
}

/// Takes the option in another mode.
#[sse_handler(callback, close_at = until)]
async fn called(until: Instant, out: &mut EventWriter) -> bool {
    out.write("again").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    true
}

#[sse_handler(channel = 1, label = "sent", close_at = until)]
async fn sent(until: Instant, events: touka::EventSender) {
    let _ = events.send("sent").await;
    events.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_value_can_fail_and_works_in_each_mode() {
    assert_eq!(checked("bad".to_owned()).await.unwrap_err(), StatusCode::FORBIDDEN);
    assert_eq!(text(checked("good".to_owned()).await.expect("good")).await, EXPIRED);
    let start = Instant::now();
    let until = || start + Duration::from_millis(2500);
    assert_eq!(text(called(until()).await).await, format!("{}{EXPIRED}", "data: again\n\n".repeat(3)));
    assert_eq!(text(sent(start + Duration::from_secs(10)).await).await, format!("data: sent\n\n{EXPIRED}"));
    // Read as a stream, and not as a response, it yields its events.
    assert_eq!(called(until()).await.take(5).count().await, 5);
}

#[sse_handler(label = format!("user {user}"), close_at = Instant::now() + Duration::from_secs(3))]
#[route(GET, "/users/{user}")]
async fn user(user: u64) {
    pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn a_route_accepts_the_same_options() {
    let app = TestApp::new(Router::new().mount(routes![user]));
    let start = Instant::now();
    let mut events = app.get("/users/7").events().await;
    let last = events.next_event().await.expect("the last event");
    assert_eq!((last.name.as_str(), start.elapsed().as_secs()), ("expired", 3));
    assert_eq!(events.next_event().await, None);
}
