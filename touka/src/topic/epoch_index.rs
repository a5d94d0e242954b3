//! [`EpochIndex`], the topics of a hub by the epochs of their logs.

use std::collections::HashMap;
use std::ptr;
use std::sync::{Arc, Weak};

use super::position::Epoch;
use super::shared_log::SharedLog;
use crate::sync::Mutex;

/// The loaded topics of a hub by epoch. An id is given out only after its topic is loaded, so the topic of every id
/// is here as long as it is in memory.
#[derive(Debug, Default)]
pub(super) struct EpochIndex(Mutex<Logs>);

#[derive(Debug, Default)]
struct Logs {
    by_epoch: HashMap<Epoch, Weak<SharedLog>>,
    /// The number of entries at which those of topics that are gone are removed.
    prune_at: usize,
}

/// The number of entries below which pruning is never worth it.
const MIN_PRUNE: usize = 1024;

impl EpochIndex {
    /// Adds a topic that has just been loaded.
    pub(super) fn insert(&self, log: &Arc<SharedLog>) {
        let mut logs = self.0.lock();
        // Under the lock of the index, so that the last change of the log's epoch is the last one of the index, too.
        let epoch = log.lock().log.epoch();
        if logs.by_epoch.len() >= logs.prune_at.max(MIN_PRUNE) {
            logs.by_epoch.retain(|_, log| log.strong_count() > 0);
            logs.prune_at = 2 * logs.by_epoch.len();
        }
        logs.by_epoch.insert(epoch, Arc::downgrade(log));
    }

    /// Adds a topic whose log had another epoch, which it does not have any more.
    pub(super) fn replace(&self, before: Epoch, log: &Arc<SharedLog>) {
        self.insert(log);
        let mut logs = self.0.lock();
        // The log may have come back to the epoch meanwhile, and another log may have it.
        let is_stale = before != log.lock().log.epoch();
        let is_own = logs.by_epoch.get(&before).is_some_and(|known| ptr::eq(known.as_ptr(), Arc::as_ptr(log)));
        if is_stale && is_own {
            logs.by_epoch.remove(&before);
        }
    }

    /// The topic whose log has this epoch.
    ///
    /// The caller holds the lock of the hub's table, and relies on it to know all strong references to a topic.
    pub(super) fn get(&self, epoch: Epoch) -> Option<Arc<SharedLog>> {
        self.0.lock().by_epoch.get(&epoch)?.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::retention::Retention;

    #[test]
    fn entries_of_topics_that_are_gone_are_pruned() {
        let index = EpochIndex::default();
        let stays = Arc::new(SharedLog::new("stays", Retention::new()));
        index.insert(&stays);
        for _ in 0..10 * MIN_PRUNE {
            index.insert(&Arc::new(SharedLog::new("goes", Retention::new())));
        }
        assert!(index.0.lock().by_epoch.len() <= MIN_PRUNE);
        let epoch = stays.lock().log.epoch();
        assert!(index.get(epoch).is_some_and(|found| Arc::ptr_eq(&found, &stays)));
    }
}
