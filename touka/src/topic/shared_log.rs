//! [`SharedLog`], a topic's log with all who write to it and read from it.

use std::sync::{Arc, PoisonError};
use std::task::Waker;

use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;

use super::encoded::Draft;
use super::lock::{Mutex, MutexGuard};
use super::log::Log;
use super::position::Position;
use super::retention::Retention;
use super::waiters::{Place, Waiters};

/// One topic of a hub.
#[derive(Debug)]
pub(crate) struct SharedLog {
    name: Arc<str>,
    state: Mutex<State>,
    /// Set once what was kept of it elsewhere is here.
    pub(super) loaded: OnceCell<()>,
    /// The last subscriber has left.
    pub(super) deserted: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) log: Log,
    pub(super) waiters: Waiters,
    pub(super) subscribers: usize,
    /// A feed of the topic's runs.
    pub(super) fed: bool,
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
                used: Instant::now(),
            }),
            loaded: OnceCell::new(),
            deserted: Notify::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
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
        wake(waiting);
        position
    }

    /// Looks into the log. If there is nothing for the one who looks, its waker is woken when
    /// there may be; both happen under one lock.
    pub(crate) fn look<R>(&self, place: &mut Place, waker: &Waker, look: impl FnOnce(&Log) -> Option<R>) -> Option<R> {
        let mut state = self.lock();
        let found = look(&state.log);
        if found.is_none() {
            state.waiters.wait(place, waker);
        }
        found
    }

    /// The one who looked does so no more.
    pub(crate) fn stop_looking(&self, place: &mut Place) {
        self.lock().waiters.leave(place);
    }

    /// Changes the log and wakes all readers, for whom it may be news.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let changed = change(&mut state);
        let waiting = state.waiters.take();
        drop(state);
        wake(waiting);
        changed
    }

    /// A subscriber is gone.
    pub(super) fn leave(&self, place: &mut Place) {
        let mut state = self.lock();
        state.waiters.leave(place);
        state.subscribers -= 1;
        state.used = Instant::now();
        let deserted = state.subscribers == 0 && state.fed;
        drop(state);
        if deserted {
            self.deserted.notify_one();
        }
    }
}

impl State {
    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(super) const fn used(&self) -> Instant {
        self.used
    }
}

fn wake(waiting: Vec<Waker>) {
    waiting.into_iter().for_each(Waker::wake);
}
