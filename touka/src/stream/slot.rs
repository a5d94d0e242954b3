//! The place where a body leaves its events and the connection picks them up.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::batch::Batch;
use super::guard::drop_guarded;
use super::wakers::{Wakers, keep};

/// Holds at most one event. That one place is the whole back-pressure: a body that has filled it
/// waits until the connection has come for it.
///
/// While the connection polls the body it lends its batch to the slot, and emits append to that
/// until it is full: an emit is then one uncontended lock and the event's encoding, and the body
/// goes on at once. The emit that fills the batch waits until the connection has had the chance to
/// flush it: the body does not run on before. The rest is for readers that want the events
/// themselves, for bodies that poll their emits with wakers of their own (`FuturesUnordered`), and
/// for emitters that went to another task.
///
/// Invariant: an emit that waits is in `waiting`, unless it was polled within the body and with the
/// connection's waker. That one is polled again when the body is, which happens before the
/// connection waits for anything.
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
    /// How many events were placed that an emit waits for: the number of the last one is its emit's
    /// ticket.
    placed: u64,
    /// The ticket of the event that has filled the batch, which is yet to be flushed.
    unflushed: u64,
    /// The last batch was full before the body could run: now it is the body's turn.
    body_first: bool,
    /// Emits that wait: for their event to be taken, or for the slot to be free.
    waiting: Wakers,
    /// The connection that polls the body.
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
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                item: None,
                batch: None,
                placed: 0,
                unflushed: 0,
                body_first: false,
                waiting: Wakers::default(),
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

    /// Remembers the waker of an emit that waits, where it must be woken.
    fn wait(&self, state: &mut State<T>, waker: &Waker) {
        let within_the_body = self.polling.load(Ordering::Relaxed)
            && state.consumer.as_ref().is_some_and(|consumer| consumer.will_wake(waker));
        if !within_the_body {
            state.waiting.add(waker);
        }
    }

    // ===== the emitting side =====

    /// Takes the event, if there is room. Events are large enough that each move between here and
    /// the frame shows: they go from place to place, and never through a result.
    pub(super) fn place(&self, event: &mut Option<T>, waker: &Waker) -> Placed {
        let mut state = self.lock();
        if state.closed {
            return Placed::Closed;
        }
        if state.item.is_some() {
            self.wait(&mut state, waker);
            return Placed::Full;
        }
        if let Some(batch) = &mut state.batch
            && !batch.is_full()
        {
            batch.emit(event);
            if !batch.is_full() {
                return Placed::Taken;
            }
            // The stream is about to end, and the body must not run on as if it did not.
            let failed = batch.has_failed();
            self.wait(&mut state, waker);
            if failed {
                return Placed::Ticket(NEVER);
            }
            state.placed += 1;
            state.unflushed = state.placed;
            return Placed::Ticket(state.placed);
        }
        state.item = event.take();
        state.placed += 1;
        self.wait(&mut state, waker);
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
        self.wait(&mut state, cx.waker());
        Poll::Pending
    }

    // ===== the connection's side =====

    /// Announces that the body is about to be polled and [`Slot::take`] will follow.
    pub(super) fn begin(&self, cx: &Context<'_>) {
        let mut state = self.lock();
        keep(&mut state.consumer, cx.waker());
        self.polling.store(true, Ordering::Relaxed);
    }

    /// Lends the batch to the emits of the body, which is about to be polled;
    /// [`Slot::reclaim`] must follow. What was lent before has been flushed, as far as the connection
    /// can. Gives false, and lends nothing, if what waited here has filled the batch.
    pub(super) fn lend(&self, cx: &Context<'_>, batch: &mut Batch<T>) -> bool {
        let mut state = self.lock();
        keep(&mut state.consumer, cx.waker());
        let flushed = mem::take(&mut state.unflushed);
        batch.begin(flushed > 0);
        if flushed > 0 {
            state = self.settle(state, flushed);
        }
        if !mem::take(&mut state.body_first)
            && state.item.is_some()
        {
            batch.emit(&mut state.item);
            if batch.has_failed() {
                return false;
            }
            if batch.is_full() {
                state.unflushed = state.placed;
                state.body_first = true;
                return false;
            }
            let placed = state.placed;
            state = self.settle(state, placed);
        }
        self.polling.store(true, Ordering::Relaxed);
        state.batch = Some(batch.lend());
        true
    }

    /// Gives the batch back. True if an event still waits here.
    pub(super) fn reclaim(&self, batch: &mut Batch<T>) -> bool {
        let mut state = self.lock();
        if let Some(lent) = state.batch.take() {
            *batch = lent;
        }
        batch.end();
        self.polling.store(false, Ordering::Relaxed);
        state.item.is_some()
    }

    /// Moves the event to `out`, if there is one.
    pub(super) fn take(&self, out: &mut Option<T>) -> bool {
        let mut state = self.lock();
        self.polling.store(false, Ordering::Relaxed);
        if state.item.is_none() {
            return false;
        }
        *out = state.item.take();
        let placed = state.placed;
        drop(self.settle(state, placed));
        true
    }

    /// All events up to this ticket were taken: wakes their emits, and those that found the slot full.
    fn settle<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, ticket: u64) -> MutexGuard<'a, State<T>> {
        self.taken.store(ticket, Ordering::Release);
        if state.waiting.is_empty() {
            return state;
        }
        let waiting = state.waiting.take();
        drop(state);
        waiting.wake();
        self.lock()
    }

    /// Nobody will take another event. Emits that wait are told.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let item = state.item.take();
        let waiting = state.waiting.take();
        let consumer = state.consumer.take();
        drop(state);
        // The event is the user's type: its destructor runs outside the lock.
        drop_guarded(item);
        drop(consumer);
        waiting.wake();
    }
}

/// A ticket whose event is never taken.
const NEVER: u64 = u64::MAX;
