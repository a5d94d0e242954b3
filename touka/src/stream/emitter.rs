//! [`Emitter`], through which a body emits its events.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::slot::{Placed, Slot};
use crate::event::Event;

/// Emits events into the stream whose body it was created for.
///
/// In an annotated handler `emit!(…)` uses it. To emit from a helper function, take a parameter of this type:
///
/// ```
/// use touka::{Emitter, Event, EventStream};
///
/// async fn countdown(out: &Emitter, from: u32) {
///     for left in (0..=from).rev() {
///         out.emit(Event::data(left.to_string())).await;
///     }
/// }
///
/// let stream: EventStream = EventStream::generate(|out| async move { countdown(&out, 3).await });
/// ```
pub struct Emitter<T = Event> {
    slot: Arc<Slot<T>>,
}

impl<T> Emitter<T> {
    pub(super) const fn new(slot: Arc<Slot<T>>) -> Self {
        Self { slot }
    }

    /// Emits one event and waits until the connection has taken it: this is the back-pressure. A client that
    /// reads slowly suspends the body here.
    ///
    /// # When the event leaves
    /// The event is flushed to the socket before the code after this await runs, over HTTP/1.1 and HTTP/2,
    /// even if that code blocks or computes. The same holds for the response's head. A quick body is not held
    /// up by this: after 32 emits with less than a millisecond of work after each, its events share frames,
    /// which end at about 15 KiB, after a millisecond, or where the body waits for something else.
    ///
    /// If such a body then works for longer than a millisecond, the events of its last frames, up to what the
    /// server buffers, wait for this step, and with the next emits for up to three more: the clock is read at
    /// every fourth emit of a frame. After that, each event is again a frame of its own: for 32 emits, and
    /// ten more for each millisecond of the steps. `tokio::task::yield_now().await` before a step sends them
    /// first.
    ///
    /// An emit suspends only the code that awaits it: another branch of the same `join!` may still run in the
    /// same poll, and the event waits for that.
    ///
    /// Inside the stream's own body this always returns `true`: when the client leaves, the body is dropped
    /// at this await. In another task an emitter returns `false` once the stream has ended; that task should
    /// end too.
    ///
    /// # Cancellation
    /// If the future is dropped before its first poll, nothing is sent. If it is dropped later, the event may
    /// still be sent.
    pub fn emit(&self, event: impl Into<T>) -> Emit<'_, T> {
        Emit { slot: &self.slot, event: Some(event.into()), state: EmitState::Holding }
    }
}

impl<T> Clone for Emitter<T> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot) }
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}

/// The future of [`Emitter::emit`].
///
/// ```
/// use touka::EventStream;
///
/// let stream: EventStream = EventStream::generate(|out| async move {
///     tokio::select! {
///         taken = out.emit("hello") => assert!(taken),
///         () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {} // the client reads slowly
///     }
/// });
/// # drop(stream);
/// ```
#[must_use = "an event is sent only when the future is awaited"]
pub struct Emit<'a, T> {
    slot: &'a Slot<T>,
    /// `None` once it is placed.
    event: Option<T>,
    state: EmitState,
}

#[derive(Clone, Copy)]
enum EmitState {
    /// The event is not placed yet.
    Holding,
    /// The event is in the slot, under this ticket, and not taken yet.
    Placed(u64),
    /// The stream has ended, and the result is held back for one poll: a loop that ignores it must not starve
    /// the other tasks of its thread.
    Closed,
    Done,
}

// The event is never pinned.
impl<T> Unpin for Emit<'_, T> {}

impl<T> Future for Emit<'_, T> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        match this.state {
            EmitState::Holding => {
                match this.slot.place(&mut this.event, cx.waker()) {
                    Placed::Taken => {
                        this.state = EmitState::Done;
                        return Poll::Ready(true);
                    }
                    Placed::Ticket(ticket) => this.state = EmitState::Placed(ticket),
                    Placed::Full => {}
                    Placed::Closed => {
                        cx.waker().wake_by_ref();
                        this.state = EmitState::Closed;
                    }
                }
                Poll::Pending
            }
            EmitState::Placed(ticket) => {
                let taken = ready!(this.slot.poll_taken(ticket, cx));
                this.state = EmitState::Done;
                Poll::Ready(taken)
            }
            EmitState::Closed => {
                this.state = EmitState::Done;
                Poll::Ready(false)
            }
            // Polled again after it was ready, which no executor does.
            EmitState::Done => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Emit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit").finish_non_exhaustive()
    }
}
