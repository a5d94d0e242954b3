//! `#[sse_handler(detached = …)]` under `#[route]`, over a socket.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::request::Parts;
use support::{Client, Head, Running, eventually, until};
use tokio::sync::Semaphore;
use touka::extract::{FromRef, FromRequestParts, State};
use touka::response::StatusCode;
use touka::run::{RunError, RunStatus};
use touka::{Emitter, Event, EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct App {
    hub: Hub,
    /// A body takes one for each event.
    tokens: Arc<Semaphore>,
    /// The number of bodies that were started.
    bodies: Arc<AtomicUsize>,
}

impl App {
    fn new() -> Self {
        Self { hub: Hub::memory(), tokens: Arc::new(Semaphore::new(0)), bodies: Arc::default() }
    }
}

impl FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

struct User(String);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let name = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
        name.map(|name| Self(name.to_owned())).ok_or(StatusCode::UNAUTHORIZED)
    }
}

fn done(status: RunStatus) -> Option<Event> {
    (status == RunStatus::Done).then(|| Event::data("[DONE]"))
}

/// One event for each token. `first` is a status to fail with, or the first event.
#[sse_handler(
    detached = "turns/{chat}/{request}",
    last_event = done,
    retry = "3s",
    keep_alive = "1s",
    head = [("x-chat", chat.to_string())],
    label = format!("chat {chat}"),
)]
#[route(ANY, "/chats/{chat}/turns?{request}")]
async fn turn(
    chat: u64,
    request: String,
    State(app): State<App>,
    out: Emitter,
    first: String,
) -> Result<EventStream, StatusCode> {
    app.bodies.fetch_add(1, Ordering::SeqCst);
    if let Ok(status) = first.parse::<u16>() {
        return Err(StatusCode::from_u16(status).map_err(|_| StatusCode::BAD_REQUEST)?);
    }
    emit!(format!("{first} {request}"));
    for number in 0..3 {
        app.tokens.acquire().await.map_err(|_| StatusCode::BAD_GATEWAY)?.forget();
        out.emit(number.to_string()).await;
    }
}

#[route(GET, "/patient/{id}")]
#[sse_handler(detached = "patient/{id}", on_disconnect = cancel_after("10ms"), stop_grace = "1h")]
async fn patient(id: String) {
    emit!(id);
    stopping().await;
    emit!("stopped");
}

#[sse_handler(detached = "owned/{id}", owner = "{user}", keep_for = "1h")]
#[route(POST, "/owned/{id}")]
async fn owned(id: String, user: User) {
    emit!(format!("{id} of {user}"));
    std::future::pending::<()>().await;
}

/// Exceeds each limit by `kind`.
#[sse_handler(detached = "limits/{kind}", max_bytes = 100, max_run = "10ms", stop_grace = "0s")]
#[route(POST, "/limits/{kind}")]
async fn limits(kind: String) {
    emit!("x".repeat(if kind == "bytes" { 200 } else { 1 }));
    std::future::pending::<()>().await;
}

#[route(GET, "/brief")]
#[sse_handler(detached = "brief", keep_for = "10ms")]
async fn brief(State(app): State<App>) {
    emit!("x");
    let _ = app.tokens.acquire().await;
}

#[route(POST, "/forget/{id}")]
async fn forget(State(hub): State<Hub>, id: String) -> Result<(), RunError> {
    hub.run(format!("patient/{id}"))?.forget().await
}

fn router(app: &App) -> Router {
    Router::new().mount(routes![turn, patient, owned, limits, brief, forget]).with_state(app.clone())
}

/// Sends a request with this body.
async fn send(server: &Running, method: &str, path: &str, headers: &str, body: &str) -> Client {
    let mut client = Client::connect(server.address).await;
    let length = body.len();
    client
        .send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}"))
        .await;
    client
}

/// A stream that has opened, and its head.
async fn open(server: &Running, method: &str, path: &str, headers: &str, body: &str) -> (Client, Head) {
    let mut client = send(server, method, path, headers, body).await;
    let head = client.head().await;
    assert_eq!(head.status(), 200, "{}", head.text);
    (client, head)
}

