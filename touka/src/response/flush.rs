//! [`Flush`], the pause in which a server flushes what a body has left, and [`Filled`], what comes before it.

use std::task::{Context, Poll, Waker};

use crate::stream::KeepAlive;

/// What must be flushed before the body runs on.
///
/// A server flushes what it has been given when a body is pending. So a body that runs code of the
/// user's is pending once after each frame, and once after the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flush {
    #[default]
    Nothing,
    /// What the body has left. It waits, and wakes whoever has polled it.
    Waiting,
    /// What the body has left. It would run on at once, so this must wake the connection.
    Running,
}

impl Flush {
    /// A writer that writes each frame before it asks for the next one needs no pause for it.
    pub(super) fn for_writer(self, direct: bool) -> Self {
        if direct && self == Self::Running { Self::Nothing } else { self }
    }

    /// Pending if something must be flushed before the body is polled, which was last done with this
    /// waker.
    pub(super) fn poll(self, last: Option<&Waker>, keep_alive: &mut KeepAlive, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Nothing => Poll::Ready(()),
            Self::Waiting if last.is_some_and(|last| last.will_wake(cx.waker())) => keep_alive.poll_due(cx),
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
