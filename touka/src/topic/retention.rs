//! [`Retention`], the bounds of a topic's log.

use std::time::Duration;

/// How much of a topic's log is retained, for clients that reconnect and for those that read slowly.
///
/// Each method sets a bound, and the tightest one applies. The newest event is always retained.
///
/// In memory, the retained events are those that the process has in memory. In a file or on a server, they are those that
/// are kept there, and `Cache` bounds the memory.
///
/// ```
/// use std::time::Duration;
/// use touka::Hub;
/// use touka::topic::Retention;
///
/// // The events of the last minute, for clients that reconnect.
/// let hub = Hub::builder().retention(Retention::new().age(Duration::from_secs(60))).memory();
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

    /// Sets the maximum number of events.
    #[must_use]
    pub const fn events(mut self, most: usize) -> Self {
        self.events = most;
        self
    }

    /// Sets the maximum number of bytes, of the events as sent over HTTP/1.1 and of their keys.
    #[must_use]
    pub const fn bytes(mut self, most: usize) -> Self {
        self.bytes = most;
        self
    }

    /// Sets the maximum age of events. It is applied when the topic is used, so old events may be kept a little longer.
    #[must_use]
    pub const fn age(mut self, most: Duration) -> Self {
        self.age = most;
        self
    }

    /// The maximum number of events.
    pub const fn max_events(&self) -> usize {
        self.events
    }

    /// The maximum number of bytes.
    pub const fn max_bytes(&self) -> usize {
        self.bytes
    }

    /// The maximum age of events.
    pub const fn max_age(&self) -> Duration {
        self.age
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}