async fn refused(server: &Running, method: &str, path: &str, headers: &str, body: &str) -> u16 {
    send(server, method, path, headers, body).await.head().await.status()
}

/// The data of the next event that has some, and its id.
async fn next(client: &mut Client) -> (String, String) {
    loop {
        let event = client.next().await.expect("no error").expect("an event");
        if !event.data.is_empty() {
            return (event.data.clone(), client.parser().last_event_id().to_owned());
        }
    }
}

async fn data(client: &mut Client) -> String {
    next(client).await.0
}

#[tokio::test]
async fn a_second_post_joins_and_resumes() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    let path = "/chats/7/turns?request=a";
    let (mut first, head) = open(&server, "POST", path, "", "hi").await;
    assert_eq!(head.header("x-chat"), Some("7"));
    assert_eq!(data(&mut first).await, "hi a");
    app.tokens.add_permits(1);
    let (zero, id) = next(&mut first).await;
    assert_eq!(zero, "0");
    drop(first);

    // A joiner gets all events, and the settings of the viewer.
    let (mut second, head) = open(&server, "POST", path, "", "another body").await;
    assert_eq!(head.header("x-chat"), Some("7"));
    assert_eq!((data(&mut second).await.as_str(), data(&mut second).await.as_str()), ("hi a", "0"));
    assert!(second.parser().retry().is_some_and(|retry| (2_400..=3_600).contains(&retry.as_millis())));
    // A reload in the middle.
    let (mut third, _) = open(&server, "POST", path, &format!("last-event-id: {id}\r\n"), "").await;
    app.tokens.add_permits(2);
    for client in [&mut second, &mut third] {
        assert_eq!(data(client).await, "1");
        assert_eq!(data(client).await, "2");
    }
    let (last, end) = next(&mut third).await;
    assert_eq!(last, "[DONE]");
    assert_eq!(app.bodies.load(Ordering::SeqCst), 1);
    assert_eq!(refused(&server, "POST", path, &format!("last-event-id: {end}\r\n"), "").await, 204);
    // Another key is another run.
    let (mut other, _) = open(&server, "POST", "/chats/8/turns?request=a", "", "hi").await;
    assert_eq!(data(&mut other).await, "hi a");
    assert_eq!(app.bodies.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keep_alive_and_label_reach_joiners() {
    let app = App::new();
    let server = Server::new();
    let handle = server.handle();
    let server = Running::serve_with(server, router(&app)).await;
    let path = "/chats/7/turns?request=a";
    let _first = open(&server, "POST", path, "", "hi").await;
    let (mut joiner, _) = open(&server, "POST", path, "", "").await;
    until(PATIENCE, "both streams", || handle.count() == 2).await;
    assert!(handle.streams().iter().all(|stream| stream.label() == Some("chat 7")));
    assert_eq!(data(&mut joiner).await, "hi a");
    // By default, it comes after 15 s.
    let begun = std::time::Instant::now();
    let comment = joiner.chunk().await.expect("no error").expect("a chunk");
    assert_eq!(comment, b":\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_error_before_the_first_event_is_the_response() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    let path = "/chats/7/turns?request=a";
    assert_eq!(refused(&server, "POST", path, "", "418").await, 418);
    assert!(app.hub.run("turns/7/a").unwrap().status().await.unwrap_err().is_unknown());
    // The key is free.
    let (mut client, _) = open(&server, "POST", path, "", "hi").await;
    assert_eq!(data(&mut client).await, "hi a");
    assert_eq!(app.bodies.load(Ordering::SeqCst), 2);
    // A parameter that is not valid starts nothing.
    assert_eq!(refused(&server, "POST", "/chats/x/turns?request=a", "", "hi").await, 400);
    let long = "x".repeat(300);
    assert_eq!(refused(&server, "POST", &format!("/chats/7/turns?request={long}"), "", "hi").await, 400);
    assert_eq!(app.bodies.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_head_request_starts_no_run() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    assert_eq!(refused(&server, "HEAD", "/patient/a", "", "").await, 404);
    let _viewer = open(&server, "GET", "/patient/a", "", "").await;
    assert_eq!(refused(&server, "HEAD", "/patient/a", "", "").await, 200);
}

#[tokio::test]
async fn a_viewer_by_get_is_parked_and_sees_a_stop() {
    let app = App::new();
    let server = Server::new();
    let handle = server.handle();
    let server = Running::serve_with(server, router(&app)).await;
    let (mut client, _) = open(&server, "GET", "/patient/a", "", "").await;
    assert_eq!(data(&mut client).await, "a");
    until(PATIENCE, "a parked stream", || handle.streams().iter().any(touka::server::OpenStream::is_parked)).await;
    assert_eq!(refused(&server, "POST", "/forget/a", "", "").await, 409);
    let run = app.hub.run("patient/a").unwrap();
    assert_eq!(run.stop().await.unwrap(), StatusCode::ACCEPTED);
    assert_eq!(data(&mut client).await, "stopped");
    let (last, end) = next(&mut client).await;
    assert_eq!(last, r#"{"reason":"stopped"}"#);
    assert_eq!(refused(&server, "GET", "/patient/a", &format!("last-event-id: {end}\r\n"), "").await, 204);
    assert_eq!(refused(&server, "POST", "/forget/a", "", "").await, 200);
    assert_eq!(refused(&server, "POST", "/forget/a", "", "").await, 404);
}

#[tokio::test]
async fn a_run_that_needs_viewers_stops_when_they_leave() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    let (mut client, _) = open(&server, "GET", "/patient/a", "", "").await;
    assert_eq!(data(&mut client).await, "a");
    drop(client);
    let run = app.hub.run("patient/a").unwrap();
    // Not by `wait`, which counts as a viewer.
    let is_over = async || run.status().await.is_ok_and(RunStatus::is_over);
    eventually(PATIENCE, "the end", is_over).await;
    let (mut late, _) = open(&server, "GET", "/patient/a", "", "").await;
    assert_eq!(data(&mut late).await, "a");
    assert_eq!(data(&mut late).await, "stopped");
    assert_eq!(data(&mut late).await, r#"{"reason":"left"}"#);
}

#[tokio::test]
async fn limits_of_the_attribute_apply() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    let (mut client, _) = open(&server, "POST", "/limits/bytes", "", "").await;
    assert!(data(&mut client).await.contains(r#""limit":"max_bytes""#));
    let (mut client, _) = open(&server, "POST", "/limits/time", "", "").await;
    assert_eq!(data(&mut client).await, "x");
    assert!(data(&mut client).await.contains(r#""limit":"max_run""#));
    assert!(app.hub.run("limits/bytes").unwrap().status().await.unwrap().is_over());
    let (mut client, _) = open(&server, "GET", "/brief", "", "").await;
    assert_eq!(data(&mut client).await, "x");
    app.tokens.add_permits(1);
    let run = app.hub.run("brief").unwrap();
    let is_forgotten = async || run.status().await.is_err_and(|error| error.is_unknown());
    eventually(PATIENCE, "to be forgotten", is_forgotten).await;
}

#[tokio::test]
async fn a_run_belongs_to_its_owner() {
    let app = App::new();
    let server = Running::serve(router(&app)).await;
    let (mut alice, _) = open(&server, "POST", "/owned/a", "x-user: alice\r\n", "").await;
    assert_eq!(data(&mut alice).await, "a of alice");
    assert_eq!(refused(&server, "POST", "/owned/a", "x-user: bob\r\n", "").await, 404);
    assert_eq!(refused(&server, "POST", "/owned/a", "", "").await, 401);
    let (mut again, _) = open(&server, "POST", "/owned/a", "x-user: alice\r\n", "").await;
    assert_eq!(data(&mut again).await, "a of alice");
    app.hub.set_max_runs_per_owner(1);
    assert_eq!(refused(&server, "POST", "/owned/b", "x-user: alice\r\n", "").await, 429);
    let _bob = open(&server, "POST", "/owned/b", "x-user: bob\r\n", "").await;
    assert_eq!(app.hub.runs("alice").await.unwrap().len(), 1);
    app.hub.set_max_runs(2);
    assert_eq!(refused(&server, "POST", "/owned/c", "x-user: carol\r\n", "").await, 503);
}
