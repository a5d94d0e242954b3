//! [`Topic`], what is published to and followed.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use axum_core::response::IntoResponse;

use super::encoded::Draft;
use super::engine::Engine;
use super::error::HubError;
use super::feed::{Fed, Feed};
use super::retention::Retention;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use crate::event::{Event, EventId, IntoEvent};

/// The longest key of a keyed event, in bytes. Keys are kept with their events.
const MOST_KEY: usize = 256;

/// A log of events that any number of clients follow: [`Hub::topic`](crate::Hub::topic) gives it.
///
/// A published event is encoded once, for all subscribers and for those that come back later. A
/// subscriber is a place in the log, and nothing else: one that is slow costs no memory and makes
/// nobody wait.
///
/// `Topic` without a type takes anything that is `Into<Event>`; a `Topic<T>` takes values of one
/// [`IntoEvent`] type, and a name has one such type. The log keeps what goes over the wire.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::topic::HubError;
/// use touka::{EventStream, Hub, IntoEvent, Router, Topic, route, routes};
///
/// #[derive(IntoEvent)]
/// enum Price {
///     Tick { symbol: String, cents: u64 },
/// }
///
/// #[route(GET, "/prices")]
/// async fn prices(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream<Price>, HubError> {
///     hub.topic("prices")?.subscribe(from).await
/// }
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::memory();
/// let topic: Topic<Price> = hub.topic("prices")?;
/// tokio::spawn(async move { topic.publish(Price::Tick { symbol: "ACME".into(), cents: 1200 }).await });
/// Router::new().mount(routes![prices]).with_state(hub).serve("127.0.0.1:3000").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Ids
/// The id of an event is its place: `1.<epoch>.<offset>.<tag>`, to be taken as a whole. An id that
/// an event has of its own is left out; put it into the data. A subscriber is told its place when
/// its stream opens, so that it can come back to it even if nothing comes before it is cut off.
///
/// Whoever comes back with an id misses nothing and gets nothing twice, or is told first that it
/// cannot be so, by an event:
///
/// ```text
/// id: 1.k3fZq9Ab.2017.7hQx2c
/// event: gap
/// data: {"reason":"trimmed","from":"1.k3fZq9Ab.3.hV01Zd","resumed_at":"1.k3fZq9Ab.2017.7hQx2c"}
/// ```
///
/// [`GapReason`](super::GapReason) has the reasons. No id leads to an error status: that would
/// make a browser give up for ever.
pub struct Topic<T = Event> {
    engine: Engine,
    log: Arc<SharedLog>,
    // It takes events in and owns none, so it is `Send` and `Sync` whatever they are.
    takes: PhantomData<fn(T)>,
}

impl<T> Topic<T> {
    pub(super) const fn new(engine: Engine, log: Arc<SharedLog>) -> Self {
        Self { engine, log, takes: PhantomData }
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.log.name()
    }

    /// How many streams follow it now, in this process.
    pub fn subscribers(&self) -> usize {
        self.log.lock().subscribers
    }

    /// Sets how much of this topic is kept, in place of what its hub has for all. The topic's name
    /// keeps it when the topic is forgotten: see [`Hub::expire_after`](crate::Hub::expire_after).
    #[must_use]
    pub fn retention(self, retention: Retention) -> Self {
        self.log.lock().set_retention(retention);
        self
    }

    /// Follows the topic from an id on: that of the last event that the client has seen. Without
    /// one, from now on. A [`LastEventId`](crate::extract::LastEventId) is what a client sends.
    ///
    /// Await what is returned, or say first what is wished beyond that. The stream is a response
    /// like every other [`EventStream`](crate::EventStream), with the same options. Read as a
    /// `Stream` in this process, a `Topic` without a type gives its events, with positions and gaps
    /// among them. One with a type gives values, if the type
    /// [can be read](IntoEvent::from_event); if not, the stream ends as
    /// [`Failed`](crate::CloseReason::Failed), and the log says what to do.
    ///
    /// In a response that nothing has wrapped, over HTTP/1.1 in cleartext by touka's own
    /// [`Server`](crate::Server), a subscription needs no task: see
    /// [`Server::park`](crate::Server::park).
    pub fn subscribe(&self, from: impl Into<Option<EventId>>) -> Subscribe<T> {
        Subscribe::new(self.engine.clone(), vec![Arc::clone(&self.log)], from.into(), None)
    }
}

