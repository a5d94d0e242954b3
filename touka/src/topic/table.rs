//! [`Table`], the topics of a hub by name, and when one is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::HubError;
use super::retention::Retention;
use super::shared_log::SharedLog;

/// The topics of a hub.
///
/// A sweep looks at each topic once, a bounded number in one turn, and forgets those that nobody uses.
/// It begins when it is due, at the next call of the hub or by the [janitor](super::janitor).
pub(super) struct Table {
    /// What is forgotten here is kept elsewhere.
    on_disk: bool,
    topics: HashMap<Arc<str>, Arc<SharedLog>>,
    /// All names, those first that are looked at next.
    queue: VecDeque<Arc<str>>,
    /// How many names of the queue the current sweep has yet to look at.
    left: usize,
    /// The retentions that were set for single topics which are forgotten now.
    retentions: HashMap<Arc<str>, Retention>,
    retention: Retention,
    expiry: Duration,
    most: usize,
    closed: bool,
    has_janitor: bool,
    sweep_at: Instant,
    /// The first moment at which a topic expires, of those that the current sweep has seen.
    soonest: Option<Instant>,
    /// No vacancy is looked for before this.
    vacancy_at: Instant,
    /// How many topics were looked at for a vacancy since one was found.
    in_vain: usize,
}

/// How many topics are looked at under one lock.
const TURN: usize = 256;

/// The same when there are too many topics, and a caller waits.
const VACANCY_TURN: usize = 1024;

/// How long no vacancy is looked for after none was found: anyone can ask for a name, at any rate.
const VACANCY_AGAIN: Duration = Duration::from_secs(1);

const MOST_OFTEN: Duration = Duration::from_secs(1);
const LEAST_OFTEN: Duration = Duration::from_mins(5);

/// What a turn of a sweep has found, to be finished without the table's lock.
#[derive(Default)]
#[must_use = "the rest of the work is done without the lock"]
pub(super) struct Swept {
    forgotten: Vec<Arc<SharedLog>>,
    with_old_events: Vec<Arc<SharedLog>>,
}

