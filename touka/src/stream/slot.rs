//! [`Slot`], in which a body leaves its events for the connection.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::frame_buffer::FrameBuffer;
use super::guard::drop_guarded;
use super::wakers::{Wakers, keep};

use crate::sync::{Mutex, MutexGuard};

/// Holds at most one event. That is the whole back-pressure: a body that has filled the slot waits until the
/// connection has taken the event.
///
/// While the connection polls the body, it lends its frame buffer to the slot, and emits append to that until
/// it is full: an emit is then one uncontended lock and the event's encoding, and the body runs on at once.
/// The emit that fills the frame waits until the connection has had the chance to flush it. The other paths
/// are for readers that want the events themselves, for bodies that poll their emits with wakers of their own
/// (`FuturesUnordered`), and for emitters in other tasks.
///
/// Invariant: a waiting emit has its waker in `waiting`, unless it was polled within the body with the
/// connection's waker. Such an emit is polled again with the body, before the connection waits for anything.
#[derive(Debug)]
pub(super) struct Slot<T> {
    state: Mutex<SlotState<T>>,
    /// The number of events that were taken. An emit reads this without the lock.
    taken: AtomicU64,
    /// Set while the connection polls the body. It checks the slot afterwards, so an emit need not wake it.
    /// Cleared only under the lock.
    polling: AtomicBool,
}

#[derive(Debug)]
struct SlotState<T> {
    item: Option<T>,
    /// The connection's buffer, while it polls the body.
    frame: Option<FrameBuffer<T>>,
    /// The number of events that were placed and that an emit waits for. The ticket of an emit is this number
    /// after its own event.
    placed: u64,
    /// The ticket of the event that has filled the frame, until the frame is flushed; else 0.
    unflushed: u64,
    /// Set when the last frame was full before the body could run: the body runs next.
    body_first: bool,
    /// Wakers of emits that wait for their event to be taken, or for the slot to be free.
    waiting: Wakers,
    /// The waker of the connection that polls the body.
    consumer: Option<Waker>,
    closed: bool,
}

/// The outcome of [`Slot::place`].
pub(super) enum Placed {
    /// The event is in the frame.
    Taken,
    /// The event waits under this ticket, for [`Slot::poll_taken`].
    Ticket(u64),
    /// Another event is in the slot. The waker is registered.
    Full,
    /// The stream has ended.
    Closed,
}

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(SlotState {
                item: None,
                frame: None,
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

    /// Registers the waker of an emit that waits, if it needs to be woken.
    fn wait(&self, state: &mut SlotState<T>, waker: &Waker) {
        let within_the_body = self.polling.load(Ordering::Relaxed)
            && state.consumer.as_ref().is_some_and(|consumer| consumer.will_wake(waker));
        if !within_the_body {
            state.waiting.add(waker);
        }
    }

    // ===== the emitting side =====

    /// Takes the event, if the slot is free. Events are large, and each move between here and the frame costs
    /// time: they are moved from place to place, and never returned.
    pub(super) fn place(&self, event: &mut Option<T>, waker: &Waker) -> Placed {
        let mut state = self.state.lock();
        if state.closed {
            return Placed::Closed;
        }
        if state.item.is_some() {
            self.wait(&mut state, waker);
            return Placed::Full;
        }
        if let Some(frame) = &mut state.frame
            && !frame.is_full()
        {
            frame.emit(event);
            if !frame.is_full() {
                return Placed::Taken;
            }
            // The stream is about to end, so the body must not run on.
            let failed = frame.has_failed();
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

    /// Ready with `true` once the event of this ticket was taken, with `false` if it never will be.
    pub(super) fn poll_taken(&self, ticket: u64, cx: &mut Context<'_>) -> Poll<bool> {
        if self.taken.load(Ordering::Acquire) >= ticket {
            return Poll::Ready(true);
        }
        let mut state = self.state.lock();
        // The event may have been taken between the load above and the lock.
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

    /// Called before the body is polled; [`Slot::take`] must follow.
    pub(super) fn begin(&self, cx: &Context<'_>) {
        let mut state = self.state.lock();
        keep(&mut state.consumer, cx.waker());
        self.polling.store(true, Ordering::Relaxed);
    }

    /// Lends the frame buffer to the emits of the body, which is polled next; [`Slot::reclaim`] must follow.
    /// The previous frame was flushed as far as the connection can. Returns `false`, and lends nothing, if an
    /// event that waited here has filled the frame.
    pub(super) fn lend(&self, cx: &Context<'_>, frame: &mut FrameBuffer<T>) -> bool {
        let mut state = self.state.lock();
        keep(&mut state.consumer, cx.waker());
        let flushed = mem::take(&mut state.unflushed);
        frame.begin(flushed > 0);
        if flushed > 0 {
            state = self.settle(state, flushed);
        }
        if !mem::take(&mut state.body_first) && state.item.is_some() {
            frame.emit(&mut state.item);
            if frame.has_failed() {
                return false;
            }
            if frame.is_full() {
                state.unflushed = state.placed;
                state.body_first = true;
                return false;
            }
            let placed = state.placed;
            state = self.settle(state, placed);
        }
        self.polling.store(true, Ordering::Relaxed);
        state.frame = Some(frame.lend());
        true
    }

    /// Returns the frame buffer. The result is whether an event still waits here.
    pub(super) fn reclaim(&self, frame: &mut FrameBuffer<T>) -> bool {
        let mut state = self.state.lock();
        if let Some(lent) = state.frame.take() {
            *frame = lent;
        }
        frame.end();
        self.polling.store(false, Ordering::Relaxed);
        state.item.is_some()
    }

    /// Moves the event to `out`. Returns whether there was one.
    pub(super) fn take(&self, out: &mut Option<T>) -> bool {
        let mut state = self.state.lock();
        self.polling.store(false, Ordering::Relaxed);
        if state.item.is_none() {
            return false;
        }
        *out = state.item.take();
        let placed = state.placed;
        drop(self.settle(state, placed));
        true
    }

    /// Records that all events up to this ticket were taken, and wakes their emits and those that found the
    /// slot full.
    fn settle<'a>(&'a self, mut state: MutexGuard<'a, SlotState<T>>, ticket: u64) -> MutexGuard<'a, SlotState<T>> {
        self.taken.store(ticket, Ordering::Release);
        if state.waiting.is_empty() {
            return state;
        }
        let waiting = state.waiting.take();
        drop(state);
        waiting.wake();
        self.state.lock()
    }

    /// Ends the stream: no further event is taken, and waiting emits are woken.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let item = state.item.take();
        let waiting = state.waiting.take();
        let consumer = state.consumer.take();
        drop(state);
        // The event is of the user's type: its destructor runs outside the lock.
        drop_guarded(item);
        drop(consumer);
        waiting.wake();
    }
}

/// The ticket of an event that is never taken.
const NEVER: u64 = u64::MAX;
