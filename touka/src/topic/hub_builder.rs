//! [`HubBuilder`], the settings of a hub that is being created.

use std::time::Duration;

use super::cache::Cache;
#[cfg(feature = "disk")]
use super::disk::Disk;
#[cfg(feature = "nats")]
use super::engine::nats::Nats;
#[cfg(feature = "redis")]
use super::engine::redis::Redis;
use super::engine::{Engine, HubEngine};
#[cfg(any(feature = "disk", feature = "redis", feature = "nats"))]
use super::error::HubError;
use super::hub::Hub;
use super::retention::Retention;
use super::topic_table::HubSettings;

/// A builder for a [`Hub`]. [`Hub::builder`] returns it, and [`memory`](Self::memory), `open`, `redis`, `nats` or
/// [`engine`](Self::engine) creates the hub.
///
/// ```
/// use std::time::Duration;
/// use touka::Hub;
/// use touka::topic::Retention;
///
/// let hub = Hub::builder()
///     .retention(Retention::new().age(Duration::from_secs(600)))
///     .expire_after(Duration::from_secs(3600))
///     .max_topics(10_000)
///     .memory();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it creates a hub"]
pub struct HubBuilder {
    settings: HubSettings,
}

impl HubBuilder {
    /// Sets how much of each topic is retained. The default is [`Retention::new`].
    /// [`Topic::set_retention`](super::Topic::set_retention) sets it for one topic.
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// Sets the time after which a topic that is not in use is evicted from memory. The default is 10 minutes.
    ///
    /// A topic is in use while it has a subscriber or a [`Topic`](super::Topic) handle; in memory the time starts at its
    /// last publish, elsewhere at its last subscriber. In a file or on a server, an evicted topic is read again when it has
    /// a subscriber, and a topic that has handles and no subscriber releases its events. In memory the events of an
    /// evicted topic are lost, so a topic is not evicted while its retention keeps the newest event: a client that
    /// reconnects within the retention misses nothing, and a later one gets a `gap` event.
    ///
    /// Topics are examined when the hub is called and, after the first call within a tokio runtime, by a task of the
    /// hub. A retention that was [set for one topic](super::Topic::set_retention) survives the eviction, for as many
    /// names as [`max_topics`](Self::max_topics) allows topics.
    pub const fn expire_after(mut self, unused: Duration) -> Self {
        self.settings.expiry = unused;
        self
    }

    /// Sets the maximum number of topics in memory. The default is 65,536.
    ///
    /// Names often come from requests, and a client must not be able to exhaust the memory. While all topics are in use,
    /// the hub checks once a second whether one of them can be evicted.
    pub const fn max_topics(mut self, most: usize) -> Self {
        self.settings.max_topics = most;
        self
    }

    /// Sets how much of its topics this process has in memory, if their events are kept in a file, on a server or by an
    /// engine of your own. The default is [`Cache::new`].
    ///
    /// ```
    /// use touka::Hub;
    /// use touka::topic::{Cache, Retention};
    ///
    /// // The file keeps the last million events of each topic. The last 500 are in memory.
    /// let keeps = Retention::new().events(1_000_000).bytes(usize::MAX);
    /// let builder = Hub::builder().retention(keeps).cache(Cache::new().events(500));
    /// # drop(builder);
    /// ```
    pub const fn cache(mut self, cache: Cache) -> Self {
        self.settings.cache = cache;
        self
    }

    /// Creates a hub whose topics are kept in the memory of this process. See [`Hub::memory`].
    #[must_use]
    pub fn memory(self) -> Hub {
        Hub::new(HubEngine::memory(), self.settings)
    }

    /// Creates a hub whose topics are kept by an engine of your own. [`topic::engine`](super::engine) has an example.
    ///
    /// This process has the newest events in memory, within [`cache`](Self::cache). The engine decides which other processes
    /// share its topics.
    #[must_use]
    pub fn engine(self, engine: impl Engine) -> Hub {
        Hub::new(HubEngine::of(engine), self.settings)
    }

    /// Opens a hub whose topics are kept in a file. See [`Hub::open`].
    ///
    /// # Errors
    /// As [`Hub::open`].
    #[cfg(feature = "disk")]
    pub fn open(self, disk: impl Into<Disk>) -> Result<Hub, HubError> {
        Ok(Hub::new(HubEngine::open(disk.into())?, self.settings))
    }

    /// Connects a hub whose topics are kept on a Redis that many processes share. See [`Hub::redis`].
    ///
    /// # Errors
    /// As [`Hub::redis`].
    #[cfg(feature = "redis")]
    pub async fn redis(self, redis: impl Into<Redis>) -> Result<Hub, HubError> {
        Ok(Hub::new(HubEngine::redis(redis.into(), self.settings.cache).await?, self.settings))
    }
}

