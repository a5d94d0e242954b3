use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use touka::extract::{FromRequestParts, Json, LastEventId, State};
use touka::http::request::Parts;
use touka::response::{IntoResponse, Response, Result, StatusCode};
use touka::server::Handle;
use touka::topic::Retention;
use touka::{Event, EventStream, Hub, HubError, Router, Topic, route, routes};

const VERSION: &str = "2025-06-18";

/// The origin of the pages that may connect.
const ORIGIN: &str = "http://localhost:3000";

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    sessions: Arc<Mutex<HashSet<String>>>,
    handle: Handle,
}

/// A JSON-RPC message. A request has a method and an id, a notification has no id, a response has no method.
#[derive(Deserialize)]
struct Message {
    method: Option<String>,
    id: Option<Value>,
    #[serde(default)]
    params: Value,
}

#[route(POST, "/mcp")]
async fn receive(State(app): State<App>, session: Session, Json(message): Json<Message>) -> Result<Response> {
    let (Some(method), Some(id)) = (message.method, message.id) else {
        session.required()?;
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    if method == "initialize" {
        let session = random_id().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        app.sessions().insert(session.clone());
        let server = json!({"name": "counter", "version": "1"});
        let result = json!({"protocolVersion": VERSION, "capabilities": {"tools": {}}, "serverInfo": server});
        return Ok(([("mcp-session-id", session)], Json(response(&id, &result))).into_response());
    }
    let session = session.required()?;
    Ok(match method.as_str() {
        "ping" => Json(response(&id, &json!({}))).into_response(),
        "tools/list" => {
            let tool = json!({"name": "count", "inputSchema": {"type": "object"}});
            Json(response(&id, &json!({ "tools": [tool] }))).into_response()
        }
        "tools/call" => call(&app, &session, id, message.params).await?.into_response(),
        _ => {
            let error = json!({"code": -32601, "message": "Method not found"});
            Json(json!({"jsonrpc": "2.0", "id": id, "error": error})).into_response()
        }
    })
}

/// Runs a tool on a task of its own, which outlives the connection: a lost connection cancels nothing. Its messages
/// go to a topic of their own, whose ids name this stream.
async fn call(app: &App, session: &str, id: Value, params: Value) -> Result<EventStream> {
    let number = random_id().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let topic = app.hub.topic(format!("{session}/{number}"))?;
    let stream = follow(app, &topic, LastEventId(None)).await?;
    tokio::spawn(count(topic, id, params));
    Ok(stream)
}

/// The tool. It stops at the next publish once its session has ended, because the topic is then removed.
async fn count(topic: Topic, id: Value, params: Value) -> Result<(), HubError> {
    let token = &params["_meta"]["progressToken"];
    for progress in 1..=3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let params = json!({"progressToken": token, "progress": progress, "total": 3});
        let message = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
        // A client that wants no progress sends no token.
        if !token.is_null() {
            topic.publish(message.to_string()).await?;
        }
    }
    let result = json!({"content": [{"type": "text", "text": "counted to 3"}]});
    topic.publish(response(&id, &result).to_string()).await?;
    Ok(())
}

/// Messages of the server, or the rest of a stream that was cut off.
#[route(GET, "/mcp")]
async fn listen(State(app): State<App>, session: Session, from: LastEventId) -> Result<EventStream> {
    let session = session.required()?;
    let topic = match &from.0 {
        None => app.hub.topic(format!("{session}/server"))?,
        // The id names its stream. It is not a credential: the stream must be one of this session.
        Some(id) => {
            let topic = app.hub.topic_of(id).await?.filter(|topic| topic.name().starts_with(&format!("{session}/")));
            topic.ok_or((StatusCode::BAD_REQUEST, "no stream of this session has this id\n"))?
        }
    };
    follow(&app, &topic, from).await
}

/// Follows a topic up to its JSON-RPC response. Each message goes to one stream, so the earlier stream ends.
async fn follow(app: &App, topic: &Topic, from: LastEventId) -> Result<EventStream> {
    app.handle.close(|stream| stream.label() == Some(topic.name()));
    let subscribe = topic.subscribe(from).until(is_response);
    // Some clients take a block without data for an event, and parse it.
    let stream = subscribe.opening_position(false).await?;
    Ok(stream.label(topic.name()))
}

fn is_response(event: &Event) -> bool {
    let message = event.as_data().and_then(|data| serde_json::from_str::<Value>(data).ok());
    message.is_some_and(|message| message.get("result").is_some() || message.get("error").is_some())
}

fn response(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// Ends the session: its streams end, and its tools stop.
#[route(DELETE, "/mcp")]
async fn end(State(app): State<App>, session: Session) -> Result<StatusCode> {
    let session = session.required()?;
    app.sessions().remove(&session);
    for name in app.hub.topics() {
        if name.starts_with(&format!("{session}/")) {
            app.hub.remove(name).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The `Mcp-Session-Id` of a request whose origin and version are accepted.
struct Session(Option<String>);

type Refused = (StatusCode, &'static str);

impl Session {
    fn required(self) -> Result<String, Refused> {
        self.0.ok_or((StatusCode::BAD_REQUEST, "Mcp-Session-Id is missing\n"))
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if header("origin").is_some_and(|origin| origin != ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "pages of this origin may not connect\n"));
        }
        if header("mcp-protocol-version").is_some_and(|version| version != VERSION) {
            return Err((StatusCode::BAD_REQUEST, "this MCP-Protocol-Version is not supported\n"));
        }
        match header("mcp-session-id") {
            Some(session) if !app.sessions().contains(session) => Err((StatusCode::NOT_FOUND, "no such session\n")),
            session => Ok(Self(session.map(str::to_owned))),
        }
    }
}

impl App {
    fn sessions(&self) -> MutexGuard<'_, HashSet<String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits, because a session's id is a secret. The crate `getrandom` works on all systems.
fn random_id() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The handle is that of the server, `Server::handle`.
pub(crate) fn state(handle: Handle) -> App {
    let hub = Hub::builder().retention(Retention::new().age(Duration::from_mins(10))).memory();
    App { hub, sessions: Arc::default(), handle }
}

pub(crate) fn app(state: App) -> Router {
    Router::new().mount(routes![receive, listen, end]).with_state(state)
}
