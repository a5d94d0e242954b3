//! [`Sweep`], a look at all sockets of a shard, some of them in each turn.

use std::time::Duration;

use tokio::time::Instant;

/// A look at all sockets, from the first number to the last.
///
/// There is one timer for all sockets of a shard: it fires when the first of them has something to do,
/// and a sweep finds out which.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The number of the socket to be looked at next.
    next: usize,
    began: Instant,
    /// When the first of those sockets that were looked at has something to do.
    due: Option<Instant>,
}

impl Sweep {
    pub(super) const fn new(began: Instant) -> Self {
        Self { next: 0, began, due: None }
    }

    /// The next number below this, if the sweep has not been there.
    pub(super) const fn next(&mut self, end: usize) -> Option<usize> {
        if self.next >= end {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// A socket that was looked at has something to do then.
    pub(super) fn note(&mut self, due: Option<Instant>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    /// When another sweep is to begin: not sooner than a `tick` after this one.
    pub(super) fn next_sweep(&self, tick: Duration) -> Option<Instant> {
        self.due.map(|due| due.max(self.began + tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees_each_number_once_and_knows_when_to_begin_again() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut sweep = Sweep::new(now);
        assert_eq!([sweep.next(2), sweep.next(2), sweep.next(2)], [Some(0), Some(1), None]);
        // More have come meanwhile.
        assert_eq!([sweep.next(3), sweep.next(3)], [Some(2), None]);
        assert_eq!(sweep.next_sweep(second), None);
        sweep.note(None);
        sweep.note(Some(now + second * 5));
        assert_eq!(sweep.next_sweep(second), Some(now + second * 5));
        sweep.note(Some(now));
        assert_eq!(sweep.next_sweep(second), Some(now + second));
    }
}
