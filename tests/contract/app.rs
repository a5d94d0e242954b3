//! A router with every kind of route, whose contract the tests look at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use touka::extract::{FromRequestParts, Json, LastEventId, Query, State};
use touka::http::StatusCode;
use touka::http::request::Parts;
use touka::openapi::{DescribeRequest, DescribeResponse, Operation};
use touka::response::{Html, IntoResponse, Redirect, Response};
use touka::{Event, EventStream, EventWriter, Hub, IntoEvent, Router, contract, route, routes, sse_handler};

use crate::awkward;

/// A message of a room.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// The name of its author.
    author: String,
    text: String,
    /// Without it, the message answers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(default)]
    mood: Mood,
}

/// The mood of a message.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mood {
    #[default]
    Neutral,
    InGoodSpirits,
}

/// The name of this type is one that TypeScript has a meaning for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Response2 {
    ok: bool,
}

/// The events of a room.
#[derive(IntoEvent)]
#[serde(rename_all_fields = "camelCase")]
pub(crate) enum RoomEvent {
    /// Somebody has written.
    Message(Message),
    /// Somebody has come.
    Joined {
        #[event(id)]
        seq: u64,
        /// Her name.
        user_name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        invited_by: Option<String>,
        #[serde(serialize_with = "as_hex")]
        color: u32,
    },
    /// A line of the log.
    #[event(data = "text")]
    Log(String),
    Closed,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_hex<S: serde::Serializer>(color: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("#{color:06x}"))
}

/// A generic event.
#[derive(IntoEvent)]
#[event(name = "changed")]
pub(crate) struct Changed<T>
where
    T: Serialize + Send + 'static,
{
    old: Option<T>,
    new: T,
}

/// An error of the app.
#[derive(Debug)]
pub(crate) struct Refusal;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        StatusCode::FORBIDDEN.into_response()
    }
}

impl DescribeResponse for Refusal {}

/// The user of the session.
#[derive(Debug)]
pub(crate) struct User;

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Ok(Self)
    }
}

impl DescribeRequest for User {}

/// The tenant of the request.
#[derive(Debug)]
pub(crate) struct Tenant;

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Ok(Self)
    }
}

impl DescribeRequest for Tenant {
    fn describe(operation: &mut Operation<'_>) {
        operation.header::<Option<String>>("X-Tenant");
    }
}

/// The routes of rooms.
mod rooms {
    use touka::{HubError, IntoEvent};

    use super::*;

    /// Follows a room.
    ///
    /// The stream begins with the *next* message, or after the client's last one.
    #[route(GET, "/rooms/{room}?{mood}&{tag}")]
    pub(super) async fn listen(
        State(hub): State<Hub>,
        _user: User,
        room: String,
        mood: Option<Mood2>,
        tag: Vec<String>,
        from: LastEventId,
    ) -> Result<EventStream<RoomEvent>, HubError> {
        let _ = (mood, tag);
        hub.topic(room)?.subscribe(from).await
    }

    /// Publishes a message in a room.
    #[route(POST, "/rooms/{room}")]
    pub(super) async fn say(
        State(hub): State<Hub>,
        room: String,
        Json(message): Json<Message>,
    ) -> Result<Json<Message>, HubError> {
        hub.topic::<RoomEvent>(room)?.publish(RoomEvent::Message(message)).await?;
        Ok(Json(Message { author: String::new(), text: String::new(), reply_to: None, mood: Mood::Neutral }))
    }

    /// A mood as clients write it in a query.
    #[derive(Debug, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum Mood2 {
        Neutral,
    }

    impl std::str::FromStr for Mood2 {
        type Err = &'static str;

        fn from_str(_: &str) -> Result<Self, Self::Err> {
            Ok(Self::Neutral)
        }
    }

    #[derive(IntoEvent)]
    pub(super) enum Never {}

    /// A stream without events.
    #[route(GET, "/rooms/silent")]
    pub(super) async fn silent() -> EventStream<Never> {
        EventStream::generate(|_| async {})
    }
}

/// The order of a list.
#[derive(Debug, Deserialize, JsonSchema)]
struct Order {
    /// The number of the page, from 0.
    page: u32,
    #[serde(default)]
    descending: bool,
}

/// Lists rooms.
#[route(GET, "/rooms")]
async fn list(Query(order): Query<Order>, _tenant: Tenant) -> Json<Vec<String>> {
    let _ = (order.page, order.descending);
    Json(Vec::new())
}

/// Counts.
#[sse_handler(end = "done")]
#[route(GET, "/numbers")]
async fn numbers() -> EventStream<Changed<u64>> {
    emit!(Changed { old: None, new: 1 });
}

/// Counts when called.
#[route(GET, "/calls")]
#[sse_handler(callback)]
async fn calls(out: &mut EventWriter<RoomEvent>) -> bool {
    out.write(RoomEvent::Closed).await;
    false
}

/// Events of any kind.
#[sse_handler]
#[route(GET, "/anything")]
async fn anything() {
    emit!(Event::data("x"));
}

/// Answers a question, with or without viewers.
#[sse_handler(detached = "answers/{id}")]
#[route(POST, "/answers/{id}")]
async fn ask(id: u64, question: String) -> Result<EventStream<RoomEvent>, Refusal> {
    let _ = id;
    emit!(RoomEvent::Joined { seq: 1, user_name: question, invited_by: None, color: 3 });
    emit!(RoomEvent::Log(String::new()));
}

/// Watches an answer.
#[route(GET, "/answers/{id}")]
async fn watch(
    State(hub): State<Hub>,
    id: u64,
    from: LastEventId,
) -> Result<EventStream<RoomEvent>, touka::run::RunError> {
    hub.run(format!("answers/{id}"))?.follow(from).await
}

/// Stops an answer.
#[route(POST, "/answers/{id}/stop")]
async fn stop(State(hub): State<Hub>, id: u64) -> Result<StatusCode, touka::run::RunError> {
    hub.run(format!("answers/{id}"))?.stop().await
}

/// A page.
#[route(GET, "/pages/{*rest}")]
async fn page(rest: String) -> Html<String> {
    Html(rest)
}

#[route(PUT, "/pages/{*rest}")]
async fn upload(rest: String, body: bytes::Bytes) -> (StatusCode, Json<Response2>) {
    let _ = (rest, body);
    (StatusCode::CREATED, Json(Response2 { ok: true }))
}

#[route(DELETE, "/pages/{*rest}")]
async fn remove(rest: String) {
    let _ = rest;
}

/// A page that has moved.
#[route(GET, "/old")]
#[deprecated = "it has moved"]
async fn old() -> Redirect {
    Redirect::to("/")
}

/// An answer whose type has no name.
#[route(GET, "/opaque")]
async fn opaque() -> impl IntoResponse {
    "x"
}

/// For every method: it is not in the document.
#[route(ANY, "/echo")]
async fn echo() -> &'static str {
    "x"
}

#[route(GET, "/hidden")]
async fn hidden() -> &'static str {
    "x"
}

/// The router of the app.
pub(crate) fn router() -> Router {
    let users: Router<Hub> = Router::new().nest("/users/{user}", contract![page]);
    let all = contract![
        rooms::listen,
        rooms::say,
        rooms::silent,
        list,
        numbers,
        calls,
        anything,
        ask,
        watch,
        stop,
        page,
        upload,
        remove,
        old,
        opaque,
        echo,
    ];
    Router::new().mount(all).mount(routes![hidden]).merge(users).merge(awkward::router()).with_state(Hub::memory())
}
