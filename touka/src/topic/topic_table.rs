//! [`TopicTable`], the topics of a hub by name, and their eviction.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::cache::{Cache, CacheShare, Caches};
use super::engine::EngineKind;
use super::epoch_index::EpochIndex;
use super::error::HubError;
use super::position::Epoch;
use super::retention::Retention;
use super::shared_log::{LogState, SharedLog};
use crate::error::CloseReason;

/// The topics of a hub.
///
/// A sweep examines each topic once, a bounded number per turn, and evicts those that are not in use. It starts when it
/// is due, at the next call of the hub or by the [janitor](super::janitor).
pub(super) struct TopicTable {
    /// The place where the events of evicted topics are kept.
    kind: EngineKind,
    topics: HashMap<Arc<str>, Arc<SharedLog>>,
    /// The names of all topics, in the order in which sweeps examine them. Those of removed topics are skipped.
    queue: VecDeque<Arc<str>>,
    /// The number of names of the queue that the current sweep has yet to examine.
    left: usize,
    /// The retentions that were set for single topics that are evicted now.
    retentions: HashMap<Arc<str>, Retention>,
    settings: HubSettings,
    /// The caches of topics, if an engine keeps the events.
    caches: Option<Arc<Caches>>,
    epochs: Arc<EpochIndex>,
    closed: bool,
    has_janitor: bool,
    /// Dropped with the table.
    lifetime: watch::Sender<()>,
    sweep_at: Instant,
    /// The earliest time at which a topic expires, of those that the current sweep has examined.
    soonest: Option<Instant>,
    /// The earliest time of the next search for a vacancy.
    vacancy_at: Instant,
    /// The number of topics that were examined for a vacancy since one was found.
    in_vain: usize,
}

/// The settings of a hub.
#[derive(Clone, Debug)]
pub(super) struct HubSettings {
    pub(super) retention: Retention,
    pub(super) expiry: Duration,
    pub(super) max_topics: usize,
    pub(super) cache: Cache,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { retention: Retention::new(), expiry: Duration::from_mins(10), max_topics: 65_536, cache: Cache::new() }
    }
}

/// The number of topics that a sweep examines under one lock.
const SWEEP_TURN: usize = 256;

/// The number of topics that a search for a vacancy examines under one lock.
const VACANCY_TURN: usize = 1024;

/// The time after an unsuccessful search for a vacancy before the next one. Clients may ask for new names at any rate.
const VACANCY_RETRY: Duration = Duration::from_secs(1);

/// The bounds of the time between two sweeps.
const MIN_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
const MAX_SWEEP_INTERVAL: Duration = Duration::from_mins(5);

/// The length of the queue below which names of removed topics stay in it.
const MIN_QUEUE_PRUNE: usize = 1024;

/// The findings of one turn of a sweep, to be finished after the table's lock is released.
#[derive(Default)]
#[must_use = "the rest of the work is done after the lock is released"]
pub(super) struct Swept {
    evicted: Vec<Arc<SharedLog>>,
    with_old_events: Vec<Arc<SharedLog>>,
    /// Topics that have handles and are not read, though an engine delivers their events.
    unread: Vec<Arc<SharedLog>>,
}

impl TopicTable {
    pub(super) fn new(kind: EngineKind, epochs: Arc<EpochIndex>, settings: HubSettings) -> Self {
        let now = Instant::now();
        Self {
            kind,
            topics: HashMap::new(),
            queue: VecDeque::new(),
            left: 0,
            retentions: HashMap::new(),
            epochs,
            closed: false,
            has_janitor: false,
            lifetime: watch::Sender::new(()),
            sweep_at: now + interval(settings.expiry),
            caches: (kind != EngineKind::Memory).then(|| Arc::new(Caches::new(settings.cache))),
            settings,
            soonest: None,
            vacancy_at: now,
            in_vain: 0,
        }
    }

    // ===== settings =====

    pub(super) const fn set_retention(&mut self, retention: Retention) {
        self.settings.retention = retention;
    }

    pub(super) fn set_expiry(&mut self, expiry: Duration) {
        self.settings.expiry = expiry;
        self.sweep_at = Instant::now() + interval(expiry);
    }

