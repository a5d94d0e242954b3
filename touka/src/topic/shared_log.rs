//! [`SharedLog`], a topic's log with its readers and writers.

use std::any::{Any, TypeId, type_name};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::encoded::Draft;
use super::error::HubError;
use super::event_keys::EventKeys;
use super::feed_body::SpareBody;
use super::log::Log;
use super::log_entry::LogEntry;
use super::position::Position;
use super::retention::Retention;
use super::waiters::{WaiterSlot, Waiters};
use crate::error::CloseReason;
use crate::event::Event;
use crate::sync::{Mutex, MutexGuard};

/// One topic of a hub.
#[derive(Debug)]
pub(crate) struct SharedLog {
    name: Arc<str>,
    state: Mutex<LogState>,
    /// The type of the values and its name. Set when the topic is first asked for with a type.
    values: OnceLock<(TypeId, &'static str)>,
    /// Held by the caller that activates the topic. The time and the error of the last failure, for callers that have
    /// waited for the same attempt.
    pub(super) activating: tokio::sync::Mutex<Option<(Instant, HubError)>>,
    /// Shared by the publishes that are in flight, and held alone by a removal.
    pub(super) publishing: tokio::sync::RwLock<()>,
    /// Whether the events that the engine has of the topic are in the log, and new ones arrive there. Written under the
    /// log's lock.
    active: AtomicBool,
    /// The position of the last event that this process has published.
    published: Mutex<Option<Position>>,
    /// All who wait are notified when the last subscriber of a fed topic has left, when its log is closed, or when its feed
    /// has ended on another node.
    pub(super) feed_changed: Notify,
    /// A body in reserve for the topic's feed.
    pub(super) spare_body: SpareBody,
}

#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) log: Log,
    pub(super) waiters: Waiters,
    pub(super) subscribers: usize,
    /// Whether the body of a feed runs, or waits for its turn among those of other nodes.
    pub(super) fed: bool,
    /// The number of feeds that have started.
    feeds: u64,
    /// Guard of the engine, dropped when the log is no longer used. `None` while the topic is not active.
    lease: Option<Box<dyn Any + Send>>,
    /// Whether the hub has removed the topic. Then nothing is published to this log any more.
    removed: bool,
    /// Whether the retention was set for this topic, and is not its hub's.
    own_retention: bool,
    /// The time of the last publish, and of the last subscriber that has come or left.
    used: Instant,
}

impl SharedLog {
    pub(super) fn new(name: &str, retention: Retention) -> Self {
        Self {
            name: name.into(),
            state: Mutex::new(LogState {
                log: Log::new(retention),
                waiters: Waiters::default(),
                subscribers: 0,
                fed: false,
                feeds: 0,
                lease: None,
                removed: false,
                own_retention: false,
                used: Instant::now(),
            }),
            values: OnceLock::new(),
            activating: tokio::sync::Mutex::new(None),
            publishing: tokio::sync::RwLock::new(()),
            active: AtomicBool::new(false),
            published: Mutex::new(None),
            feed_changed: Notify::new(),
            spare_body: SpareBody::default(),
        }
    }

    /// A topic with a retention of its own.
    pub(super) fn with_own_retention(name: &str, retention: Retention) -> Self {
        let log = Self::new(name, retention);
        log.lock().own_retention = true;
        log
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Binds the topic to one type of values. `Event` represents all of them and is not a type of its own.
    pub(super) fn bind_type<T: 'static>(&self) -> Result<(), HubError> {
        let asked = (TypeId::of::<T>(), type_name::<T>());
        if asked.0 == TypeId::of::<Event>() {
            return Ok(());
        }
        let known = self.values.get_or_init(|| asked);
        if known.0 == asked.0 { Ok(()) } else { Err(HubError::other_type(&self.name, known.1, asked.1)) }
    }

