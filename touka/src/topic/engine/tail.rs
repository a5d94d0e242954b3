//! [`Tail`], the only way for an engine to write to a log.

use std::fmt;
use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::applied::Applied;
use super::compared::Compared;
use super::feed_end::FeedEnd;
use super::newest_events::NewestEvents;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::log::Log;
#[cfg(feature = "disk")]
use crate::topic::position::Mark;
use crate::topic::position::Position;
use crate::topic::retention::Retention;
use crate::topic::role::Role;
use crate::topic::shared_log::SharedLog;
use crate::topic::stored::{Stored, unix_time};

/// The end of a topic's log in the memory of this process, where the engine appends the events that arrive: the only way
/// to write to a log.
///
/// [`EngineTopic::tail`](super::EngineTopic::tail) returns it. Clones are of the same log. A tail does not keep the log
/// from being evicted: afterwards its methods do nothing, and return `None` or `Gone`.
///
/// Call the methods while you hold no lock that the guard of a [`Lease`](super::Lease) takes when it is dropped: the log
/// may be evicted during the call, and is dropped at its end.
#[derive(Clone)]
pub struct Tail {
    name: Arc<str>,
    log: Weak<SharedLog>,
    epochs: Arc<EpochIndex>,
}

impl Tail {
    pub(super) fn new(log: &Arc<SharedLog>, epochs: &Arc<EpochIndex>) -> Self {
        Self { name: Arc::clone(log.shared_name()), log: Arc::downgrade(log), epochs: Arc::clone(epochs) }
    }

    /// The name of the topic.
    pub const fn topic(&self) -> &Arc<str> {
        &self.name
    }

    /// The position of the newest event that the log has, or had. `None` if the log is gone.
    ///
    /// Before the first [`reset`](Self::reset), the log has an epoch of its own, which no engine has.
    pub fn head(&self) -> Option<Position> {
        let log = self.log.upgrade()?;
        let state = log.lock();
        Some(state.log.position(state.log.head()))
    }

    /// The position of the newest event, if the log has been given what its engine has. `None` if the topic is removed.
    #[cfg(feature = "disk")]
    pub(crate) fn loaded_head(&self) -> Option<Position> {
        let log = self.log.upgrade()?;
        let state = log.lock();
        let is_loaded = !state.log.is_own_epoch() && !state.removed();
        is_loaded.then(|| state.log.position(state.log.head()))
    }

    /// Whether the log has the event at this position, or had it. True if the log is gone.
    pub fn has(&self, position: Position) -> bool {
        let Some(log) = self.log.upgrade() else { return true };
        let state = log.lock();
        position.epoch == state.log.epoch() && state.log.has(position.mark)
    }

    /// The position of the event that has closed the topic. `None` if the log has none.
    #[cfg(feature = "nats")]
    pub(crate) fn closed_at(&self) -> Option<Position> {
        let log = self.log.upgrade()?;
        let state = log.lock();
        state.log.is_complete().then(|| state.log.position(state.log.head()))
    }

    /// How much of the topic the engine keeps. `None` if the log is gone.
    pub fn retention(&self) -> Option<Retention> {
        Some(self.log.upgrade()?.lock().log.retention())
    }

    /// The bounds of the events in memory: the retention, and the [`Cache`](crate::topic::Cache). An engine need not read
    /// more than these when a topic is activated. `None` if the log is gone.
    pub fn bounds(&self) -> Option<Retention> {
        Some(self.log.upgrade()?.lock().log.bounds())
    }