    pub(super) const fn set_max_topics(&mut self, most: usize) {
        self.settings.max_topics = most;
    }

    // ===== topics =====

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.topics.keys().map(|name| name.as_ref().to_owned()).collect()
    }

    /// The topic with this name, if it is in memory.
    pub(super) fn get(&self, name: &str) -> Option<Arc<SharedLog>> {
        self.topics.get(name).filter(|log| !log.is_removed()).cloned()
    }

    /// The log in memory that has this epoch, and whether its topic is in the table: one that was removed may still have
    /// handles. The caller drops the log after the lock is released: it may be the last reference.
    pub(super) fn with_epoch(&self, epoch: Epoch) -> Option<(Arc<SharedLog>, bool)> {
        let log = self.epochs.get(epoch)?;
        let is_known = !log.is_removed() && self.topics.get(log.name()).is_some_and(|known| Arc::ptr_eq(known, &log));
        Some((log, is_known))
    }

    /// The topic with this name, which is created if there is none.
    pub(super) fn topic(&mut self, name: &str, swept: &mut Swept) -> Result<Arc<SharedLog>, HubError> {
        if let Some(log) = self.get(name) {
            return Ok(log);
        }
        let most = self.settings.max_topics;
        if self.topics.len() >= most {
            self.find_vacancy(Instant::now(), swept);
        }
        if self.topics.len() >= most {
            return Err(HubError::too_many_topics(most));
        }
        Ok(self.create(name, swept))
    }

    /// The topic with this name, which is created even if there are too many: the caller is about to remove it.
    pub(super) fn topic_to_remove(&mut self, name: &str, swept: &mut Swept) -> Arc<SharedLog> {
        self.get(name).unwrap_or_else(|| self.create(name, swept))
    }

    /// Creates a topic. The log of a removed one of its name is dropped with `swept`, after the table's lock is released:
    /// the guard of its lease is the engine's code.
    fn create(&mut self, name: &str, swept: &mut Swept) -> Arc<SharedLog> {
        let log = Arc::new(match self.retentions.remove(name) {
            Some(retention) => SharedLog::with_own_retention(name, retention),
            None => SharedLog::new(name, self.settings.retention),
        });
        if let Some(caches) = &self.caches {
            log.lock().log.set_cache(CacheShare::new(Arc::clone(caches)));
        }
        if self.closed {
            log.close(CloseReason::Shutdown);
        }
        let name = log.shared_name();
        swept.evicted.extend(self.topics.insert(Arc::clone(name), Arc::clone(&log)));
        self.queue.push_back(Arc::clone(name));
        log
    }

    /// Forgets the retention that was set for an evicted topic.
    pub(super) fn forget_retention(&mut self, name: &str) {
        self.retentions.remove(name);
    }

    /// Takes a removed topic out of the table, unless another one has taken its name.
    pub(super) fn forget(&mut self, log: &Arc<SharedLog>) {
        if self.topics.get(log.name()).is_some_and(|known| Arc::ptr_eq(known, log)) {
            self.topics.remove(log.name());
        }
        // A program may remove topics faster than sweeps visit them.
        if self.queue.len() > MIN_QUEUE_PRUNE.max(2 * self.topics.len()) {
            let Self { queue, topics, .. } = self;
            queue.retain(|name| topics.get(name).is_some_and(|log| Arc::ptr_eq(log.shared_name(), name)));
            self.left = self.left.min(self.queue.len());
        }
    }

    /// Closes the hub. Topics that are created later are closed from the start. The caller closes those that are
    /// returned.
    pub(super) fn close(&mut self) -> Vec<Arc<SharedLog>> {
        self.closed = true;
        self.topics.values().cloned().collect()
    }

    // ===== eviction =====

    pub(super) const fn sweep_at(&self) -> Instant {
        self.sweep_at
    }

    /// Returns whether the caller must start a janitor.
    pub(super) fn starts_janitor(&mut self) -> bool {
        let starts = !self.has_janitor && !self.topics.is_empty();
        self.has_janitor |= starts;
        starts
    }

    /// Closed when the table is dropped.
    pub(super) fn lifetime(&self) -> watch::Receiver<()> {
        self.lifetime.subscribe()
    }

    pub(super) const fn janitor_ended(&mut self) {
        self.has_janitor = false;
    }

    /// Takes a turn of a sweep, if one is due.
    pub(super) fn sweep(&mut self, now: Instant) -> Swept {
        let mut swept = Swept::default();
        if now < self.sweep_at {
            return swept;
        }
        if self.left == 0 {
            (self.left, self.soonest) = (self.queue.len(), None);
        }
        for _ in 0..self.left.min(SWEEP_TURN) {
            self.left -= 1;
            self.examine(now, false, &mut swept);
        }
        if self.left == 0 {
            let latest = now + interval(self.settings.expiry);
            self.sweep_at = self.soonest.map_or(latest, |soonest| soonest.clamp(now + MIN_SWEEP_INTERVAL, latest));
        }
        swept
    }

    /// Evicts topics that have no events, though they have not expired.
    fn find_vacancy(&mut self, now: Instant, swept: &mut Swept) {
        if now < self.vacancy_at {
            return;
        }
        for _ in 0..self.queue.len().min(VACANCY_TURN) {
            self.in_vain += 1;
            self.left = self.left.saturating_sub(1);
            self.examine(now, true, swept);
        }
        if self.topics.len() < self.settings.max_topics {
            self.in_vain = 0;
        } else if self.in_vain >= self.queue.len() {
            (self.in_vain, self.vacancy_at) = (0, now + VACANCY_RETRY);
        }
    }

    /// Examines the next topic of the queue, and evicts it if it is not in use.
    fn examine(&mut self, now: Instant, is_full: bool, swept: &mut Swept) {
        let Some(name) = self.queue.pop_front() else { return };
        let Some(log) = self.topics.get(&name) else { return };
        if !Arc::ptr_eq(log.shared_name(), &name) {
            // The name of a topic that was removed. Another one has taken it since, and is in the queue by itself.
            return;
        }
        let state = log.lock();
        // References are only ever cloned from others or under the lock of the table.
        let in_use = Arc::strong_count(log) > 1;
        let expires = self.expires(&state);
        let is_old = expires.is_some_and(|at| now > at);
        let has_old_events = state.log.has_old(now);
        let own_retention = state.own_retention().then(|| state.log.retention());
        let never_used = is_full && state.log.is_empty();
        let is_read = state.subscribers > 0;
        drop(state);
        if in_use || !(is_old || never_used) {
            self.soonest = self.soonest.into_iter().chain(expires.filter(|_| !in_use)).min();
            if is_old && !is_read && self.kind != EngineKind::Memory && log.is_active() {
                swept.unread.push(Arc::clone(log));
            } else if has_old_events {
                swept.with_old_events.push(Arc::clone(log));
            }
            self.queue.push_back(name);
            return;
        }
        if let Some(retention) = own_retention
            && self.retentions.len() < self.settings.max_topics
        {
            // Names often come from requests, so their number is bounded. The first ones stay: programs set those at
            // their start that they do not set again.
            self.retentions.insert(Arc::clone(&name), retention);
        }
        swept.evicted.extend(self.topics.remove(&name));
    }

    /// The time at which a topic that is not in use may be evicted.
    fn expires(&self, state: &LogState) -> Option<Instant> {
        let unused = state.last_used().checked_add(self.settings.expiry)?;
        if self.kind != EngineKind::Memory {
            return Some(unused);
        }
        // A client may come back for the events that the retention keeps.
        Some(unused.max(state.log.stale_at(unused)?))
    }
}

/// The maximum time between two sweeps, for topics whose last handle is dropped without notice.
fn interval(expiry: Duration) -> Duration {
    (expiry / 4).clamp(MIN_SWEEP_INTERVAL, MAX_SWEEP_INTERVAL)
}

impl Swept {
    pub(super) fn add(&mut self, other: Self) {
        self.evicted.extend(other.evicted);
        self.with_old_events.extend(other.with_old_events);
        self.unread.extend(other.unread);
    }

    /// Frees the evicted topics, and the events of other topics that are too old.
    pub(super) fn finish(self) {
        let now = Instant::now();
        for log in self.with_old_events {
            log.lock().log.trim(now);
        }
        for log in self.unread {
            log.deactivate();
        }
    }
}
