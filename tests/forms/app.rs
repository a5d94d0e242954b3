//! The service under test: bodies of handlers, or subscriptions of a topic.

use std::sync::Arc;

use axum_core::extract::Request;
use support::Count;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;
use touka::extract::State;
use touka::topic::HubError;
use touka::{CloseReason, Event, EventStream, Hub, Router, Topic, route, routes};

/// The route of all streams.
pub(crate) const ROUTE: &str = "/stream/{name}";

/// The topic that subscriptions follow.
pub(crate) const TOPIC: &str = "a";

/// The name of a stream that can be [ended](Say::End).
pub(crate) const ENDS: &str = "ends";

/// The name of a stream whose code can be [made to panic](Say::Panic).
pub(crate) const PANICS: &str = "panics";

/// A command to the code of open streams.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// Bodies emit this event.
    Event(Event),
    /// The code of streams named [`ENDS`] ends.
    End,
    /// The code of streams named [`PANICS`] panics.
    Panic,
}

/// Options that a test sets on its streams.
pub(crate) type Tune = Arc<dyn Fn(EventStream) -> EventStream + Send + Sync>;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) hub: Hub,
    /// Whether streams are subscriptions.
    pub(crate) follows_a_topic: bool,
    /// Held by each stream until it is dropped.
    pub(crate) held: Count,
    pub(crate) says: broadcast::WeakSender<Say>,
    pub(crate) ends: UnboundedSender<CloseReason>,
    pub(crate) tune: Tune,
}

impl App {
    async fn stream(&self, name: &str) -> Result<EventStream, HubError> {
        let stream = if self.follows_a_topic { self.follow(name).await? } else { self.body(name) };
        let ends = self.ends.clone();
        let stream = stream.on_close(move |reason| {
            tracing::info!("on_close");
            let _ = ends.send(reason);
        });
        Ok((self.tune)(stream))
    }

    fn body(&self, name: &str) -> EventStream {
        let (held, mut says, name) = (self.held.hold(), self.listen(), name.to_owned());
        EventStream::generate(|out| async move {
            let _held = held;
            while let Ok(say) = says.recv().await {
                match say {
                    Say::Event(event) => {
                        out.emit(event).await;
                    }
                    Say::End if name == ENDS => break,
                    Say::Panic if name == PANICS => panic!("this body panics on purpose"),
                    Say::End | Say::Panic => {}
                }
            }
        })
    }

    /// A subscription has no body. The code that can end it feeds its topic; the code that can panic for one
    /// client is the future of its `close_when`.
    async fn follow(&self, name: &str) -> Result<EventStream, HubError> {
        let held = self.held.hold();
        let mut says = self.listen();
        let topic: Topic = self.hub.topic(TOPIC)?;
        let stream = match name {
            ENDS => {
                topic
                    .fed_by(|_| async move { receive(&mut says, |say| matches!(say, Say::End)).await })
                    .subscribe(None)
                    .await?
            }
            PANICS => topic.subscribe(None).await?.close_when(async move {
                receive(&mut says, |say| matches!(say, Say::Panic)).await;
                panic!("this credential panics on purpose");
            }),
            _ => topic.subscribe(None).await?,
        };
        Ok(stream.on_close(move |_| drop(held)))
    }

    fn listen(&self) -> broadcast::Receiver<Say> {
        self.says.upgrade().expect("the scene is alive").subscribe()
    }
}

/// Waits for a matching command.
async fn receive(says: &mut broadcast::Receiver<Say>, wanted: impl Fn(&Say) -> bool) {
    while let Ok(say) = says.recv().await {
        if wanted(&say) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[route(GET, "/stream/{name}")]
async fn get(State(app): State<App>, name: String) -> Result<EventStream, HubError> {
    app.stream(&name).await
}

/// Leaves the body of its request unread.
#[route(POST, "/stream/{name}")]
async fn post(State(app): State<App>, name: String, _request: Request) -> Result<EventStream, HubError> {
    app.stream(&name).await
}

pub(crate) fn router(app: App) -> Router {
    Router::new().mount(routes![get, post]).with_state(app)
}
