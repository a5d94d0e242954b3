//! [`Sweep`], a pass over all sockets of a shard, some of them in each turn.

use std::time::Duration;

use tokio::time::Instant;

/// A pass over all sockets, from the first index to the last.
///
/// A shard has one timer for all its sockets. It fires when work is due for one of them, and a sweep finds the
/// sockets.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The index of the next socket.
    next: usize,
    began: Instant,
    /// The earliest due time of the sockets that were visited.
    due: Option<Instant>,
}

impl Sweep {
    pub(super) const fn new(began: Instant) -> Self {
        Self { next: 0, began, due: None }
    }

    /// Returns the next index below `end`; `None` if the sweep is complete.
    pub(super) const fn next(&mut self, end: usize) -> Option<usize> {
        if self.next >= end {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// Records when a visited socket is due again.
    pub(super) fn note(&mut self, due: Option<Instant>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    /// When the next sweep must begin: at least a `tick` after the beginning of this one.
    pub(super) fn next_sweep(&self, tick: Duration) -> Option<Instant> {
        self.due.map(|due| due.max(self.began + tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_visits_each_index_once_and_sets_the_next_start() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut sweep = Sweep::new(now);
        assert_eq!([sweep.next(2), sweep.next(2), sweep.next(2)], [Some(0), Some(1), None]);
        // Another socket has arrived meanwhile.
        assert_eq!([sweep.next(3), sweep.next(3)], [Some(2), None]);
        assert_eq!(sweep.next_sweep(second), None);
        sweep.note(None);
        sweep.note(Some(now + second * 5));
        assert_eq!(sweep.next_sweep(second), Some(now + second * 5));
        sweep.note(Some(now));
        assert_eq!(sweep.next_sweep(second), Some(now + second));
    }
}
