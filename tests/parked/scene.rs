//! A server whose topic is followed, in one form or the other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http_body::Frame;
use support::{Client, Count, Running, within};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::{LastEventId, State};
use touka::server::{Handle, Park};
use touka::topic::{HubError, OnLag, Retention};
use touka::{CloseReason, Event, EventStream, Hub, Router, Server, Topic, route, routes};

use crate::chosen_end;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Long enough that a slow machine does not cut off a client that reads, short enough to wait for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) tested: Arc<AtomicUsize>,
    pub(crate) held: Count,
    pub(crate) ends: UnboundedSender<CloseReason>,
    stop: Arc<Notify>,
}

impl axum_core::extract::FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

impl App {
    pub(crate) fn reported(&self, stream: EventStream) -> EventStream {
        let (ends, held) = (self.ends.clone(), self.held.hold());
        stream.on_close(move |reason| {
            drop(held);
            let _ = ends.send(reason);
        })
    }

    pub(crate) async fn follow(&self, from: LastEventId) -> Result<EventStream, HubError> {
        Ok(self.reported(self.hub.topic("a")?.subscribe(from).await?))
    }
}

#[route(GET, "/a")]
async fn a(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.follow(from).await
}

#[route(GET, "/spoken")]
async fn spoken(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.follow(from).await?.retry(Duration::from_secs(3)).keep_alive(Duration::from_millis(100)))
}

async fn without_a_position(app: &App, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.reported(app.hub.topic("a")?.subscribe(from).opening_position(false).await?);
    Ok(stream.keep_alive(Duration::from_millis(100)))
}

#[route(GET, "/bare")]
async fn bare(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    without_a_position(&app, from).await
}

#[route(GET, "/blocks")]
async fn blocks(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(without_a_position(&app, from).await?.whole_blocks())
}

#[route(GET, "/short")]
async fn short(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.follow(from).await?.max_lifetime(Duration::from_millis(50)))
}

#[route(GET, "/skips/{topic}")]
async fn skips(State(app): State<App>, topic: String, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.reported(app.hub.topic(topic)?.subscribe(from).on_lag(OnLag::Skip).await?))
}

/// A subscription that ends as [`crate::chosen_end`] describes.
#[route(GET, "/chosen")]
async fn chosen(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let test = chosen_end::test(&app);
    Ok(app.reported(app.hub.topic("a")?.subscribe(from).earliest().until(test).await?).end("over"))
}

/// A subscription in a body of the handler's own, whose `Drop` panics.
#[route(GET, "/panics")]
async fn panics(State(app): State<App>, from: LastEventId) -> Result<Response, HubError> {
    Ok(app.follow(from).await?.into_response().map(|body| Body::new(PanicsWhenDropped(body))))
}

struct PanicsWhenDropped(Body);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a drop that panics");
    }
}

impl http_body::Body for PanicsWhenDropped {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// A subscription of another topic.
#[route(GET, "/b")]
async fn b(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.reported(app.hub.topic("b")?.subscribe(from).await?))
}

/// A feed that fails when the test says so.
#[route(GET, "/fed")]
async fn fed(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stop = app.stop.clone();
    let fed = app.hub.topic("a")?.fed_by(|_| async move {
        stop.notified().await;
        Err(http::StatusCode::BAD_GATEWAY)
    });
    Ok(app.reported(fed.subscribe(from).await?))
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "plain"
}

pub(crate) struct Scene {
    pub(crate) server: Running,
    pub(crate) handle: Handle,
    pub(crate) hub: Hub,
    pub(crate) topic: Topic,
    pub(crate) tested: Arc<AtomicUsize>,
    pub(crate) held: Count,
    pub(crate) ends: UnboundedReceiver<CloseReason>,
    pub(crate) stop: Arc<Notify>,
    pub(crate) park: Park,
}

impl Scene {
    pub(crate) async fn with(park: Park, retention: Retention, set: impl FnOnce(Server) -> Server) -> Self {
        let (ends_tell, ends) = unbounded_channel();
        let hub = Hub::builder().retention(retention).memory();
        let held = Count::default();
        let tested = Arc::default();
        let stop = Arc::new(Notify::new());
        let app = App {
            hub: hub.clone(),
            tested: Arc::clone(&tested),
            held: held.clone(),
            ends: ends_tell,
            stop: Arc::clone(&stop),
        };
        let routes = routes![a, b, chosen, spoken, bare, blocks, short, skips, panics, fed, plain];
        let router = Router::new().mount(routes).with_state(app);
        let server = set(Server::new().park(park).write_timeout(WRITE_TIMEOUT));
        let handle = server.handle();
        let server = Running::serve_with(server, router).await;
        let topic = hub.topic("a").expect("a topic");
        Self { server, handle, hub, topic, tested, held, ends, stop, park }
    }

    pub(crate) async fn new(park: Park) -> Self {
        Self::with(park, Retention::new(), |server| server).await
    }

    /// A client whose stream is open, in the form under test.
    pub(crate) async fn client(&self, path: &str) -> Client {
        let client = Client::stream(self.server.address, path).await;
        self.is_in_form();
        client
    }

    pub(crate) fn is_in_form(&self) {
        let streams = self.handle.streams();
        let newest = streams.last().expect("a stream");
        assert_eq!(newest.is_parked(), self.park != Park::Never, "{newest:?}");
    }

    pub(crate) async fn ended(&mut self) -> CloseReason {
        within(PATIENCE, "the end", self.ends.recv()).await.expect("an end")
    }

    pub(crate) async fn publish(&self, event: impl Into<Event>) -> String {
        self.topic.publish(event).await.expect("publish").to_string()
    }
}

pub(crate) const FORMS: [Park; 2] = [Park::Auto, Park::Never];
