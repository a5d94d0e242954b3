//! [`HubBuilder`], the settings of a hub that is being created.

use std::time::Duration;

#[cfg(feature = "disk")]
use super::disk::Disk;
use super::engine::Engine;
#[cfg(feature = "disk")]
use super::error::HubError;
use super::hub::Hub;
use super::retention::Retention;
use super::topic_table::HubSettings;

/// A builder for a [`Hub`]. [`Hub::builder`] returns it, and [`memory`](Self::memory) or `open` creates the hub.
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
    /// A topic is in use while it has a subscriber or a [`Topic`](super::Topic) handle; the time starts at its last
    /// publish. On disk an evicted topic is loaded again when it is used. In memory its events are lost, so a topic is
    /// not evicted while its retention keeps the newest event: a client that reconnects within the retention misses
    /// nothing, and a later one gets a `gap` event.
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

    /// Creates a hub whose topics are kept in the memory of this process. See [`Hub::memory`].
    #[must_use]
    pub fn memory(self) -> Hub {
        Hub::new(Engine::memory(), self.settings)
    }

    /// Opens a hub whose topics are kept in a file. See [`Hub::open`].
    ///
    /// # Errors
    /// As [`Hub::open`].
    #[cfg(feature = "disk")]
    pub fn open(self, disk: impl Into<Disk>) -> Result<Hub, HubError> {
        Ok(Hub::new(Engine::open(disk.into())?, self.settings))
    }
}

impl Hub {
    /// A builder, for a hub whose settings are not the defaults.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }
}
