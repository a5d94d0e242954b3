//! [`Hub`], the topics of an app.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::engine::HubEngine;
use super::error::HubError;
use super::merged_position::MAX_TOPICS;
use super::names::RESERVED;
use super::position::Position;
use super::retention::Retention;
use super::shared_log::SharedLog;
use super::snapshot_id::named_position;
use super::subscribe::Subscribe;
use super::topic::Topic;
use super::topic_table::{HubSettings, Swept, TopicTable};
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::sync::{Mutex, MutexGuard};

/// The topics of an app, by name. Clones share their topics and settings: give one to the router as state.
///
/// ```
/// use touka::extract::State;
/// use touka::{Event, Hub, HubError, Router, route, routes};
///
/// /// Publishes the text to all clients in the room.
/// #[route(POST, "/rooms/{room}")]
/// async fn say(State(hub): State<Hub>, room: String, text: String) -> Result<String, HubError> {
///     let id = hub.topic::<Event>(&room)?.publish(text).await?;
///     Ok(id.to_string())
/// }
///
/// let app: Router = Router::new().mount(routes![say]).with_state(Hub::memory());
/// ```
#[derive(Clone)]
pub struct Hub(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) engine: Arc<HubEngine>,
    pub(super) table: Arc<Mutex<TopicTable>>,
    /// The state of a later stage: that of runs.
    pub(super) extension: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, TopicTable> {
        self.table.lock()
    }
}

impl Hub {
    /// A hub whose topics are kept in the memory of this process, with the default settings.
    pub fn memory() -> Self {
        Self::new(HubEngine::memory(), HubSettings::default())
    }

    pub(super) fn new(engine: Arc<HubEngine>, settings: HubSettings) -> Self {
        let table = TopicTable::new(engine.kind(), Arc::clone(engine.epochs()), settings);
        Self(Arc::new(Inner { engine, table: Arc::new(Mutex::new(table)), extension: OnceLock::new() }))
    }

    /// Sets how much is retained of each topic that is created or loaded from now on. Topics that are in memory keep
    /// their retention; [`Topic::set_retention`] sets it for one of them.
    pub fn set_retention(&self, retention: Retention) {
        self.lock().set_retention(retention);
    }

    /// Sets the time after which a topic that is not in use is evicted from memory:
    /// [`HubBuilder::expire_after`](super::HubBuilder::expire_after).
    pub fn set_expire_after(&self, unused: Duration) {
        self.lock().set_expiry(unused);
    }

    /// Sets the maximum number of topics in memory: [`HubBuilder::max_topics`](super::HubBuilder::max_topics). Topics
    /// beyond a lower number stay until they are evicted.
    pub fn set_max_topics(&self, most: usize) {
        self.lock().set_max_topics(most);
    }

