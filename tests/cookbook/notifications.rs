use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use touka::extract::{FromRequestParts, LastEventId, State};
use touka::http::header::AUTHORIZATION;
use touka::http::request::Parts;
use touka::response::StatusCode;
use touka::server::Handle;
use touka::{EventStream, Hub, HubError, IntoEvent, Router, Topic, route, routes};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) handle: Handle,
    /// Users by their tokens. Your app verifies a JWT, or asks a database.
    pub(crate) users: Arc<Mutex<HashMap<String, u64>>>,
}

#[derive(IntoEvent)]
pub(crate) enum Notification {
    New { number: u64, text: String },
    Read { number: u64 },
}

impl App {
    /// The topic of a user.
    fn inbox(&self, user: u64) -> Result<Topic<Notification>, HubError> {
        self.hub.topic(format!("users/{user}"))
    }

    /// Notifies a user, in all tabs. To be called from anywhere: a handler, a job, the reader of a queue.
    pub(crate) async fn notify(&self, user: u64, number: u64, text: String) -> Result<(), HubError> {
        self.inbox(user)?.publish(Notification::New { number, text }).await?;
        Ok(())
    }
}

/// The user of a request, from `Authorization: Bearer …`.
struct User(u64);

impl FromRequestParts<App> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        let users = app.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(token).copied().map(Self).ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// The name of the topic comes from the user, and never from the request.
#[route(GET, "/notifications")]
async fn notifications(
    User(user): User,
    State(app): State<App>,
    from: LastEventId,
) -> Result<EventStream<Notification>, HubError> {
    Ok(app.inbox(user)?.subscribe(from).await?.label(format!("user {user}")))
}

/// Marks a notification as read, in the other tabs as well.
#[route(POST, "/notifications/{number}/read")]
async fn read(User(user): User, State(app): State<App>, number: u64) -> Result<StatusCode, HubError> {
    app.inbox(user)?.publish(Notification::Read { number }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the streams of all tabs. The clients come back, with what is then their token.
#[route(POST, "/sign-out")]
async fn sign_out(User(user): User, State(app): State<App>) -> StatusCode {
    app.users.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| *known != user);
    let label = format!("user {user}");
    app.handle.close(|stream| stream.label() == Some(label.as_str()));
    StatusCode::NO_CONTENT
}

/// Removes the account: first its tokens, then the topic with its events. All its streams end.
#[route(DELETE, "/account")]
async fn remove(User(user): User, State(app): State<App>) -> Result<StatusCode, HubError> {
    app.users.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| *known != user);
    app.hub.remove(format!("users/{user}")).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn app(state: App) -> Router {
    Router::new().mount(routes![notifications, read, sign_out, remove]).with_state(state)
}
