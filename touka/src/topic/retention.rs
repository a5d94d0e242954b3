//! [`Retention`], how much of a topic is remembered.

use std::time::Duration;

/// How much of a topic's log is kept: for clients that come back, and for those that read slowly.
///
/// Each is a bound, and the tightest counts. The newest event is always kept.
///
/// ```
/// use std::time::Duration;
/// use touka::Hub;
/// use touka::topic::Retention;
///
/// // A minute of it, for clients that reconnect.
/// let hub = Hub::memory().retention(Retention::new().age(Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) age: Duration,
}

impl Retention {
    /// The defaults: 10,000 events, 4 MiB, one hour.
    pub const fn new() -> Self {
        Self { events: 10_000, bytes: 4 * 1024 * 1024, age: Duration::from_hours(1) }
    }

    /// At most so many events.
    #[must_use]
    pub const fn events(mut self, most: usize) -> Self {
        self.events = most;
        self
    }

    /// At most this many bytes: of events as they go over the wire of HTTP/1.1, and of their keys.
    #[must_use]
    pub const fn bytes(mut self, most: usize) -> Self {
        self.bytes = most;
        self
    }

    /// None that is older than this. Looked at when the topic is used, so what is old may take
    /// memory a little longer.
    #[must_use]
    pub const fn age(mut self, most: Duration) -> Self {
        self.age = most;
        self
    }

    /// Something may be kept by this that is not kept by the other.
    #[cfg(feature = "disk")]
    pub(super) fn keeps_more_than(&self, other: Self) -> bool {
        self.events > other.events || self.bytes > other.bytes || self.age > other.age
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}
