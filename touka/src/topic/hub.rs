//! [`Hub`], the topics of an app.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::engine::Engine;
use super::error::HubError;
use super::janitor;
use super::places::MOST_TOPICS;
use super::retention::Retention;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use super::table::{Swept, Table, lock};
use super::topic::Topic;
use crate::event::{Event, EventId};

/// A name goes into keys of storage engines, and often comes from a request's path.
const MOST_NAME: usize = 255;

/// The topics of an app, by name. Clones are the same hub: give one to the router as state.
///
/// ```
/// use touka::extract::State;
/// use touka::topic::HubError;
/// use touka::{Event, Hub, Router, route, routes};
///
/// // Whoever may post here, publishes to everybody in the room.
/// #[route(POST, "/rooms/{room}")]
/// async fn say(State(hub): State<Hub>, room: String, text: String) -> Result<String, HubError> {
///     let id = hub.topic::<Event>(&room)?.publish(text).await?;
///     Ok(id.to_string())
/// }
///
/// let app: Router = Router::new().mount(routes![say]).with_state(Hub::memory());
/// ```
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    engine: Engine,
    table: Arc<Mutex<Table>>,
}

impl Hub {
    /// A hub whose topics are kept in this process's memory, and gone with it.
    pub fn memory() -> Self {
        Self::on(Engine::Memory)
    }

    /// A hub whose topics are kept in a file, and survive the process: clients that come back to
    /// another process, or to this machine when it has started again, go on with their ids.
    ///
    /// The file is made if there is none; its folder must be there. One hub at a time has it open, and
    /// locked: also while the disk is full. A publish that was acknowledged is in the file, even if
    /// the process is killed, unless [`Durability`](super::Durability) says otherwise; subscribers see
    /// nothing that is not.
    ///
    /// Each topic is read into memory when it is first used. Events that leave it by its [`Retention`]
    /// leave the file with the next publish; events that are too old leave it without one, also in
    /// topics that nobody uses, by the age that the topic's retention had at its last publish. The
    /// newest event stays. Space in the file is used again; [`Disk::compact`](super::Disk::compact)
    /// gives it back to the file system.
    ///
    /// Publishes wait in memory for the disk, up to 32 MiB of them. Those beyond that wait in their
    /// callers' hands. A publish whose caller has left is dropped, unless it is being written already.
    ///
    /// All of the file is read here, to see that it is whole, on the calling thread: open it
    /// before you serve. When the last of the hub's clones and topics is dropped, that waits until
    /// what was published is written; then the file can be opened again.
    ///
    /// # Errors
    /// The file cannot be made, read or written; it is open already; it is damaged; it is none of
    /// touka's, or of another version's. [`HubError::is_storage`] is true of them all. A file that
    /// exists opens on a full disk, too, for those who read.
    ///
    /// When a write fails later, those who publish get an error, and nothing of theirs is
    /// published. Readers notice nothing: topics are read from the file as before. When the disk can
    /// be written again, so can the hub: nothing needs to be restarted. While the file is not at its
    /// path, because it was moved away, removed or replaced, every publish is refused. It is refused
    /// for good if another hub has opened the file after a failure, which is possible only where the
    /// file system has no locks.
    ///
    /// ```no_run
    /// use touka::{Hub, Router};
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let hub = Hub::open("events.touka")?;
    ///     Router::new().with_state(hub).serve("127.0.0.1:3000").await?;
    ///     Ok(())
    /// }
    /// ```
    #[cfg(feature = "disk")]
    pub fn open(disk: impl Into<super::Disk>) -> Result<Self, HubError> {
        Ok(Self::on(Engine::Disk(Arc::new(super::engine::DiskEngine::open(disk.into())?))))
    }

    fn on(engine: Engine) -> Self {
        let table = Table::new(engine.is_lasting());
        Self(Arc::new(Inner { engine, table: Arc::new(Mutex::new(table)) }))
    }

    /// Sets how much is kept of each topic that is made from now on; [`Retention::new`] has the
    /// defaults.
    #[must_use]
    pub fn retention(self, retention: Retention) -> Self {
        self.lock().set_retention(retention);
        self
    }

    /// Sets after how long a topic is forgotten that nobody uses: that has no subscriber and no
    /// [`Topic`] handle, and to which nothing was published; 10 minutes by default. In memory it is
    /// kept for as long as its newest event would be, too: who comes back within the retention misses
    /// nothing. A client that comes back later is told of a gap. On disk a topic is read again.
    ///
    /// Topics are looked at when the hub is called and, from the first call within a tokio runtime on,
    /// by a task of the hub's. A retention that was [set for one topic](Topic::retention) is
    /// remembered when the topic is forgotten, for as many names as [`Hub::max_topics`] allows topics.
    #[must_use]
    pub fn expire_after(self, unused: Duration) -> Self {
        self.lock().set_expiry(unused);
        self
    }

