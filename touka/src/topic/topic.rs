//! [`Topic`], a handle to publish to a topic and to subscribe to it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::encoded::Draft;
use super::engine::HubEngine;
use super::error::HubError;
use super::event_keys::EventKeys;
use super::fed::Fed;
use super::feed_body::FeedBody;
use super::feed_result::FeedResult;
use super::retention::Retention;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use crate::event::{Event, EventId, IntoEvent};

/// The maximum length of the key of an event, in bytes.
const MAX_KEY: usize = 256;

/// A log of events that any number of clients follow. [`Hub::topic`](crate::Hub::topic) returns it.
///
/// A published event is encoded once, for all subscribers and for those that reconnect later. A subscriber is a position
/// in the log and nothing else: a slow one takes no memory for what it has yet to read, and delays no other.
///
/// `Topic` without a type takes everything that is `Into<Event>`. A `Topic<T>` takes values of one [`IntoEvent`] type,
/// and each name has one such type. The log contains the events as they are sent.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::{EventStream, Hub, HubError, IntoEvent, Router, Topic, route, routes};
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
/// The id of an event is its position: `1.<epoch>.<offset>.<tag>`, which is opaque to users. An id that an event has
/// already is replaced; put it into the data. A stream opens with the subscriber's position, so that a client that is cut
/// off before its first event can resume.
///
/// A client that reconnects with an id misses nothing and gets nothing twice. Where that is not possible, it first gets
/// an event:
///
/// ```text
/// id: 1.k3fZq9Ab.2017.7hQx2c
/// event: gap
/// data: {"reason":"trimmed","from":"1.k3fZq9Ab.3.hV01Zd","resumed_at":"1.k3fZq9Ab.2017.7hQx2c"}
/// ```
///
/// [`GapReason`](super::GapReason) lists the reasons. No id leads to an error status, which would make a browser give up
/// for good.
pub struct Topic<T = Event> {
    engine: Arc<HubEngine>,
    log: Arc<SharedLog>,
    // A topic takes values and owns none, so it is `Send` and `Sync` whatever they are.
    takes: PhantomData<fn(T)>,
}

impl<T> Topic<T> {
    pub(super) const fn new(engine: Arc<HubEngine>, log: Arc<SharedLog>) -> Self {
        Self { engine, log, takes: PhantomData }
    }

    /// The name of the topic.
    pub fn name(&self) -> &str {
        self.log.name()
    }

    /// The number of streams in this process that follow the topic.
    pub fn subscribers(&self) -> usize {
        self.log.lock().subscribers
    }

    /// Sets how much of this topic is retained, instead of its hub's retention. All handles of the topic share it, and it
    /// survives an eviction: see [`HubBuilder::expire_after`](super::HubBuilder::expire_after).
    pub fn set_retention(&self, retention: Retention) {
        self.log.lock().set_retention(retention);
    }

    /// Subscribes to the topic, from the id of the last event that the client has seen, or from now on if there is none.
    /// A [`LastEventId`](crate::extract::LastEventId) extracts it from a request.
    ///
    /// Set options on the returned value, and await it. The stream is a response like every other
    /// [`EventStream`](crate::EventStream), with the same options. It can also be read as a `Stream` in this process.
    /// Then a `Topic` without a type yields its events, including positions and gaps. One with a type yields values, if
    /// the type [can be read](IntoEvent::from_event); if not, the stream ends as
    /// [`Failed`](crate::CloseReason::Failed), and the log names the remedy.
    ///
    /// In a response whose body is not wrapped, over HTTP/1.1 in cleartext by touka's own [`Server`](crate::Server), a
    /// subscription needs no task: see [`Server::park`](crate::Server::park).
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use touka::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), touka::HubError> {
    /// let news = Hub::memory().topic::<Event>("news")?;
    /// let first = news.publish("one").await?;
    /// let second = news.publish("two").await?;
    /// // A client that has seen the first event. The stream opens with its position.
    /// let events: Vec<Event> = news.subscribe(first.clone()).await?.take(2).collect().await;
    /// assert_eq!(events, [Event::new().id(first), Event::data("two").id(second)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&self, from: impl Into<Option<EventId>>) -> Subscribe<T> {
        Subscribe::new(Arc::clone(&self.engine), vec![Arc::clone(&self.log)], from.into(), None)
    }
}