    /// The topic with this name, which is created if there is none. It takes little memory until an event is published.
    ///
    /// A topic has one type of values: the first one that it is asked for with, other than [`Event`]. As a
    /// `Topic<Event>`, every topic can be published to and read.
    ///
    /// # Errors
    /// The name is empty or longer than 255 bytes ([`HubError::is_name`]); the topic has another type of values
    /// ([`HubError::is_type`]); or there are too many topics, all of them in use ([`HubError::is_too_many_topics`]).
    pub fn topic<T: 'static>(&self, name: impl AsRef<str>) -> Result<Topic<T>, HubError> {
        self.handle(self.log(name.as_ref())?)
    }

    /// The topic with this name, if it exists. Unlike [`Hub::topic`], this never creates one.
    ///
    /// A topic exists while it is in memory: from the first call of [`Hub::topic`] until it is evicted or removed. On
    /// disk it also exists while the file has events of it.
    ///
    /// # Errors
    /// The topic has another type of values ([`HubError::is_type`]). On disk: the file cannot be read, or there are too
    /// many topics in memory, all of them in use.
    ///
    /// ```
    /// use axum_core::response::{IntoResponse, Response};
    /// use http::StatusCode;
    /// use touka::extract::{LastEventId, State};
    /// use touka::{Event, Hub, HubError, route};
    ///
    /// /// Follows a job. Clients cannot create topics with names of their choice.
    /// #[route(GET, "/jobs/{job}")]
    /// async fn job(State(hub): State<Hub>, job: String, from: LastEventId) -> Result<Response, HubError> {
    ///     match hub.get::<Event>(job).await? {
    ///         Some(topic) => Ok(topic.subscribe(from).await?.into_response()),
    ///         None => Ok(StatusCode::NOT_FOUND.into_response()),
    ///     }
    /// }
    /// ```
    pub async fn get<T: 'static>(&self, name: impl AsRef<str>) -> Result<Option<Topic<T>>, HubError> {
        let name = name.as_ref();
        if name.starts_with(RESERVED) {
            return Ok(None);
        }
        // In a statement of its own, so that the lock is released before the await.
        let known = self.lock().get(name);
        let log = match known {
            Some(log) => log,
            None if self.0.engine.has(name).await? => self.log(name)?,
            None => return Ok(None),
        };
        self.handle(log).map(Some)
    }

    /// The topic that an event id belongs to, for protocols whose clients resume with an id alone.
    ///
    /// `None` for any other text, for an id of several topics, and for an id of a topic that does not exist any more. A
    /// topic that was removed and created anew is another topic: its earlier ids belong to none.
    ///
    /// An id is not a credential: check [`Topic::name`] before a client may read the topic.
    ///
    /// # Errors
    /// On disk: the file cannot be read, or there are too many topics in memory, all of them in use. No id is an error.
    ///
    /// ```
    /// use touka::{Event, EventId, Hub, HubError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), HubError> {
    /// let hub = Hub::memory();
    /// let id = hub.topic::<Event>("sessions/7")?.publish("hello").await?;
    /// assert_eq!(hub.topic_of(&id).await?.unwrap().name(), "sessions/7");
    /// assert!(hub.topic_of(&EventId::new("of another server").unwrap()).await?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn topic_of(&self, id: &EventId) -> Result<Option<Topic>, HubError> {
        let Some(Position { epoch, .. }) = named_position(id) else { return Ok(None) };
        let found = self.lock().with_epoch(epoch);
        let known = found.filter(|(_, is_known)| *is_known);
        let log = match known {
            Some((log, _)) if log.name().starts_with(RESERVED) => return Ok(None),
            Some((log, _)) => log,
            None => match self.0.engine.name_of(epoch).await? {
                Some(name) if !name.starts_with(RESERVED) => self.log(&name)?,
                _ => return Ok(None),
            },
        };
        self.handle(log).map(Some)
    }

    /// Removes a topic with all its events. Returns whether it existed, as [`Hub::get`] defines it.
    ///
    /// The streams of its subscribers end after the events that were published before, as
    /// [`Completed`](crate::CloseReason::Completed): a removed topic is a log that has come to its end. A stream of
    /// several topics continues with the others. The body of [`Topic::fed_by`] is dropped. [`Topic`] handles stay valid,
    /// but publishing to them is an error, [`HubError::is_removed`], and a new stream of them ends at once.
    ///
    /// The removal begins after the publishes of this hub that are in flight, and later ones wait for it: once this is ready, no
    /// handle from before creates the topic anew. On a server that processes share, the others hear of it a moment later,
    /// and only while the topic has subscribers there. A publish of a process that has not heard of it creates the topic
    /// anew, as one with [`Hub::topic`] does; so may a publish whose outcome is [unknown](HubError::is_unknown), if the server
    /// gets it late.
    ///
    /// A browser reconnects after the end of its stream. If the handler calls [`Hub::topic`], that creates an empty
    /// topic with new ids, and the client gets a `gap` event with the reason `foreign`. If it calls [`Hub::get`], it can
    /// answer 204, which makes an `EventSource` stop. The retention of the removed topic and its type are forgotten.
    ///
    /// # Errors
    /// On disk: the file cannot be written. Then the topic is as before, except that events may be gone if the disk has
    /// failed in the middle. On a server: it cannot be reached ([`HubError::is_unavailable`]). Then the topic may be removed or
    /// not.
    ///
    /// # Cancellation
    /// If this future is dropped before it is ready, the topic may be removed or not.
    pub async fn remove(&self, name: impl AsRef<str>) -> Result<bool, HubError> {
        let name = name.as_ref();
        if name.starts_with(RESERVED) {
            return Ok(false);
        }
        let known = self.lock().get(name);
        if known.is_none() && !self.0.engine.has(name).await? {
            self.lock().forget_retention(name);
            return Ok(false);
        }
        let mut swept = Swept::default();
        let log = self.lock().topic_to_remove(name, &mut swept);
        drop(swept);
        self.0.engine.remove(&log).await?;
        self.lock().forget(&log);
        Ok(true)
    }

    /// Subscribes to several topics on one stream, so that a page needs one connection for all that it shows. A browser
    /// has at most six connections to a server over HTTP/1.1.
    ///
    /// One id names the positions in all of them, in the order in which they are listed here. Events of one topic keep
    /// their order; between topics there is none. Give events names, so that the page can tell them apart.
    ///
    /// Such a stream is never parked. It does not start a body of [`Topic::fed_by`], but gets the events of one that
    /// another subscriber has started.
    ///
    /// # Errors
    /// As [`Hub::topic`]; also if no topic is given, or more than ten.
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::{EventStream, Hub, HubError, route};
    ///
    /// #[route(GET, "/page/{user}")]
    /// async fn page(State(hub): State<Hub>, user: String, from: LastEventId) -> Result<EventStream, HubError> {
    ///     hub.subscribe(["news", "prices", &format!("inbox/{user}")], from)?.await
    /// }
    /// ```
    pub fn subscribe<N: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = N>,
        from: impl Into<Option<EventId>>,
    ) -> Result<Subscribe<Event>, HubError> {
        let mut logs: Vec<Arc<SharedLog>> = Vec::new();
        for name in topics {
            let log = self.log(name.as_ref())?;
            if !logs.iter().any(|known| Arc::ptr_eq(known, &log)) {
                logs.push(log);
            }
            if logs.len() > MAX_TOPICS {
                return Err(HubError::too_many_merged(MAX_TOPICS));
            }
        }
        if logs.is_empty() {
            return Err(HubError::too_many_merged(MAX_TOPICS));
        }
        Ok(Subscribe::new(Arc::clone(&self.0.engine), logs, from.into(), None))
    }

    /// Whether events that other processes publish arrive here, for a health check. Always true in memory and on disk.
    ///
    /// On a server that processes share, it is false while there is no connection to it, and while this process does not
    /// hear what it publishes itself: after a failover, a process may listen to a server that no process publishes to, with
    /// all connections intact. Streams stay open meanwhile and catch up later. A load balancer that asks for
    /// [`Handle::is_ready`](crate::server::Handle::is_ready) sends new clients elsewhere.
    ///
    /// ```
    /// use touka::{Hub, Server};
    ///
    /// let (hub, server) = (Hub::memory(), Server::new());
    /// let (handle, topics) = (server.handle(), hub.clone());
    /// handle.set_ready_check(move || topics.is_ready());
    /// assert!(handle.is_ready());
    /// ```
    pub fn is_ready(&self) -> bool {
        self.0.engine.is_ready()
    }

    /// The names of the topics in the memory of this process, sorted.
    pub fn topics(&self) -> Vec<String> {
        let mut names = self.lock().names();
        names.retain(|name| !name.starts_with(RESERVED));
        names.sort_unstable();
        names
    }

    /// Ends all streams of the hub's topics with [`CloseReason::Shutdown`], each with a random reconnection time.
    ///
    /// A server other than touka's waits at its shutdown for streams that never end: call this when the shutdown begins.
    /// touka's own [`Server`](crate::Server) ends streams by itself.
    ///
    /// Each stream ends after the events that were published before. A stream that is opened later gets the events up to
    /// the call that its client has not seen, and ends in the same way: an error status would keep a browser from
    /// reconnecting to the next process. The bodies of [`Topic::fed_by`] are dropped, and none is started. Publishing
    /// continues to work, for requests that are still being handled. A closed hub cannot be reopened.
    ///
    /// ```no_run
    /// # async fn run(app: axum::Router, listener: tokio::net::TcpListener, hub: touka::Hub) -> std::io::Result<()> {
    /// let shutdown = async move {
    ///     tokio::signal::ctrl_c().await.expect("a signal handler");
    ///     hub.close();
    /// };
    /// axum::serve(listener, app).with_graceful_shutdown(shutdown).await
    /// # }
    /// ```
    pub fn close(&self) {
        let logs = self.lock().close();
        for log in logs {
            log.close(CloseReason::Shutdown);
        }
    }

    fn handle<T: 'static>(&self, log: Arc<SharedLog>) -> Result<Topic<T>, HubError> {
        log.bind_type::<T>()?;
        Ok(Topic::new(Arc::clone(&self.0.engine), log))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, TopicTable> {
        self.0.lock()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::memory()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("engine", &self.0.engine).field("topics", &self.lock().len()).finish()
    }
}
