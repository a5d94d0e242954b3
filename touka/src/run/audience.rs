//! [`Audience`], whether a run has viewers anywhere.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

/// The viewers of a run, as far as it needs any.
#[derive(Debug)]
pub(super) struct Audience {
    /// The time for which the run goes on without viewers. `None` if it needs none.
    patience: Option<Duration>,
    /// The other nodes that have viewers.
    remote: HashSet<u64>,
    /// Whether there has been a viewer.
    had_any: bool,
    /// Whether there were viewers in this process at the last look.
    are_here: bool,
    /// The time since which there is no viewer.
    since: Option<Instant>,
}

impl Audience {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        Self { patience, remote: HashSet::new(), had_any: false, are_here: false, since: None }
    }

    /// Whether it matters to the run that it has viewers.
    pub(super) const fn counts(&self) -> bool {
        self.patience.is_some()
    }

    /// Records whether another node has viewers.
    pub(super) fn set_remote(&mut self, node: u64, present: bool) {
        if present {
            self.remote.insert(node);
            (self.had_any, self.since) = (true, None);
        } else {
            self.remote.remove(&node);
        }
    }

    /// Whether the last viewer has left for too long. `here` is the number of viewers in this process.
    pub(super) fn has_left(&mut self, here: usize, now: Instant) -> bool {
        let Some(patience) = self.patience else { return false };
        self.are_here = here > 0;
        if here > 0 || !self.remote.is_empty() {
            (self.had_any, self.since) = (true, None);
            return false;
        }
        if !self.had_any {
            return false;
        }
        now.saturating_duration_since(*self.since.get_or_insert(now)) >= patience
    }

    /// Records that a viewer has left: the time without viewers begins anew.
    pub(super) fn visited(&mut self, now: Instant) {
        (self.had_any, self.since) = (true, Some(now));
    }

    /// Whether viewers have come or left since the last look.
    pub(super) const fn has_changed(&self, here: usize) -> bool {
        self.are_here != (here > 0)
    }

    /// The time at which the last viewer has left for too long, if none comes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since?.checked_add(self.patience?)
    }
}