    /// Sets how many topics there are at most, 65,536 by default. Names often come from requests,
    /// and whoever sends one must not fill the memory. Where all are in use it is looked once a second
    /// whether one of them is not any more.
    #[must_use]
    pub fn max_topics(self, most: usize) -> Self {
        self.lock().set_most(most);
        self
    }

    /// The topic of that name, which is made if there is none. It costs nothing until something is
    /// published.
    ///
    /// # Errors
    /// The name is empty or longer than 255 bytes, or there are too many topics, all of them in use.
    ///
    /// A topic has one type of values: the first that it was asked for with, other than
    /// [`Event`]. With another type the answer is [`HubError::is_type`]. With `Event`, every topic can
    /// be published to and read.
    pub fn topic<T: 'static>(&self, name: impl AsRef<str>) -> Result<Topic<T>, HubError> {
        let log = self.log(name.as_ref())?;
        log.takes::<T>()?;
        Ok(Topic::new(self.0.engine.clone(), log))
    }

    /// Ends all streams of the hub's topics, with [`CloseReason::Shutdown`](crate::CloseReason::Shutdown)
    /// and a time to reconnect after that differs from client to client.
    ///
    /// A server other than touka's waits at its shutdown for streams that never end: call this when
    /// the shutdown begins. touka's own [`Server`](crate::Server) ends streams by itself, so that it
    /// needs no call.
    ///
    /// Each stream ends after what was published before. A stream that is opened later gets what was
    /// published up to the call, from its client's place on, and ends at once in the same way: an error
    /// would keep a browser from coming back to the next process. The bodies of
    /// [`Topic::fed_by`] are dropped, and none is started. Publishing goes on: what a request that is
    /// still under way publishes is kept. A hub that was closed stays closed.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use tokio::sync::Notify;
    /// use touka::Hub;
    ///
    /// # async fn run(app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// let hub = Hub::memory();
    /// let stop = Arc::new(Notify::new());
    /// let shutdown = {
    ///     let (hub, stop) = (hub.clone(), stop.clone());
    ///     async move {
    ///         stop.notified().await;
    ///         hub.close();
    ///     }
    /// };
    /// axum::serve(listener, app).with_graceful_shutdown(shutdown).await
    /// # }
    /// ```
    pub fn close(&self) {
        let logs = self.lock().close();
        for log in logs {
            log.close();
        }
    }

    /// Follows several topics on one stream: a page needs one connection for all it shows. A
    /// browser has no more than six to a server over HTTP/1.1.
    ///
    /// One id names the places in all of them, in the order in which they are listed here. Events
    /// of one topic come in their order; between topics there is none. Give events names, so that
    /// the page can tell them apart.
    ///
    /// Such a stream is never parked, and starts no body of [`Topic::fed_by`]: it gets what a topic
    /// is fed while somebody else follows that.
    ///
    /// # Errors
    /// As [`Hub::topic`]; also when there is no topic, or more than ten.
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::topic::HubError;
    /// use touka::{EventStream, Hub, route};
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
            if logs.len() > MOST_TOPICS {
                return Err(HubError::too_many_merged(MOST_TOPICS));
            }
        }
        if logs.is_empty() {
            return Err(HubError::too_many_merged(MOST_TOPICS));
        }
        Ok(Subscribe::new(self.0.engine.clone(), logs, from.into(), None))
    }

    /// The topics that this process has in memory, by name.
    pub fn topics(&self) -> Vec<String> {
        let mut names = self.lock().names();
        names.sort_unstable();
        names
    }

    fn log(&self, name: &str) -> Result<Arc<SharedLog>, HubError> {
        if name.is_empty() {
            return Err(HubError::name(name, "a name has at least one character"));
        }
        if name.len() > MOST_NAME {
            return Err(HubError::name(name, "a name has at most 255 bytes"));
        }
        let mut swept = Swept::default();
        let mut table = self.lock();
        // Before the sweep, so that it finds this topic in use.
        let log = table.topic(name, &mut swept);
        swept.add(table.sweep(Instant::now()));
        drop(table);
        swept.finish();
        janitor::start(&self.0.table);
        log
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.0.table)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("engine", &self.0.engine).field("topics", &self.lock().len()).finish()
    }
}
