//! Forms of detached handlers. They cause no warnings.

#![deny(warnings, unused, missing_debug_implementations, trivial_casts, unreachable_pub)]

use std::fmt;

use futures_util::StreamExt;
use http::StatusCode;
use touka::extract::{FromRef, State};
use touka::run::RunStatus;
use touka::{Emitter, Event, EventStream, Hub, Router, route, routes, sse_handler};

#[derive(Clone)]
struct App {
    hub: Hub,
    name: &'static str,
}

impl FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

#[derive(Clone)]
struct Id(String);

impl std::str::FromStr for Id {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn last(status: RunStatus) -> Option<Event> {
    (status == RunStatus::Done).then(|| Event::data("[DONE]"))
}

fn sorry(_: StatusCode) -> Event {
    Event::data("sorry")
}

fn check(name: &str) -> Result<String, StatusCode> {
    if name.is_empty() { Err(StatusCode::BAD_REQUEST) } else { Ok(name.to_owned()) }
}

#[sse_handler(
    detached = "turns/{chat}/{{{request}}}/{r#type}",
    owner = "{chat}",
    on_disconnect = cancel_after("30s"),
    stop_grace = "5s",
    max_run = "1h",
    max_bytes = 16_000_000,
    keep_for = "1h",
    last_event = last,
    keep_alive = "5s",
    whole_blocks,
    retry = "3s",
    open_after = "2s",
    end = "done",
    max_lifetime = "1h",
    write_timeout = "30s",
    on_error = sorry,
    close_when = std::future::pending(),
    head = [("x-app", app.name)],
    label = check(request.as_str())?,
)]
#[route(POST, "/chats/{chat}/{type}?{request}")]
async fn everything(
    chat: Id,
    mut request: String,
    r#type: u8,
    State(app): State<App>,
    out: &Emitter<String>,
    body: String,
) -> Result<EventStream<String>, StatusCode> {
    request.push_str(&body);
    out.emit(format!("{chat} {request} {} {}", r#type, app.name)).await;
}

// A parameter need not be used by the body if the key or the owner has it.
#[sse_handler(detached = "keyed/{r#type}", owner = "{id}")]
#[route(GET, "/keyed/{id}/{type}")]
async fn keyed(id: u64, r#type: u64) {
    emit!("x");
}

#[route(GET, "/untyped/{id}")]
#[sse_handler(detached = "untyped/{id}", on_disconnect = keep)]
async fn untyped(id: u64) {
    let _: touka::run::Stopping = stopping();
    emit!(id.to_string());
}

#[touka::sse_handler(detached = "typed", on_disconnect = cancel)]
#[touka::route(ANY, "/typed")]
async fn typed(out: Emitter<String>) -> EventStream<String> {
    // A body may have an item of its own with this name.
    fn stopping() -> u8 {
        3
    }
    let _: u8 = stopping();
    out.emit("x".to_owned()).await;
}

#[sse_handler(detached = "own/{stopping}")]
#[route(GET, "/own/{stopping}")]
async fn own(stopping: u64) -> Result<EventStream, StatusCode> {
    emit!(stopping.to_string());
}

mod own_function {
    use touka::{route, sse_handler};

    fn stopping() -> u8 {
        3
    }

    #[sse_handler(detached = "super")]
    #[route(GET, "/super")]
    pub(crate) async fn handler() {
        let number: u8 = self::stopping();
        emit!(number.to_string());
    }
}

macro_rules! handler {
    ($name:ident, $key:literal, $path:literal) => {
        #[sse_handler(detached = $key)]
        #[route(GET, $path)]
        async fn $name(id: u32) {
            emit!(id.to_string());
        }
    };
}

handler!(made, "made/{id}", "/made/{id}");

fn app<S: Clone + Send + Sync + 'static>(state: S) -> Router
where
    Hub: FromRef<S>,
{
    Router::new().mount(routes![keyed, untyped, typed, own, own_function::handler, made]).with_state(state)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let state = App { hub: Hub::memory(), name: "app" };
    let _: Router = Router::new().mount(routes![everything]).with_state(state.clone());
    let _ = (app(state.clone()), app(Hub::memory()));
    // A detached handler is a plain function.
    let stream = everything(Id("a".into()), "b".into(), 1, State(state), "c".into()).await.unwrap();
    assert_eq!(stream.collect::<Vec<_>>().await, ["a bc 1 app"]);
    assert_eq!(untyped(3).await.count().await, 1);
    assert_eq!(typed().await.count().await, 1);
    assert_eq!(own(3).await.unwrap().count().await, 1);
    assert_eq!(own_function::handler().await.count().await + made(1).await.count().await, 2);
}
