//! The budgets of request bodies: how many bytes of them may be in memory, for one connection and for
//! the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a frame costs beside its bytes, where it is small: its handle, and its own allocation.
const FRAME_COST: usize = 64;

/// Frames below this size are copied: a slice of a few bytes would keep the whole buffer that it was
/// read into.
const SMALL_FRAME: usize = 4096;

/// Bytes of request bodies that are in memory now.
#[derive(Debug, Default)]
pub(super) struct BodyBudget {
    taken: AtomicUsize,
}

impl BodyBudget {
    /// Less is left than a small frame may take.
    pub(super) fn is_used_up(&self, most: usize) -> bool {
        self.taken.load(Ordering::Relaxed).saturating_add(SMALL_FRAME) > most
    }

    /// Takes `cost` bytes, or none.
    fn take(&self, cost: usize, most: usize) -> bool {
        let take = |taken: usize| taken.checked_add(cost).filter(|sum| *sum <= most);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, cost: usize) {
        self.taken.fetch_sub(cost, Ordering::Relaxed);
    }
}

/// What one body has taken of the budgets, until it is dropped.
///
/// The bytes that a body has handed out count for as long as the body lives: a handler that collects
/// them keeps them for as long.
#[derive(Debug)]
pub(super) struct BodyShare {
    taken: usize,
    connection: (Arc<BodyBudget>, usize),
    server: (Arc<BodyBudget>, usize),
}

/// Whose budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsedUp {
    Connection,
    Server,
}

impl BodyShare {
    /// Each budget comes with the most that may be taken of it.
    pub(super) const fn new(connection: (Arc<BodyBudget>, usize), server: (Arc<BodyBudget>, usize)) -> Self {
        Self { taken: 0, connection, server }
    }

    /// Takes what a frame of this size costs.
    pub(super) fn take(&mut self, frame: usize) -> Result<(), UsedUp> {
        let cost = if is_small(frame) { frame + FRAME_COST } else { frame };
        let ((connection, of_connection), (server, of_server)) = (&self.connection, &self.server);
        if !connection.take(cost, *of_connection) {
            return Err(UsedUp::Connection);
        }
        if !server.take(cost, *of_server) {
            connection.give_back(cost);
            return Err(UsedUp::Server);
        }
        self.taken += cost;
        Ok(())
    }
}

/// The frame is to be copied.
pub(super) const fn is_small(frame: usize) -> bool {
    frame < SMALL_FRAME
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.connection.0.give_back(self.taken);
        self.server.0.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_and_no_more() {
        let (connection, server) = (Arc::<BodyBudget>::default(), Arc::<BodyBudget>::default());
        let share = || BodyShare::new((Arc::clone(&connection), 20_000), (Arc::clone(&server), 30_000));
        let (mut first, mut second) = (share(), share());
        assert_eq!((first.take(10_000), second.take(10_000)), (Ok(()), Ok(())));
        assert_eq!((first.take(1), second.take(usize::MAX)), (Err(UsedUp::Connection), Err(UsedUp::Connection)));
        drop(second);
        assert_eq!(first.take(1), Ok(()));
        let mut other = BodyShare::new((Arc::default(), usize::MAX), (Arc::clone(&server), 30_000));
        assert_eq!((other.take(19_000), other.take(1000)), (Ok(()), Err(UsedUp::Server)));
        assert!(server.is_used_up(30_000));
        drop((first, other));
        assert_eq!((server.taken.load(Ordering::Relaxed), connection.taken.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn a_small_frame_costs_more_than_its_bytes() {
        let server = Arc::<BodyBudget>::default();
        let mut share = BodyShare::new((Arc::default(), usize::MAX), (Arc::clone(&server), usize::MAX));
        for _ in 0..1000 {
            share.take(1).unwrap();
        }
        assert_eq!(server.taken.load(Ordering::Relaxed), 65_000);
    }
}
