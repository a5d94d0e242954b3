//! [`Turn`], the work of a shard, turn by turn.

use std::task::{Context, Poll};

/// The interface of a shard to its task.
pub(super) trait Turn {
    /// Does the work of one turn. Ready when no connection is left and the inbox is closed.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops all connections, after a panic.
    fn abandon(self);
}