    /// Whether the other tail is of the same log.
    #[cfg(feature = "disk")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.log.ptr_eq(&other.log)
    }

    /// Whether the topic was removed.
    #[cfg(feature = "disk")]
    pub(crate) fn is_removed(&self) -> bool {
        self.log.upgrade().is_some_and(|log| log.is_removed())
    }

    /// The mark before the oldest event that is retained, if the engine has told it: see [`Tail::set_kept`].
    #[cfg(feature = "disk")]
    pub(crate) fn kept(&self) -> Option<Mark> {
        self.log.upgrade()?.lock().log.kept()
    }

    /// Records that the engine has no event up to this position, for an engine of this process alone. Readers that are
    /// further behind lag then; other engines are asked for each reader.
    #[cfg(feature = "disk")]
    pub(crate) fn set_kept(&self, oldest: Position) {
        let Some(log) = self.log.upgrade() else { return };
        let mut state = log.lock();
        if state.log.epoch() == oldest.epoch {
            state.log.set_kept(oldest.mark);
        }
    }

    /// Appends the events that follow the newest one, and wakes the readers. Skips events that the log has already, and
    /// stops at the first event that does not follow. So events may be applied more than once, and by several threads.
    pub fn apply(&self, events: impl IntoIterator<Item = Stored>) -> Applied {
        // The iterator is the engine's code, which must not run under the lock.
        let events: Vec<_> = events.into_iter().collect();
        self.append(events)
    }

    /// [`apply`](Self::apply) of one event, without an allocation.
    #[cfg(any(feature = "redis", feature = "nats"))]
    pub(crate) fn apply_one(&self, event: Stored) -> Applied {
        self.append([event])
    }

    /// Appends events under the lock of the log.
    fn append(&self, events: impl IntoIterator<Item = Stored>) -> Applied {
        let Some(log) = self.log.upgrade() else { return Applied::Gone };
        let (now, time) = (Instant::now(), unix_time());
        log.change_if(|state| {
            if state.removed() {
                return (Applied::Gone, false);
            }
            let before = state.log.head();
            let mut applied = Applied::Done;
            for event in events {
                match place(&state.log, &event) {
                    // What an engine lets in after the last event is not for readers.
                    Place::Next | Place::Later if state.log.is_complete() => {}
                    Place::Next => {
                        let since = event.since(now, time);
                        state.log.push(event.mark(), event.event, event.keys.as_keys(), since);
                    }
                    Place::Known => {}
                    Place::Later => {
                        applied = Applied::Hole;
                        break;
                    }
                    Place::Elsewhere => {
                        applied = Applied::Forked;
                        break;
                    }
                }
            }
            state.log.trim(now);
            (applied, state.log.head() != before)
        })
    }

    /// Compares the log with its engine. `before` is a head of the log from [`Tail::head`], and `engine` the position of the
    /// newest event that the engine had at a time after that.
    ///
    /// The order matters: events may arrive meanwhile, and a log that is then ahead of `engine` has not diverged.
    pub fn compare(&self, before: Position, engine: Position) -> Compared {
        let Some(log) = self.log.upgrade() else { return Compared::Gone };
        let state = log.lock();
        if state.removed() {
            return Compared::Gone;
        }
        let own = state.log.position(state.log.head());
        if own == engine {
            return Compared::InStep;
        }
        if own.epoch == engine.epoch {
            if own.mark.offset < engine.mark.offset {
                return Compared::Behind;
            }
            if own != before && state.log.mark(engine.mark.offset) == Some(engine.mark) {
                return Compared::InStep;
            }
        }
        if own == before { Compared::Diverged } else { Compared::Moved }
    }

    /// Replaces the events of the log by those that its engine has, and wakes the readers. Each of them continues after its
    /// last event if the engine still has that, and otherwise gets a `gap` event first. Returns false, and does nothing, if
    /// the log's head is not `before` any more: read the engine and compare again. Returns true if the log is gone.
    ///
    /// Unless each of the events follows the one before, and the last one is at the head, none is used: readers get them by
    /// [`Engine::before`](super::Engine::before), with a gap at each hole.
    pub fn reset(&self, before: Position, newest: NewestEvents) -> bool {
        let Some(log) = self.log.upgrade() else { return true };
        let (now, time) = (Instant::now(), unix_time());
        let NewestEvents { head, mut previous, mut events, ends } = newest;
        let mut all = events.iter();
        let newest = all.try_fold(previous, |last, event| {
            let follows = event.previous == last && event.mark().offset > last.offset;
            (follows && event.position.epoch == head.epoch).then_some(event.mark())
        });
        let is_usable = newest == Some(head.mark);
        if !is_usable {
            // That a topic is closed must be known nevertheless.
            events = events
                .pop()
                .filter(|last| last.position == head && last.event.role() == Role::Last)
                .into_iter()
                .collect();
            previous = events.first().map_or(head.mark, Stored::previous);
        }
        let replaced = log.change_if(|state| {
            if state.removed() {
                return (true, false);
            }
            if state.log.position(state.log.head()) != before {
                return (false, false);
            }
            let mut loaded = Log::resumed(head.epoch, previous, state.log.retention());
            for event in events {
                let since = event.since(now, time);
                loaded.push(event.mark(), event.event, event.keys.as_keys(), since);
            }
            loaded.set_engine_ends(match state.log.engine_ends() {
                None => ends,
                // An end that the engine counts already may be on its way to the present subscribers.
                Some(known) if head.epoch == before.epoch => known,
                // All ends of the new epoch came after the present subscribers: its store had lost what they follow. Numbers
                // are compared within an epoch only, since a store that has lost all counts from the beginning.
                Some(_) => 0,
            });
            state.log.replace(loaded, now);
            (true, true)
        });
        if replaced && head.epoch != before.epoch {
            self.epochs.replace(before.epoch, &log);
        }
        replaced
    }

    /// Ends the streams of the present subscribers, because the topic's feed has ended in one of the processes. An end whose
    /// number is not higher than the last one changes nothing; [`NewestEvents::ends`] is the first one.
    ///
    /// The end must be of the epoch that the log has: [reset](Self::reset) the log first if it has another one. Ends of
    /// different epochs have nothing to do with each other, and after a reset to another epoch each end counts.
    pub fn end_feed(&self, end: FeedEnd) {
        let Some(log) = self.log.upgrade() else { return };
        let was_fed = log.change_if(|state| {
            let known = state.log.engine_ends();
            if known.is_some_and(|known| known >= end.number) {
                return (false, false);
            }
            state.log.set_engine_ends(end.number);
            if known.is_none() {
                return (false, false);
            }
            state.log.end_at(end.at, end.reason, end.last);
            (state.stop_feed(), true)
        });
        if was_fed {
            log.feed_changed.notify_waiters();
        }
    }

    /// Ends the streams of all subscribers: the topic was removed from the engine. Nothing is published to this log any
    /// more. A topic with its name is another one, with another log and another epoch.
    pub fn remove(&self) {
        if let Some(log) = self.log.upgrade() {
            log.remove();
        }
    }
}

/// The place of an event relative to a log.
enum Place {
    Next,
    Known,
    Later,
    Elsewhere,
}

fn place(log: &Log, event: &Stored) -> Place {
    let (head, mark) = (log.head(), event.mark());
    if event.position.epoch != log.epoch() {
        Place::Elsewhere
    } else if event.previous == head && mark.offset > head.offset {
        Place::Next
    } else if mark.offset <= head.offset {
        if log.has(mark) { Place::Known } else { Place::Elsewhere }
    } else if event.previous.offset > head.offset {
        Place::Later
    } else {
        Place::Elsewhere
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tail").field(&self.name).finish()
    }
}
