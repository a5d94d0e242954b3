//! [`KnownEpochs`], the epochs of topics that a node publishes to.

use std::collections::HashMap;

use crate::sync::Mutex;
use crate::topic::position::Epoch;

/// The epochs of the topics that a node publishes to, so that a publish is one request.
///
/// They are forgotten when the connection was lost: the removals of that time were not heard.
#[derive(Debug, Default)]
pub(super) struct KnownEpochs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    epochs: HashMap<String, Epoch>,
    /// The number of times that all epochs were forgotten.
    clears: u64,
}

/// The maximum number of epochs. Beyond it all are forgotten, and are read again when they are needed.
const MOST: usize = 65_536;

impl KnownEpochs {
    pub(super) fn get(&self, topic: &str) -> Option<Epoch> {
        self.0.lock().epochs.get(topic).copied()
    }

    /// The number of times that all epochs were forgotten, to be given to [`insert`](Self::insert).
    pub(super) fn clears(&self) -> u64 {
        self.0.lock().clears
    }

    /// Records an epoch that was read after all others were forgotten this number of times.
    pub(super) fn insert(&self, topic: &str, epoch: Epoch, clears: u64) {
        let mut state = self.0.lock();
        if state.clears != clears {
            return;
        }
        if state.epochs.len() >= MOST {
            state.epochs.clear();
        }
        state.epochs.insert(topic.to_owned(), epoch);
    }

    /// Forgets the epoch of a topic that takes no event any more.
    pub(super) fn forget(&self, topic: &str) {
        self.0.lock().epochs.remove(topic);
    }

    /// Forgets the epoch of a topic that was removed, or is being closed. One that is being read is not recorded.
    pub(super) fn remove(&self, topic: &str) {
        let mut state = self.0.lock();
        if state.epochs.remove(topic).is_none() {
            state.clears += 1;
        }
    }

    pub(super) fn clear(&self) {
        let mut state = self.0.lock();
        state.epochs.clear();
        state.clears += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_was_read_before_a_removal_is_not_recorded() {
        let (epochs, epoch) = (KnownEpochs::default(), Epoch::from_bits(7));
        let clears = epochs.clears();
        epochs.insert("a", epoch, clears);
        assert_eq!(epochs.get("a"), Some(epoch));
        let clears = epochs.clears();
        epochs.remove("b");
        epochs.insert("b", epoch, clears);
        assert_eq!((epochs.get("b"), epochs.get("a")), (None, Some(epoch)));
        epochs.clear();
        assert_eq!(epochs.get("a"), None);
    }
}
