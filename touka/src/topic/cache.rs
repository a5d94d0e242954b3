//! [`Cache`], the bounds of the events that a process has in memory while an engine keeps them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::retention::Retention;

/// How much of its topics a process has in memory, if their events are kept in a file or on a server.
///
/// [`Retention`] is what the file or the server keeps. A client that needs older events than its process has in memory
/// gets them from there, in pages. The newest event of a topic that is read stays in memory. A topic that is published to
/// and not read takes none.
///
/// ```
/// use touka::Hub;
/// use touka::topic::Cache;
///
/// let builder = Hub::builder().cache(Cache::new().events(200).total_bytes(64 * 1024 * 1024));
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    pub(super) events: usize,
    pub(super) bytes: usize,
    total: u64,
}

impl Cache {
    /// The defaults: 1,000 events and 1 MiB of each topic, and 256 MiB of all topics.
    pub const fn new() -> Self {
        Self { events: 1000, bytes: 1024 * 1024, total: 256 * 1024 * 1024 }
    }

    /// Sets the maximum number of events of one topic.
    #[must_use]
    pub const fn events(mut self, most: usize) -> Self {
        self.events = most;
        self
    }

    /// Sets the maximum number of bytes of one topic, counted as in [`Retention::bytes`].
    #[must_use]
    pub const fn bytes(mut self, most: usize) -> Self {
        self.bytes = most;
        self
    }

    /// Sets the maximum number of bytes of all topics. While they have more, each of them has an equal part of it.
    #[must_use]
    pub const fn total_bytes(mut self, most: u64) -> Self {
        self.total = most;
        self
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

/// The caches of a hub: one per topic, each of them bounded, and all of them together.
#[derive(Debug)]
pub(super) struct Caches {
    bounds: Cache,
    used: AtomicU64,
    /// The number of topics that have events in memory.
    filled: AtomicUsize,
}

impl Caches {
    pub(super) const fn new(bounds: Cache) -> Self {
        Self { bounds, used: AtomicU64::new(0), filled: AtomicUsize::new(0) }
    }
}

/// One topic's share of the caches, and its number of bytes. Dropping it frees the bytes.
#[derive(Debug)]
pub(super) struct CacheShare {
    caches: Arc<Caches>,
    bytes: u64,
}

impl CacheShare {
    pub(super) const fn new(caches: Arc<Caches>) -> Self {
        Self { caches, bytes: 0 }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.set(self.bytes.saturating_add(bytes));
    }

    pub(super) fn remove(&mut self, bytes: u64) {
        self.set(self.bytes.saturating_sub(bytes));
    }

    /// Sets the number of bytes.
    pub(super) fn set(&mut self, bytes: u64) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // The counters wrap around in both directions, so differences of either sign can be added.
        self.caches.used.fetch_add(bytes.wrapping_sub(before), Relaxed);
        match (before, bytes) {
            (0, 1..) => drop(self.caches.filled.fetch_add(1, Relaxed)),
            (1.., 0) => drop(self.caches.filled.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }

    /// The bounds of the topic's events in memory: never more than the retention.
    ///
    /// While all caches together exceed their bound, each topic has an equal part of it.
    pub(super) fn within(&self, retention: Retention) -> Retention {
        let Caches { bounds: Cache { events, bytes, total }, used, filled } = &*self.caches;
        let part = if used.load(Relaxed) > *total { total / filled.load(Relaxed).max(1) as u64 } else { u64::MAX };
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        Retention {
            events: retention.events.min(*events),
            bytes: retention.bytes.min(*bytes).min(part),
            age: retention.age,
        }
    }
}

impl Drop for CacheShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_share_the_bound_of_all_caches_when_it_is_exceeded() {
        let caches = Arc::new(Caches::new(Cache::new().events(100).bytes(1000).total_bytes(1500)));
        let mut shares: Vec<_> = (0..3).map(|_| CacheShare::new(Arc::clone(&caches))).collect();
        let bytes = |share: &CacheShare| share.within(Retention::new()).bytes;
        shares[0].add(1000);
        shares[1].add(500);
        assert_eq!((bytes(&shares[0]), shares[0].within(Retention::new()).events), (1000, 100));
        assert_eq!(shares[0].within(Retention::new().events(7).bytes(9)), Retention::new().events(7).bytes(9));
        shares[2].add(1);
        assert_eq!(bytes(&shares[0]), 500);
        shares[0].remove(600);
        assert_eq!(bytes(&shares[0]), 1000);
        drop(shares);
        assert_eq!((caches.used.load(Relaxed), caches.filled.load(Relaxed)), (0, 0));
    }
}