impl<T: IntoEvent> Topic<T> {
    /// Publishes an event, and gives it its id. When this is ready the event is kept, as the hub
    /// keeps events, and every subscriber gets it that is not too slow.
    ///
    /// Events of one topic have one order, which is the same for everybody.
    ///
    /// # Errors
    /// The event cannot be encoded, or what keeps the log failed. Nothing was published.
    ///
    /// # Cancellation
    /// Dropped before it is ready, the event may be published or not. On disk it is not published if
    /// it was not being written yet.
    pub async fn publish(
        &self,
        event: impl Into<T>, // a topic without a type needs one: `hub.topic::<Event>("name")?`
    ) -> Result<EventId, HubError> {
        let draft = Draft::of(event.into())?;
        Ok(self.engine.publish(&self.log, draft, None).await?.to_id())
    }

    /// Publishes an event that says anew what an earlier one with the same key has said: where a
    /// cursor is, what a thing costs. Subscribers that are slow, and follow with
    /// [`OnLag::Latest`](super::OnLag::Latest), get the newest of each key only.
    ///
    /// A key has at most 256 bytes. It is kept with its event, and counts in the bytes of the
    /// [`Retention`]; it is not sent to clients.
    ///
    /// # Errors
    /// As [`Topic::publish`]; also when the key is too long.
    ///
    /// # Cancellation
    /// As [`Topic::publish`].
    pub async fn publish_keyed(&self, key: &str, event: impl Into<T>) -> Result<EventId, HubError> {
        if key.len() > MOST_KEY {
            return Err(HubError::key(key.len(), MOST_KEY));
        }
        let draft = Draft::of(event.into())?;
        Ok(self.engine.publish(&self.log, draft, Some(key)).await?.to_id())
    }
}

impl<T: Send + 'static> Topic<T> {
    /// Lets one body publish for all subscribers: a database or another server is asked once, not
    /// once for each client.
    ///
    /// The body is started by the first subscriber, and dropped at the await where it stands 5 s
    /// after the last one has left. While it runs, the bodies of other calls are dropped unused.
    /// When it ends, the streams of all who follow the topic then end as if it had been theirs, after
    /// what was published before; whoever comes after that starts a body again. When the runtime that
    /// the body runs on ends, they end with [`CloseReason::Shutdown`](crate::CloseReason::Shutdown).
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::extract::{LastEventId, State};
    /// use touka::topic::HubError;
    /// use touka::{EventStream, Hub, route};
    ///
    /// async fn ask_the_database() -> String {
    ///     "42 orders".to_owned()
    /// }
    ///
    /// #[route(GET, "/orders")]
    /// async fn orders(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    ///     let topic = hub.topic("orders")?.fed_by(|topic| async move {
    ///         while topic.publish(ask_the_database().await).await.is_ok() {
    ///             tokio::time::sleep(Duration::from_secs(1)).await;
    ///         }
    ///     });
    ///     topic.subscribe(from).await
    /// }
    /// ```
    pub fn fed_by<B, O>(&self, body: impl FnOnce(Self) -> B + Send + 'static) -> Fed<T>
    where
        B: Future<Output = O> + Send + 'static,
        O: FeedResult,
    {
        let feed = Feed::new(|topic| {
            let body = body(topic);
            async move { body.await.into_result() }
        });
        Fed { engine: self.engine.clone(), log: Arc::clone(&self.log), feed }
    }
}

/// What the body of a feed comes to: nothing, a `Result<(), E>` whose error is a response, or no end
/// at all. The error's status is what subscribers are told of it, as with any handler that fails.
#[diagnostic::on_unimplemented(
    message = "the body of `fed_by` cannot end with `{Self}`",
    label = "expected nothing, or a `Result<(), E>` whose error is a response",
    note = "to use `?`, end the body with `Ok::<(), E>(())`, where `E` is axum's `IntoResponse`, such as `HubError`"
)]
pub trait FeedResult: Send + 'static {
    /// The error's type.
    type Error: IntoResponse;

    /// The same as a `Result`.
    ///
    /// # Errors
    /// The body's.
    fn into_result(self) -> Result<(), Self::Error>;
}

impl FeedResult for () {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: IntoResponse + Send + 'static> FeedResult for Result<(), E> {
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// A body that loops for ever has the type `!`, which cannot be written yet but as the result of a
/// function.
impl FeedResult for <fn() -> ! as Returns>::Output {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        self
    }
}

/// What a function returns.
pub trait Returns {
    /// Its type.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self::new(self.engine.clone(), Arc::clone(&self.log))
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.name())
            .field("subscribers", &self.subscribers())
            .finish_non_exhaustive()
    }
}
