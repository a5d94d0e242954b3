//! The place where a body leaves its events and the connection picks them up.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::batch::Batch;

/// Holds at most one event. That one place is the whole back-pressure: a body that has filled it
/// waits until the connection has come for it.
///
/// While the connection polls the body it lends its batch to the slot, and emits append to that
/// until it is full: an emit is then one uncontended lock and the event's encoding, and the body
/// goes on at once. The rest is for readers that want the events themselves, for bodies that poll
/// their emits with wakers of their own (`FuturesUnordered`), and for emitters that went to another
/// task.
#[derive(Debug)]
pub(super) struct Slot<T> {
    state: Mutex<State<T>>,
    /// How many events were picked up: read by an emit without the lock.
    taken: AtomicU64,
    /// The connection polls the body and will look here afterwards, so it will see what is placed
    /// now and need not be woken. Cleared only under the lock.
    polling: AtomicBool,
}

#[derive(Debug)]
struct State<T> {
    item: Option<T>,
    /// The connection's, while it polls the body.
    batch: Option<Batch<T>>,
    /// How many events were placed: the number of the last one is its emit's ticket.
    placed: u64,
    /// The waker of the emit whose event is in the slot. Kept when it is taken, so that the next
    /// emit of the same task finds it in place and clones nothing.
    emitter: Option<Waker>,
    /// Emits that found the slot full.
    waiting: Vec<Waker>,
    /// The connection, while it waits for an event.
    consumer: Option<Waker>,
    closed: bool,
}

/// What became of an event that was to be placed.
pub(super) enum Placed {
    /// The connection has it already.
    Taken,
    /// It is in the slot; the ticket tells when it was taken.
    Ticket(u64),
    /// Another one is in the slot. The waker is kept.
    Full,
    /// Nobody will come for it.
    Closed,
}

impl<T> Slot<T> {
    pub(super) const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                item: None,
                batch: None,
                placed: 0,
                emitter: None,
                waiting: Vec::new(),
                consumer: None,
                closed: false,
            }),
            taken: AtomicU64::new(0),
            polling: AtomicBool::new(false),
        }
    }

    /// Nothing under the lock panics: an event's encoding, which is the user's, is caught. So a
    /// poisoned one is still in order.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ===== the emitting side =====

    /// Moves the event into the slot, if there is room. Events are large enough that each move
    /// between here and the frame shows: they go from place to place, and never through a result.
    pub(super) fn place(&self, event: &mut Option<T>, waker: &Waker) -> Placed {
        let mut state = self.lock();
        if state.closed {
            return Placed::Closed;
        }
        if state.item.is_some() {
            if !state.waiting.iter().any(|known| known.will_wake(waker)) {
                state.waiting.push(waker.clone());
            }
            return Placed::Full;
        }
        if let Some(batch) = &mut state.batch
            && !batch.is_full()
            && let Some(event) = event.take()
        {
            batch.append(event);
            if !batch.has_failed() {
                return Placed::Taken;
            }
            // The stream is about to end, and the body must not run on as if it did not.
            keep(&mut state.emitter, waker);
            return Placed::Ticket(NEVER);
        }
        state.item = event.take();
        state.placed += 1;
        keep(&mut state.emitter, waker);
        let ticket = state.placed;
        let consumer = if self.polling.load(Ordering::Relaxed) { None } else { state.consumer.take() };
        drop(state);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        Placed::Ticket(ticket)
    }

    /// Ready with true once the event of that ticket was taken, with false if it never will be.
    pub(super) fn poll_taken(&self, ticket: u64, cx: &mut Context<'_>) -> Poll<bool> {
        if self.taken.load(Ordering::Acquire) >= ticket {
            return Poll::Ready(true);
        }
        let mut state = self.lock();
        // Between the load above and the lock it may have been taken.
        if self.taken.load(Ordering::Acquire) >= ticket {
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        keep(&mut state.emitter, cx.waker());
        Poll::Pending
    }

    // ===== the connection's side =====

    /// Announces that the body is about to be polled and [`Slot::take`] will follow.
    pub(super) fn begin(&self) {
        self.polling.store(true, Ordering::Relaxed);
    }

    /// Lends the batch to the emits of the body, which is about to be polled;
    /// [`Slot::reclaim`] must follow. Gives false, and lends nothing, if what waited here has
    /// filled the batch.
    pub(super) fn lend(&self, cx: &Context<'_>, batch: &mut Batch<T>) -> bool {
        let mut state = self.lock();
        if let Some(event) = state.item.take() {
            batch.append(event);
            if batch.has_failed() {
                return false;
            }
            self.taken.store(state.placed, Ordering::Release);
            wake(state, cx);
            if batch.is_full() {
                return false;
            }
            state = self.lock();
        }
        self.polling.store(true, Ordering::Relaxed);
        state.batch = Some(batch.lend());
        true
    }

    /// Gives the batch back. True if an event still waits here, because the batch was full;
    /// otherwise it is remembered whom to wake.
    pub(super) fn reclaim(&self, cx: &Context<'_>, batch: &mut Batch<T>) -> bool {
        let mut state = self.lock();
        if let Some(lent) = state.batch.take() {
            *batch = lent;
        }
        self.polling.store(false, Ordering::Relaxed);
        if state.item.is_none() {
            keep(&mut state.consumer, cx.waker());
        }
        state.item.is_some()
    }

    /// Moves the event to `out`, if there is one; otherwise remembers whom to wake.
    pub(super) fn take(&self, cx: &mut Context<'_>, out: &mut Option<T>) -> bool {
        let mut state = self.lock();
        if state.item.is_none() {
            keep(&mut state.consumer, cx.waker());
            self.polling.store(false, Ordering::Relaxed);
            return false;
        }
        *out = state.item.take();
        self.taken.store(state.placed, Ordering::Release);
        wake(state, cx);
        true
    }

    /// Nobody will take another event. Emits that wait are told.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let item = state.item.take();
        let waiting = mem::take(&mut state.waiting);
        let emitter = state.emitter.take();
        state.consumer = None;
        drop(state);
        // The event is the user's type: its destructor runs outside the lock.
        drop(item);
        for waker in waiting.into_iter().chain(emitter) {
            waker.wake();
        }
    }
}

/// A ticket whose event is never taken.
const NEVER: u64 = u64::MAX;

/// The event was taken: wakes its emit, and those that found the slot full.
fn wake<T>(mut state: MutexGuard<'_, State<T>>, cx: &Context<'_>) {
    let waiting = mem::take(&mut state.waiting);
    // Whoever shares the connection's waker is polled again with it: no wake-up needed.
    let emitter = state.emitter.take_if(|emitter| !emitter.will_wake(cx.waker()));
    drop(state);
    if let Some(emitter) = emitter {
        emitter.wake();
    }
    for waker in waiting {
        waker.wake();
    }
}

/// Stores a waker, cloning it only if the stored one would wake another task.
fn keep(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(kept) => kept.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}
