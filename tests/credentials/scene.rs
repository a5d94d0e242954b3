//! A server whose streams have credentials of every kind, in every form.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use http::Version;
use support::{Answer, Count, Running, Visitor, within};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use touka::extract::{LastEventId, State};
use touka::server::Handle;
use touka::topic::{HubError, Retention};
use touka::{CloseReason, Event, EventStream, Hub, Router, Server, Topic, route, routes};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Long enough for something to happen before it, short enough to wait for.
pub(crate) const SOON: Duration = Duration::from_millis(700);

/// Long enough for a client to become blocked before it.
pub(crate) const LATER: Duration = Duration::from_millis(1500);

/// The last event of an expired stream, on the wire.
pub(crate) const EXPIRED: &str = "event: expired\ndata: \n\n";

/// How a stream is served: the version, the path, and whether it is parked.
pub(crate) const FORMS: [(Version, &str, bool); 4] = [
    (Version::HTTP_11, "/body", false),
    (Version::HTTP_2, "/body", false),
    (Version::HTTP_11, "/topic", true),
    (Version::HTTP_2, "/topic", false),
];

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) topic: Topic,
    pub(crate) held: Count,
    ends: UnboundedSender<CloseReason>,
    /// Ends the streams that wait for it.
    pub(crate) go: Arc<Notify>,
    /// The result of each check.
    pub(crate) stays: Arc<AtomicBool>,
    pub(crate) asked: Arc<AtomicU32>,
}

/// Panics when it is dropped.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("this drop panics on purpose");
    }
}

impl App {
    /// Gives the stream the credential named by `what`.
    fn set(&self, stream: EventStream, what: &str) -> EventStream {
        let (ends, held) = (self.ends.clone(), self.held.hold());
        let stream = stream.label(what).on_close(move |reason| {
            drop(held);
            let _ = ends.send(reason);
        });
        let every = Duration::from_millis(20);
        match what {
            "past" => stream.close_at(UNIX_EPOCH).retry(Duration::from_secs(3)),
            "soon" => stream.close_at(Instant::now() + SOON).end("done"),
            "later" => stream.close_at(Instant::now() + LATER),
            "clock" => stream.close_at(SystemTime::now() + SOON).expired_event(Event::data("bye").event("gone")),
            "both" => stream.close_at(Instant::now() + SOON).max_lifetime(Duration::from_millis(50)),
            "far" => stream
                .close_at(SystemTime::now() + Duration::from_hours(1_000_000))
                .close_at(None::<SystemTime>)
                .recheck(Duration::MAX, async || false),
            "when" => {
                let (go, held) = (Arc::clone(&self.go), self.held.hold());
                stream.close_when(async move {
                    let _held = held;
                    go.notified().await;
                })
            }
            "asked" => {
                let (stays, asked) = (Arc::clone(&self.stays), Arc::clone(&self.asked));
                stream.recheck(every, move || {
                    let (stays, asked) = (Arc::clone(&stays), Arc::clone(&asked));
                    async move {
                        tokio::task::yield_now().await;
                        asked.fetch_add(1, Ordering::SeqCst);
                        stays.load(Ordering::SeqCst)
                    }
                })
            }
            "panics" => {
                let go = Arc::clone(&self.go);
                stream.close_when(async move {
                    go.notified().await;
                    panic!("this future panics on purpose");
                })
            }
            "question-panics" => {
                stream.recheck(every, || -> std::future::Ready<bool> { panic!("this check panics on purpose") })
            }
            "answer-panics" => stream.recheck(every, async || panic!("this answer panics on purpose")),
            "drop-panics" => [PanicsWhenDropped, PanicsWhenDropped].into_iter().fold(stream, |stream, held| {
                stream.close_when(async move { drop((std::future::pending::<()>().await, held)) })
            }),
            _ => stream,
        }
    }
}

/// A subscription served as a handler's body.
#[route(GET, "/body/{what}")]
async fn body(State(app): State<App>, what: String, from: LastEventId) -> Result<EventStream, HubError> {
    let (mut events, held) = (app.topic.subscribe(from).await?, app.held.hold());
    let stream = EventStream::generate(|out| async move {
        let _held = held;
        while let Some(event) = events.next().await {
            out.emit(event).await;
        }
    });
    Ok(app.set(stream, &what))
}

#[route(GET, "/topic/{what}")]
async fn topic(State(app): State<App>, what: String, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.set(app.topic.subscribe(from).await?, &what))
}

pub(crate) struct Scene {
    pub(crate) address: SocketAddr,
    pub(crate) server: Running,
    pub(crate) handle: Handle,
    pub(crate) app: App,
    pub(crate) ends: UnboundedReceiver<CloseReason>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Server::new()).await
    }

    pub(crate) async fn with(server: Server) -> Self {
        let (tell, ends) = unbounded_channel();
        let app = App {
            topic: Hub::builder()
                .retention(Retention::new().bytes(64 * 1024 * 1024))
                .memory()
                .topic("a")
                .expect("a topic"),
            held: Count::default(),
            ends: tell,
            go: Arc::default(),
            stays: Arc::new(AtomicBool::new(true)),
            asked: Arc::default(),
        };
        let router = Router::new().mount(routes![body, topic]).with_state(app.clone());
        let handle = server.handle();
        let server = Running::serve_with(server, router).await;
        Self { address: server.address, server, handle, app, ends }
    }

    /// A client with a connection of its own, and the stream that it has opened: the server's newest.
    pub(crate) async fn open(&self, form: (Version, &str, bool), what: &str) -> (Visitor, Answer) {
        let (version, path, is_parked) = form;
        let mut visitor = Visitor::connect(self.address, version).await;
        let answer = visitor.stream(&format!("{path}/{what}")).await;
        // On a busy machine the stream may have ended already.
        let streams = self.handle.streams();
        let newest = streams.last().filter(|newest| newest.label() == Some(what));
        assert!(newest.is_none_or(|newest| newest.is_parked() == is_parked), "{newest:?}");
        (visitor, answer)
    }

    pub(crate) async fn publish(&self, event: impl Into<Event>) -> String {
        self.app.topic.publish(event).await.expect("publish").to_string()
    }

    pub(crate) async fn ended(&mut self) -> CloseReason {
        within(PATIENCE, "the end", self.ends.recv()).await.expect("an end")
    }

    /// Waits until everything that streams held is dropped.
    pub(crate) async fn is_empty(&self) {
        support::until(PATIENCE, "all is dropped", || {
            self.app.held.get() == 0 && self.handle.count() == 0 && self.app.topic.subscribers() == 0
        })
        .await;
    }
}