impl HubBuilder {
    /// Connects a hub whose topics are kept on NATS servers that many processes share. See [`Hub::nats`].
    ///
    /// # Errors
    /// As [`Hub::nats`].
    #[cfg(feature = "nats")]
    pub async fn nats(self, nats: impl Into<Nats>) -> Result<Hub, HubError> {
        let engine = HubEngine::nats(nats.into(), self.settings.cache, self.settings.retention).await?;
        Ok(Hub::new(engine, self.settings))
    }
}

impl Hub {
    /// A builder, for a hub whose settings are not the defaults.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// A hub whose topics are kept in a file and survive the process, with the default settings.
    ///
    /// Clients that reconnect to another process, or to this machine after a restart, continue with their ids.
    ///
    /// The file is created if there is none; its folder must exist. One hub at a time has it open and locked, also while
    /// the disk is full. A publish that was acknowledged is in the file, even if the process is killed, unless
    /// [`Durability`](super::Durability) says otherwise. Subscribers see no event before it is acknowledged.
    ///
    /// The newest events of a topic are read into memory when it has its first subscriber, within
    /// [`Cache`](super::Cache). A client that needs older ones gets them from the file, in pages. A publish reads nothing
    /// into memory.
    ///
    /// Events that exceed the [`Retention`] of their topic leave the file with the next publish. Events that are too old
    /// leave it without a publish, even in topics that are not in use, by the age that the topic's retention had at its
    /// last publish. The newest event stays. Space in the file is reused; [`Disk::compact`](super::Disk::compact) returns
    /// it to the file system.
    ///
    /// Publishes are queued in memory while the disk is busy. A queued publish is dropped with its future, unless it is being
    /// written already. One whose future is not polled any more is published, and delays no other.
    ///
    /// This reads and verifies the whole file on the calling thread: open a hub before you serve. Dropping the last of
    /// the hub's clones and topics blocks until all published events are written. Then the file can be opened again.
    ///
    /// # Errors
    /// The file cannot be created, read or written; it is open already; it is damaged; or it is not a file of this
    /// version of touka. [`HubError::is_storage`] is true for all of them. A file that exists opens on a full disk,
    /// too, for reading.
    ///
    /// When a write fails later, the publishes in it get an error, and none of their events is published. Readers are
    /// not affected: topics are read from the file as before. When the disk can be written again, publishing works
    /// again without a restart. While the file is not at its path, because it was moved, removed or replaced, every
    /// publish is refused. If another hub has opened the file after a failure, which is possible only where the file
    /// system has no locks, publishes are refused for good.
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
        Ok(Self::new(HubEngine::open(disk.into())?, HubSettings::default()))
    }

    /// A hub whose topics are kept on a Redis that any number of processes share, with the default settings. It may be one
    /// server, a primary with replicas that Sentinels watch, or a cluster, each shard of which keeps a part of the topics.
    ///
    /// Clients can reconnect to any of the processes: they continue with their ids, and miss nothing or get a `gap` event
    /// first. Handlers are written as for [`Hub::memory`].
    ///
    /// # Runtime
    /// The connections and tasks of the hub live on the tokio runtime in which this is called, and end with it. Then
    /// [`Hub::is_ready`] is false, and its operations are errors at once, [`HubError::is_unavailable`]. While that runtime runs,
    /// the hub can be used from other runtimes and from threads without one.
    ///
    /// # Errors
    /// The URL is invalid, the server cannot be reached, or is not suitable, or this is called outside of a tokio runtime: the
    /// text says which, and what to do.
    #[cfg(feature = "redis")]
    pub async fn redis(redis: impl Into<super::Redis>) -> Result<Self, HubError> {
        Self::builder().redis(redis).await
    }

    /// A hub whose topics are kept on NATS servers that any number of processes share, with the default settings.
    ///
    /// Clients can reconnect to any of the processes: they continue with their ids, and miss nothing or get a `gap` event
    /// first. Handlers are written as for [`Hub::memory`]. The events are messages of `JetStream`; the hub creates its
    /// streams if they do not exist.
    ///
    /// # Runtime
    /// The connections and tasks of the hub live on the tokio runtime in which this is called, and end with it. Then
    /// [`Hub::is_ready`] is false, and its operations are errors at once, [`HubError::is_unavailable`]. While that runtime runs,
    /// the hub can be used from other runtimes and from threads without one.
    ///
    /// # Errors
    /// The URL is invalid, no server can be reached, or they are not suitable, or this is called outside of a tokio runtime:
    /// the text says which, and what to do.
    #[cfg(feature = "nats")]
    pub async fn nats(nats: impl Into<super::Nats>) -> Result<Self, HubError> {
        Self::builder().nats(nats).await
    }
}
