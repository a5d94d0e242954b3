//! [`Emitter`], the hand that gives events to a stream.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::slot::{Placed, Slot};
use crate::event::Event;

/// Hands events to the stream whose body it was made for.
///
/// In an annotated handler `emit!(…)` uses it for you. To emit from a helper function, take a
/// parameter of this type and pass it on:
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

    /// Hands one event over and waits until the connection has taken it: that is the
    /// back-pressure. A client that reads slowly suspends the body here.
    ///
    /// # When the event leaves
    /// The event is flushed to the socket before the code after this await runs, over HTTP/1.1 and
    /// HTTP/2, also where that code blocks or computes. So is the response's head. A body that has
    /// proved to be quick is not held up so: after 32 emits with less than a millisecond of work
    /// after each, its events share frames, which end at about 15 KiB, after a millisecond, or where the
    /// body waits for something else.
    ///
    /// If such a body then works for longer than a millisecond, the events of its last frames, up to
    /// what the server buffers, wait for this step, and with the next emits for up to three more: the
    /// time is taken at every fourth emit of a frame. Then each event leaves alone again: for 32 emits,
    /// and ten more for each millisecond of the steps. `tokio::task::yield_now().await` before a step
    /// lets them leave before.
    ///
    /// An emit suspends the code that awaits it, and nothing else: another branch of the same `join!`
    /// may still run in the same poll, and the event waits for that.
    ///
    /// Gives `true`, always, inside the stream's own body: when the client leaves, the body is
    /// dropped at this very await. An emitter that went to another task gives `false` once the
    /// stream has ended; that task should end too.
    ///
    /// # Cancellation
    /// Dropped before its first poll, nothing is sent. Dropped later, the event may still be.
    pub fn emit(&self, event: impl Into<T>) -> Emit<'_, T> {
        Emit { slot: &self.slot, event: Some(event.into()), stage: Stage::Holding }
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
#[must_use = "an event is sent only when the future is awaited"]
pub struct Emit<'a, T> {
    slot: &'a Slot<T>,
    /// There until it is placed.
    event: Option<T>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The event is still here.
    Holding,
    /// It is in the slot, waiting to be taken.
    Placed(u64),
    /// The stream has ended, and the answer is held back for one turn: a loop that ignores the
    /// answer must not starve the other tasks of its thread.
    Closed,
    Done,
}

// The event is moved, never pinned.
impl<T> Unpin for Emit<'_, T> {}

impl<T> Future for Emit<'_, T> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        match this.stage {
            Stage::Holding => {
                match this.slot.place(&mut this.event, cx.waker()) {
                    Placed::Taken => {
                        this.stage = Stage::Done;
                        return Poll::Ready(true);
                    }
                    Placed::Ticket(ticket) => this.stage = Stage::Placed(ticket),
                    Placed::Full => {}
                    Placed::Closed => {
                        cx.waker().wake_by_ref();
                        this.stage = Stage::Closed;
                    }
                }
                Poll::Pending
            }
            Stage::Placed(ticket) => {
                let taken = ready!(this.slot.poll_taken(ticket, cx));
                this.stage = Stage::Done;
                Poll::Ready(taken)
            }
            Stage::Closed => {
                this.stage = Stage::Done;
                Poll::Ready(false)
            }
            // Polled after it was ready, which no executor does.
            Stage::Done => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Emit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit").finish_non_exhaustive()
    }
}
