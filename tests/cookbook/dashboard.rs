use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use touka::extract::{FromRequestParts, LastEventId, State};
use touka::http::header::{ACCEPT, COOKIE, SET_COOKIE};
use touka::http::request::Parts;
use touka::response::{HeaderMap, Html, IntoResponse, Redirect, Response, StatusCode};
use touka::topic::OnLag;
use touka::{Event, EventStream, Hub, HubError, IntoEvent, Router, Topic, route, routes};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) sessions: Sessions,
}

/// The session of a request.
#[derive(Clone)]
struct Session {
    cookie: String,
    user: String,
    expires: SystemTime,
    is_open: watch::Receiver<()>,
}

impl Session {
    /// Ready when the session has been ended: its sender has been dropped.
    async fn ended(mut self) {
        while self.is_open.changed().await.is_ok() {}
    }
}

/// The sessions of this process, by the value of their cookie. Your app has a store of its own.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, OpenSession>>>);

/// A session, and the sender that is dropped with it.
type OpenSession = (Session, watch::Sender<()>);

impl Sessions {
    /// Begins a session. The cookie's value is a secret: 128 random bits from a cryptographic source.
    pub(crate) fn begin(&self, cookie: &str, user: &str, expires: SystemTime) {
        let (sender, is_open) = watch::channel(());
        let session = Session { cookie: cookie.to_owned(), user: user.to_owned(), expires, is_open };
        self.lock().insert(cookie.to_owned(), (session, sender));
    }

    fn end(&self, cookie: &str) {
        self.lock().remove(cookie);
    }

    fn find(&self, cookie: &str) -> Option<Session> {
        let session = self.lock().get(cookie)?.0.clone();
        (session.expires > SystemTime::now()).then_some(session)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, OpenSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let session = cookie(&parts.headers, "session").and_then(|cookie| app.sessions.find(cookie));
        session.ok_or_else(|| no_session(&parts.headers))
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(known, value)| (known == name).then_some(value))
}

/// The response to a request without a session.
fn no_session(headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/event-stream") {
        // The page of an `EventSource` sees neither a status nor a redirect, but it sees an event.
        let event = Event::data("").event("signed-out").retry(Duration::from_hours(1));
        EventStream::<Event>::once(event).into_response()
    } else if accept.contains("text/html") {
        Redirect::to("/sign-in").into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

#[route(GET, "/")]
async fn page(session: Session) -> Html<String> {
    let user = session.user.replace('&', "&amp;").replace('<', "&lt;");
    Html(format!("<p>Hello, {user}</p><script>/* the code below */</script>"))
}

#[derive(IntoEvent)]
enum Gauge {
    Load(f64),
    Visitors(u32),
}

/// The newest value of each gauge, and then each change. One task measures for all clients.
#[route(GET, "/gauges")]
async fn gauges(session: Session, State(app): State<App>, from: LastEventId) -> Result<EventStream<Gauge>, HubError> {
    let topic = app.hub.topic("gauges")?.fed_by(measure);
    let stream = topic.subscribe(from).earliest().on_lag(OnLag::Latest).await?;
    Ok(stream.close_at(session.expires).close_when(session.ended()))
}

async fn measure(topic: Topic<Gauge>) -> Result<(), HubError> {
    for visitors in 0.. {
        topic.publish_keyed("load", Gauge::Load(0.7)).await?;
        topic.publish_keyed("visitors", Gauge::Visitors(visitors)).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Ends the session, and with it the streams of all its tabs.
#[route(POST, "/sign-out")]
async fn sign_out(session: Session, State(app): State<App>) -> impl IntoResponse {
    app.sessions.end(&session.cookie);
    (StatusCode::NO_CONTENT, [(SET_COOKIE, "session=; Max-Age=0; Path=/")])
}

pub(crate) fn app(state: App) -> Router {
    Router::new().mount(routes![page, gauges, sign_out]).with_state(state)
}