impl<T: IntoEvent> Topic<T> {
    /// Publishes an event and returns its id. When this is ready, the event is stored as the hub stores events, and every
    /// subscriber that is not too slow gets it.
    ///
    /// Events of one topic have one order, which is the same for all subscribers. Await a publish before the next one if
    /// their order matters: those that run at the same time may end up in any.
    ///
    /// ```
    /// use touka::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), touka::HubError> {
    /// let news = Hub::memory().topic::<Event>("news")?;
    /// let id = news.publish(Event::data("touka 0.1 is out").event("release")).await?;
    /// println!("published as {id}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The event cannot be encoded, or has more than 16 MiB ([`HubError::is_event`]); the topic was removed
    /// ([`HubError::is_removed`]); or the file or the server of the hub cannot be used ([`HubError::is_unavailable`]). The
    /// event is not published. If the server may have it or not, [`HubError::is_unknown`] is true, and
    /// [`publish_once`](Self::publish_once) is safe to repeat.
    ///
    /// # Cancellation
    /// If this future is dropped before it is ready, the event may be published or not. On disk it is not published if
    /// it was not being written yet.
    pub async fn publish(
        &self,
        event: impl Into<T>, // a topic without a type needs one: `hub.topic::<Event>("name")?`
    ) -> Result<EventId, HubError> {
        let draft = Draft::of(event.into())?;
        Ok(self.engine.publish(&self.log, draft, EventKeys::default()).await?.to_id())
    }

    /// Publishes an event unless one with this idempotency key was published in the last 10 minutes. Then nothing is
    /// published, and the id is that of the earlier event. In memory and in a file, a key counts only while its event is
    /// retained.
    ///
    /// A publish whose outcome is not known can be repeated so: its future was dropped, its caller has lost the answer, or
    /// an engine on another machine has not answered. The keys of a topic are its own. A key has at most 256 bytes, is
    /// stored with its event and counts in the bytes of the [`Retention`]. It is not sent to clients.
    ///
    /// ```
    /// use touka::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), touka::HubError> {
    /// let orders = Hub::memory().topic::<Event>("orders")?;
    /// let id = orders.publish_once("order-17/paid", "paid").await?;
    /// assert_eq!(orders.publish_once("order-17/paid", "paid").await?, id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Topic::publish`]; also if the key is too long ([`HubError::is_key`]).
    ///
    /// # Cancellation
    /// As [`Topic::publish`].
    pub async fn publish_once(&self, idempotency_key: &str, event: impl Into<T>) -> Result<EventId, HubError> {
        check_key(idempotency_key)?;
        let draft = Draft::of(event.into())?;
        let keys = EventKeys { key: None, once: Some(idempotency_key) };
        Ok(self.engine.publish(&self.log, draft, keys).await?.to_id())
    }

