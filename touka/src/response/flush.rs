//! [`Flush`], the pause in which a server flushes what a body has left, and [`Filled`], what comes before it.

use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::stream::{KeepAlive, Written};

/// What must be flushed before the body runs on.
///
/// A server flushes what it has been given when a body is pending. So a body that runs code of the
/// user's is pending once after each frame, and once after the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flush {
    #[default]
    Nothing,
    /// What the body has left. It waits, and wakes whoever has polled it: it need not be polled before.
    Waiting,
    /// What the body has left. It would run on at once, so this must wake the connection.
    Running,
}

impl Flush {
    /// The same, once it is known what became of the frame. A frame that was written needs no pause.
    ///
    /// A body that waits may have woken its task since, though nobody could poll it: the client took nothing.
    /// Unless the frame was written at once, it must be polled again, or what it has waited for would be lost.
    pub(super) fn after(self, written: Written) -> Self {
        match (self, written) {
            (Self::Nothing, _) | (Self::Running, Written::AtOnce) | (_, Written::Later) => Self::Nothing,
            (Self::Waiting, Written::AtOnce) => Self::Waiting,
            (_, Written::Unknown) => Self::Running,
        }
    }

    /// Pending if something must be flushed before the body is polled, which was last done with this
    /// waker. `wrote` is as in [`KeepAlive::poll_due`].
    pub(super) fn poll(
        self,
        last: Option<&Waker>,
        keep_alive: &mut KeepAlive,
        wrote: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        match self {
            Self::Nothing => Poll::Ready(()),
            Self::Waiting if last.is_some_and(|last| last.will_wake(cx.waker())) => keep_alive.poll_due(wrote, cx),
            // Another task asks now. The body does not know its waker yet.
            Self::Waiting | Self::Running => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// What a round of polling left in the batch.
pub(super) enum Filled {
    /// Something to send, or the end.
    Frame(Flush),
    /// Nothing, and the stream waits.
    Waiting,
    /// Nothing, though the stream is ready: it emits events that have no wire form.
    Nothing,
}