/// Locks the table. Nothing under the lock panics.
pub(super) fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    pub(super) fn new(on_disk: bool) -> Self {
        let (expiry, now) = (Duration::from_mins(10), Instant::now());
        Self {
            on_disk,
            topics: HashMap::new(),
            queue: VecDeque::new(),
            left: 0,
            retentions: HashMap::new(),
            retention: Retention::new(),
            expiry,
            most: 65_536,
            closed: false,
            has_janitor: false,
            sweep_at: now + interval(expiry),
            soonest: None,
            vacancy_at: now,
            in_vain: 0,
        }
    }

    // ===== settings =====

    pub(super) const fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    pub(super) fn set_expiry(&mut self, expiry: Duration) {
        self.expiry = expiry;
        self.sweep_at = Instant::now() + interval(expiry);
    }

    pub(super) const fn set_most(&mut self, most: usize) {
        self.most = most;
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

    /// The topic of that name, which is made if there is none.
    pub(super) fn topic(&mut self, name: &str, swept: &mut Swept) -> Result<Arc<SharedLog>, HubError> {
        if let Some(log) = self.topics.get(name) {
            return Ok(Arc::clone(log));
        }
        if self.topics.len() >= self.most {
            self.find_vacancy(Instant::now(), swept);
        }
        if self.topics.len() >= self.most {
            return Err(HubError::too_many_topics(self.most));
        }
        let log = Arc::new(match self.retentions.remove(name) {
            Some(retention) => SharedLog::with_own_retention(name, retention),
            None => SharedLog::new(name, self.retention),
        });
        if self.closed {
            log.close();
        }
        let name = log.shared_name();
        self.topics.insert(Arc::clone(name), Arc::clone(&log));
        self.queue.push_back(Arc::clone(name));
        Ok(log)
    }

    /// Closes the hub: gives all topics, which the caller closes. Those that are made later are closed.
    pub(super) fn close(&mut self) -> Vec<Arc<SharedLog>> {
        self.closed = true;
        self.topics.values().cloned().collect()
    }

    // ===== forgetting =====

    pub(super) const fn sweep_at(&self) -> Instant {
        self.sweep_at
    }

    /// True if the caller is to start a janitor.
    pub(super) fn starts_janitor(&mut self) -> bool {
        let starts = !self.has_janitor && !self.topics.is_empty();
        self.has_janitor |= starts;
        starts
    }

    pub(super) const fn janitor_ended(&mut self) {
        self.has_janitor = false;
    }

    /// Does a turn of a sweep if one is due.
    pub(super) fn sweep(&mut self, now: Instant) -> Swept {
        let mut swept = Swept::default();
        if now < self.sweep_at {
            return swept;
        }
        if self.left == 0 {
            (self.left, self.soonest) = (self.queue.len(), None);
        }
        for _ in 0..self.left.min(TURN) {
            self.left -= 1;
            self.look(now, false, &mut swept);
        }
        if self.left == 0 {
            let latest = now + interval(self.expiry);
            self.sweep_at = self.soonest.map_or(latest, |soonest| soonest.clamp(now + MOST_OFTEN, latest));
        }
        swept
    }

    /// Forgets topics though they are not old, if nothing was ever published to them.
    fn find_vacancy(&mut self, now: Instant, swept: &mut Swept) {
        if now < self.vacancy_at {
            return;
        }
        for _ in 0..self.queue.len().min(VACANCY_TURN) {
            self.in_vain += 1;
            self.left = self.left.saturating_sub(1);
            self.look(now, true, swept);
        }
        if self.topics.len() < self.most {
            self.in_vain = 0;
        } else if self.in_vain >= self.queue.len() {
            (self.in_vain, self.vacancy_at) = (0, now + VACANCY_AGAIN);
        }
    }

    /// Looks at the next topic of the queue, and forgets it if nobody uses it.
    fn look(&mut self, now: Instant, is_full: bool, swept: &mut Swept) {
        let Some(name) = self.queue.pop_front() else { return };
        let Some(log) = self.topics.get(&name) else { return };
        let state = log.lock();
        // More are made from the table only, which is locked.
        let in_use = Arc::strong_count(log) > 1;
        let expires = self.expires(&state);
        let is_old = expires.is_some_and(|at| now > at);
        let has_old_events = state.log.has_old(now);
        let own_retention = state.own_retention().then(|| state.log.retention());
        let never_used = is_full && state.log.is_empty();
        drop(state);
        if in_use || !(is_old || never_used) {
            self.soonest = self.soonest.into_iter().chain(expires.filter(|_| !in_use)).min();
            if has_old_events {
                swept.with_old_events.push(Arc::clone(log));
            }
            self.queue.push_back(name);
            return;
        }
        if let Some(retention) = own_retention
            && self.retentions.len() < self.most
        {
            // Names often come from requests, so there are no more of these than topics. The first stay:
            // a program that starts sets those that it will not set again.
            self.retentions.insert(Arc::clone(&name), retention);
        }
        swept.forgotten.extend(self.topics.remove(&name));
    }

    /// When a topic that is in nobody's use may be forgotten.
    fn expires(&self, state: &super::shared_log::State) -> Option<Instant> {
        let unused = state.used().checked_add(self.expiry)?;
        if self.on_disk {
            return Some(unused);
        }
        // What the retention keeps, somebody may come back for.
        Some(unused.max(state.log.stale_at(unused)?))
    }
}

/// How often a sweep begins at least, for topics whose last handle was dropped unseen.
fn interval(expiry: Duration) -> Duration {
    (expiry / 4).clamp(MOST_OFTEN, LEAST_OFTEN)
}

impl Swept {
    pub(super) fn add(&mut self, other: Self) {
        self.forgotten.extend(other.forgotten);
        self.with_old_events.extend(other.with_old_events);
    }

    /// Frees what was forgotten, and the events of other topics that are too old.
    pub(super) fn finish(self) {
        let now = Instant::now();
        for log in self.with_old_events {
            log.lock().log.trim(now);
        }
    }
}