    /// Publishes an event that supersedes earlier events with the same key, such as the position of a cursor or a price.
    /// Slow subscribers with [`OnLag::Latest`](super::OnLag::Latest) get only the newest event of each key.
    ///
    /// A key has at most 256 bytes. It is stored with its event and counts in the bytes of the [`Retention`]. It is not
    /// sent to clients.
    ///
    /// ```
    /// use touka::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), touka::HubError> {
    /// let prices = Hub::memory().topic::<Event>("prices")?;
    /// prices.publish_keyed("tea", "120").await?;
    /// prices.publish_keyed("tea", "125").await?; // supersedes 120
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Topic::publish`]; also if the key is too long ([`HubError::is_key`]).
    ///
    /// # Cancellation
    /// As [`Topic::publish`].
    pub async fn publish_keyed(&self, key: &str, event: impl Into<T>) -> Result<EventId, HubError> {
        check_key(key)?;
        let draft = Draft::of(event.into())?;
        Ok(self.engine.publish(&self.log, draft, EventKeys { key: Some(key), once: None }).await?.to_id())
    }
}

impl<T: IntoEvent> Topic<T> {
    /// Publishes the last event of the topic, of any type, and closes the topic in one step. Returns the id of the event.
    ///
    /// Subscribers get the event, and their streams end as [`Completed`](crate::CloseReason::Completed). A later client gets
    /// the events that it has not seen, this one included, and its stream ends; a client without an id gets this one, or all
    /// with [`earliest`](Subscribe::earliest). A client that comes back with the id of the last event gets 204, which makes an
    /// `EventSource` stop. A stream of several topics continues with the others.
    ///
    /// A closed topic stays as long as its hub keeps events, and takes none: publishing is an error
    /// ([`HubError::is_closed`]). To use the name again, [remove](crate::Hub::remove) the topic.
    ///
    /// On NATS, an event that another process publishes while it does not know yet that the topic is closed counts as
    /// published there, and no client gets it.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use touka::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), touka::HubError> {
    /// let job = Hub::memory().topic::<Event>("jobs/7")?;
    /// let start = job.publish("50 %").await?;
    /// job.close(Event::data("100 %").event("done")).await?;
    /// assert!(job.publish("again").await.unwrap_err().is_closed());
    ///
    /// // A client that has seen the first event. The stream opens with its position, and ends.
    /// let events: Vec<Event> = job.subscribe(start).await?.collect().await;
    /// assert!(events[1].as_event().is_some_and(|name| name == "done"));
    /// assert_eq!(events.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Topic::publish`]; also if the topic is closed already. Of several calls at the same time, one succeeds.
    ///
    /// # Cancellation
    /// As [`Topic::publish`].
    pub async fn close(&self, event: impl IntoEvent) -> Result<EventId, HubError> {
        let draft = Draft::last(event)?;
        Ok(self.engine.publish(&self.log, draft, EventKeys::default()).await?.to_id())
    }

    /// Whether this process knows that the topic is closed. If the topic is not kept in memory, that takes a subscriber here
    /// lately.
    pub fn is_closed(&self) -> bool {
        self.log.is_active() && self.log.lock().log.is_complete()
    }
}

fn check_key(key: &str) -> Result<(), HubError> {
    if key.len() > MAX_KEY { Err(HubError::key(key.len(), MAX_KEY)) } else { Ok(()) }
}

impl<T: Send + 'static> Topic<T> {
    /// Runs one body that publishes for all subscribers, so that a database or another server is queried once and not
    /// once per client.
    ///
    /// The first subscriber starts the body. It is dropped at its current await 5 s after the last subscriber has left.
    /// While it runs, the bodies of other calls are dropped unused. When it ends, so do the streams of the present
    /// subscribers, after the events that were published before, and with the same reason and last event as the stream
    /// of a handler with this body. A later subscriber starts a body again. When the runtime of the body shuts down, the
    /// streams end with [`CloseReason::Shutdown`](crate::CloseReason::Shutdown).
    ///
    /// On a server that processes share, one of them runs a body at a time. A process that could not reach the server for
    /// 10 s, or was suspended, loses that right to another process, and its body is dropped. When it gets the right again,
    /// because the other process has died, it runs the body of a later call; one is kept for that. If there is none, the
    /// streams of its subscribers end with [`CloseReason::Shutdown`](crate::CloseReason::Shutdown), so that their clients
    /// reconnect and start a body. An event that the first body was publishing when it lost the right may come after events
    /// of the next one. A process that has no subscriber left when it gets the right starts no body.
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::extract::{LastEventId, State};
    /// use touka::{EventStream, Hub, HubError, route};
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
        let topic = self.clone();
        Fed::new(Arc::clone(&self.engine), Arc::clone(&self.log), FeedBody::new(|| body(topic)))
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.engine), Arc::clone(&self.log))
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
