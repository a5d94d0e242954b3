//! [`ActiveTopics`], the topics whose logs get the events that are written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sync::Mutex;
use crate::topic::engine::Tail;

/// The ends of the logs that get the events that are written, by the names of their topics.
#[derive(Debug, Default)]
pub(super) struct ActiveTopics(Mutex<HashMap<Arc<str>, Arc<Tail>>>);

impl ActiveTopics {
    /// Adds a topic, which replaces an earlier one of its name.
    pub(super) fn add(self: &Arc<Self>, tail: Tail) -> Activation {
        let tail = Arc::new(tail);
        self.0.lock().insert(Arc::clone(tail.topic()), Arc::clone(&tail));
        Activation { topics: Arc::clone(self), tail }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Tail>> {
        self.0.lock().get(name).cloned()
    }
}

/// Guard that keeps a topic active.
#[derive(Debug)]
pub(super) struct Activation {
    topics: Arc<ActiveTopics>,
    tail: Arc<Tail>,
}

impl Drop for Activation {
    fn drop(&mut self) {
        let mut topics = self.topics.0.lock();
        // The topic may have been activated again.
        if topics.get(self.tail.topic()).is_some_and(|known| Arc::ptr_eq(known, &self.tail)) {
            topics.remove(self.tail.topic());
        }
    }
}
