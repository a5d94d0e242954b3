//! [`Flush`], the pause in which a server flushes what a body has left.

use std::task::{Context, Poll};

use crate::stream::KeepAlive;

/// What must be flushed before the body runs on.
///
/// A server flushes what it has been given when a body is pending. So a body that runs code of the
/// user's is pending once after each frame, and once after the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flush {
    #[default]
    Nothing,
    /// What the body has left. It waits, and wakes its connection.
    Waiting,
    /// What the body has left. It would run on at once, so this must wake the connection.
    Running,
}

impl Flush {
    /// Pending if something must be flushed before the body is polled.
    pub(super) fn poll(self, keep_alive: &mut KeepAlive, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Nothing => Poll::Ready(()),
            Self::Waiting => keep_alive.poll_due(cx),
            Self::Running => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
