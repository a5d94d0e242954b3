//! [`SharedLog`], a topic's log with all who write to it and read from it.

use std::any::{TypeId, type_name};
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Waker;

use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;

use super::encoded::Draft;
use super::error::HubError;
use super::lock::{Mutex, MutexGuard};
use super::log::Log;
use super::position::Position;
use super::retention::Retention;
use super::waiters::{Place, Waiters};
use crate::error::CloseReason;
use crate::event::Event;

/// One topic of a hub.
#[derive(Debug)]
pub(crate) struct SharedLog {
    name: Arc<str>,
    state: Mutex<State>,
    /// The type of the values, once a handle with a type was asked for, and its name.
    values: OnceLock<(TypeId, &'static str)>,
    /// Set once what was kept of it elsewhere is here.
    pub(super) loaded: OnceCell<()>,
    /// The last subscriber has left, or the log was closed.
    pub(super) deserted: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) log: Log,
    pub(super) waiters: Waiters,
    pub(super) subscribers: usize,
    /// A feed of the topic's runs.
    pub(super) fed: bool,
    /// The retention was set for this topic, not taken from its hub.
    own_retention: bool,
    /// When somebody last published or came or left.
    used: Instant,
}

impl SharedLog {
    pub(super) fn new(name: &str, retention: Retention) -> Self {
        Self {
            name: name.into(),
            state: Mutex::new(State {
                log: Log::new(retention),
                waiters: Waiters::default(),
                subscribers: 0,
                fed: false,
                own_retention: false,
                used: Instant::now(),
            }),
            values: OnceLock::new(),
            loaded: OnceCell::new(),
            deserted: Notify::new(),
        }
    }

    /// A topic whose retention is not its hub's.
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

    /// Holds the topic to one type of values. An `Event` is the form of all of them, and no type of
    /// its own.
    pub(super) fn takes<T: 'static>(&self) -> Result<(), HubError> {
        let asked = (TypeId::of::<T>(), type_name::<T>());
        if asked.0 == TypeId::of::<Event>() {
            return Ok(());
        }
        let known = self.values.get_or_init(|| asked);
        if known.0 == asked.0 { Ok(()) } else { Err(HubError::other_type(&self.name, known.1, asked.1)) }
    }

    /// Nothing under the lock panics: what is the user's runs outside of it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event, and wakes those who wait for one.
    pub(super) fn append(&self, draft: &Draft, key: Option<&str>) -> Position {
        let now = Instant::now();
        let mut state = self.lock();
        let position = state.log.append(draft, key, now);
        state.used = now;
        let waiting = state.waiters.take();
        drop(state);
        waiting.wake();
        position
    }

    /// Looks into the log. If there is nothing for the one who looks, its waker is woken when
    /// there may be; both happen under one lock.
    pub(crate) fn look<R>(&self, place: &mut Place, waker: &Waker, look: impl FnOnce(&Log) -> Option<R>) -> Option<R> {
        // A waker is code of the reader's: it is cloned before the lock, and dropped after it.
        let mut waker = Some(waker.clone());
        let mut state = self.lock();
        let found = look(&state.log);
        if found.is_none()
            && let Some(own) = waker.take()
        {
            waker = state.waiters.wait(place, own);
        }
        drop(state);
        drop(waker);
        found
    }

    /// The one who looked does so no more.
    pub(crate) fn stop_looking(&self, place: &mut Place) {
        let (waker, sparse) = self.lock().waiters.leave(place);
        sparse.wake();
        // Last: its drop is the reader's code and may panic.
        drop(waker);
    }

    /// Changes the log and wakes all readers, for whom it may be news.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let changed = change(&mut state);
        let waiting = state.waiters.take();
        drop(state);
        waiting.wake();
        changed
    }

    /// A subscriber is gone.
    pub(super) fn leave(&self, place: &mut Place) {
        let mut state = self.lock();
        let (waker, sparse) = state.waiters.leave(place);
        state.subscribers -= 1;
        state.used = Instant::now();
        let deserted = state.subscribers == 0 && state.fed;
        drop(state);
        sparse.wake();
        if deserted {
            self.deserted.notify_one();
        }
        // Last: its drop is the reader's code and may panic.
        drop(waker);
    }

    /// Ends the streams of all subscribers, now and later, and stops the feed.
    pub(super) fn close(&self) {
        let fed = self.change(|state| {
            state.log.close(CloseReason::Shutdown);
            state.fed
        });
        if fed {
            self.deserted.notify_one();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().log.is_closed()
    }
}

impl State {
    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(super) const fn used(&self) -> Instant {
        self.used
    }

    pub(super) const fn own_retention(&self) -> bool {
        self.own_retention
    }

    /// Sets how much is kept of this topic.
    pub(super) fn set_retention(&mut self, retention: Retention) {
        self.own_retention = true;
        self.log.set_retention(retention);
        self.log.trim(Instant::now());
    }
}
