//! [`EpochNames`], the names of topics that this node has written to the server under their epochs.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;
use crate::topic::position::Epoch;

/// The times at which this node has last written the names of topics under their epochs, by which topics are found by
/// their ids.
#[derive(Debug)]
pub(in crate::topic::engine) struct EpochNames {
    written: Mutex<HashMap<Epoch, Instant>>,
    /// The time after which a name is written again. The server keeps it for longer.
    rewrite_after: Duration,
}

/// The number of names above which old ones are removed.
const MIN_PRUNE: usize = 4096;

impl EpochNames {
    pub(in crate::topic::engine) fn new(rewrite_after: Duration) -> Self {
        Self { written: Mutex::default(), rewrite_after }
    }

    /// Returns true if the name must be written, which the caller then does.
    pub(in crate::topic::engine) fn is_due(&self, epoch: Epoch) -> bool {
        let now = Instant::now();
        let mut written = self.written.lock();
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < self.rewrite_after;
        if written.get(&epoch).is_some_and(is_recent) {
            return false;
        }
        if written.len() >= MIN_PRUNE {
            written.retain(|_, at| is_recent(at));
        }
        if written.len() >= 16 * MIN_PRUNE {
            // There are too many topics to remember: their names are written more often.
            written.clear();
        }
        written.insert(epoch, now);
        true
    }

    /// Records that the name could not be written.
    #[cfg(feature = "nats")]
    pub(in crate::topic::engine) fn forget(&self, epoch: Epoch) {
        self.written.lock().remove(&epoch);
    }
}