    /// Locks the log. User code never runs under this lock.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock()
    }

    /// Appends an event and wakes the readers, unless its idempotency key is known.
    ///
    /// # Errors
    /// The topic is removed, or closed.
    pub(super) fn append(&self, draft: &Draft, keys: EventKeys<'_>) -> Result<Position, HubError> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.removed {
            return Err(HubError::removed(&self.name));
        }
        if let Some(known) = keys.once.and_then(|once| state.log.published_once(once, now)) {
            return Ok(known);
        }
        if state.log.is_complete() {
            return Err(HubError::closed(&self.name));
        }
        let position = state.log.append(draft, keys, now);
        state.used = now;
        let waiting = state.waiters.take();
        drop(state);
        waiting.wake();
        Ok(position)
    }

    /// Reads the log. If `read` finds nothing, the waker is registered under the same lock.
    pub(crate) fn read_or_register<R>(
        &self,
        slot: &mut WaiterSlot,
        waker: &Waker,
        read: impl FnOnce(&Log) -> Option<R>,
    ) -> Option<R> {
        // A waker is the reader's code: it is cloned before the lock is taken and dropped after its release.
        let mut waker = Some(waker.clone());
        let mut state = self.lock();
        let found = read(&state.log);
        if found.is_none()
            && let Some(own) = waker.take()
        {
            waker = state.waiters.wait(slot, own);
        }
        drop(state);
        drop(waker);
        found
    }

    /// Removes the waker that [`SharedLog::read_or_register`] has registered.
    pub(crate) fn unregister(&self, slot: &mut WaiterSlot) {
        let (waker, sparse) = self.lock().waiters.leave(slot);
        sparse.wake();
        // Last, because dropping it runs the reader's code, which may panic.
        drop(waker);
    }

    /// Whether the topic is active.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Marks the topic as active until the lease is dropped with the log.
    pub(super) fn set_active(&self, lease: impl Any + Send) {
        let mut state = self.lock();
        let replaced = state.lease.replace(Box::new(lease));
        // A topic that is not read for long must not be deactivated before its first reader counts.
        state.touch();
        self.active.store(true, Ordering::Release);
        // A lease is the engine's code, which must not run under the lock.
        drop(state);
        drop(replaced);
    }

    /// Marks the topic as inactive if it has no subscribers, and takes its events out.
    pub(super) fn deactivate(&self) {
        let mut state = self.lock();
        if state.subscribers > 0 || state.fed {
            return;
        }
        self.active.store(false, Ordering::Release);
        let (lease, events) = (state.lease.take(), state.log.take_events());
        drop(state);
        drop((lease, events));
    }

    /// The position of an event that the engine has, or had: the newest one that is known. `None` if none is known.
    pub(super) fn known_position(&self) -> Option<Position> {
        let published = *self.published.lock();
        if !self.is_active() {
            return published;
        }
        let state = self.lock();
        let head = state.log.position(state.log.head());
        let is_newer = |at: &Position| at.epoch == head.epoch && at.mark.offset > head.mark.offset;
        published.filter(is_newer).or(Some(head))
    }

    /// Records the position of an event that this process has published.
    pub(super) fn set_known_position(&self, position: Position) {
        *self.published.lock() = Some(position);
    }

    /// Changes the log, and wakes all readers if the second result is true.
    pub(super) fn change_if<R>(&self, change: impl FnOnce(&mut LogState) -> (R, bool)) -> R {
        let mut state = self.lock();
        let (changed, wakes) = change(&mut state);
        let waiting = wakes.then(|| state.waiters.take());
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        changed
    }

    /// Changes the log and wakes all readers.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut LogState) -> R) -> R {
        let mut state = self.lock();
        let changed = change(&mut state);
        let waiting = state.waiters.take();
        drop(state);
        waiting.wake();
        changed
    }

    /// Removes a subscriber and its waker.
    pub(super) fn leave(&self, slot: &mut WaiterSlot) {
        let mut state = self.lock();
        let (waker, sparse) = state.waiters.leave(slot);
        state.subscribers -= 1;
        state.used = Instant::now();
        let deserted = state.subscribers == 0 && state.fed;
        let freed = state.free();
        drop(state);
        drop(freed);
        sparse.wake();
        if deserted {
            self.feed_changed.notify_waiters();
        }
        // Last, because dropping it runs the reader's code, which may panic.
        drop(waker);
    }

    /// Ends the streams of all subscribers, present and future, after the events published so far. Stops the feed.
    pub(super) fn close(&self, reason: CloseReason) {
        let fed = self.change(|state| {
            state.log.close(reason);
            state.fed
        });
        if fed {
            self.feed_changed.notify_waiters();
        }
    }

    /// Closes the log of a topic that the hub removes. The engine has none of its events any more.
    pub(super) fn remove(&self) {
        let (fed, freed) = self.change(|state| {
            state.log.close(CloseReason::Completed);
            state.removed = true;
            (state.fed, state.free())
        });
        drop(freed);
        if fed {
            self.feed_changed.notify_waiters();
        }
    }

    pub(super) fn is_removed(&self) -> bool {
        self.lock().removed
    }
}

impl LogState {
    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    /// Marks the topic as fed, unless it is. Returns the number of the feed that the caller must start.
    pub(super) fn start_feed(&mut self) -> Option<u64> {
        if self.fed || self.log.is_closed() || self.log.is_complete() {
            return None;
        }
        self.fed = true;
        self.feeds += 1;
        Some(self.feeds)
    }

    /// Marks the topic as not fed. Returns whether it was.
    pub(super) const fn stop_feed(&mut self) -> bool {
        std::mem::replace(&mut self.fed, false)
    }

    /// The number of the present feed.
    pub(super) fn feed(&self) -> Option<u64> {
        self.fed.then_some(self.feeds)
    }

    /// Whether this feed has not been stopped.
    pub(super) const fn is_fed_by(&self, feed: u64) -> bool {
        self.fed && self.feeds == feed
    }

    pub(super) const fn last_used(&self) -> Instant {
        self.used
    }

    pub(super) const fn own_retention(&self) -> bool {
        self.own_retention
    }

    pub(super) const fn removed(&self) -> bool {
        self.removed
    }

    /// Sets how much of this topic is retained.
    pub(super) fn set_retention(&mut self, retention: Retention) {
        self.own_retention = true;
        self.log.set_retention(retention);
        self.log.trim(Instant::now());
    }

    /// Takes the events out of a removed topic once it has no subscriber. A handle may keep the topic for long.
    fn free(&mut self) -> Option<VecDeque<LogEntry>> {
        (self.removed && self.subscribers == 0).then(|| self.log.take_events())
    }
}
