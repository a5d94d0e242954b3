//! [`ActiveTopics`], the topics whose logs get the events that are written.

use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::sync::Mutex;
use crate::topic::engine::Tail;

/// The topics whose logs get the events that are written, by name.
#[derive(Debug, Default)]
pub(super) struct ActiveTopics(Mutex<HashMap<Arc<str>, Weak<ActiveTopic>>>);

/// A topic whose log gets the events that are written, until the last reference is dropped.
#[derive(Debug)]
pub(super) struct ActiveTopic {
    topics: Arc<ActiveTopics>,
    pub(super) tail: Tail,
    /// Whether the log has the events from before.
    is_loaded: AtomicBool,
}

impl ActiveTopics {
    /// Adds a topic, or returns it if it is active already. A topic with another log replaces an earlier one of its name.
    /// `None` if the topic is removed. The caller keeps the log in memory.
    pub(super) fn add(self: &Arc<Self>, tail: Tail) -> Option<Arc<ActiveTopic>> {
        let mut topics = self.0.lock();
        // Under the lock: only after a removal, another topic of the name can be here.
        if tail.is_removed() {
            return None;
        }
        let known = topics.get(tail.topic()).and_then(Weak::upgrade);
        if let Some(same) = known.as_ref().filter(|known| known.tail.is_same(&tail)) {
            return Some(Arc::clone(same));
        }
        let topic = Arc::new(ActiveTopic { topics: Arc::clone(self), tail, is_loaded: AtomicBool::new(false) });
        topics.insert(Arc::clone(topic.tail.topic()), Arc::downgrade(&topic));
        drop(topics);
        // Its destructor takes the lock.
        drop(known);
        Some(topic)
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<ActiveTopic>> {
        self.0.lock().get(name)?.upgrade()
    }
}

impl ActiveTopic {
    pub(super) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    pub(super) fn set_loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }
}

impl Drop for ActiveTopic {
    fn drop(&mut self) {
        let mut topics = self.topics.0.lock();
        // The topic may have been activated again.
        if topics.get(self.tail.topic()).is_some_and(|known| ptr::eq(known.as_ptr(), self)) {
            topics.remove(self.tail.topic());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::epoch_index::EpochIndex;
    use crate::topic::retention::Retention;
    use crate::topic::shared_log::SharedLog;

    #[test]
    fn a_topic_is_active_until_its_last_reference_is_dropped() {
        let active = Arc::<ActiveTopics>::default();
        let logs = [(); 2].map(|()| Arc::new(SharedLog::new("a", Retention::new())));
        let [removed, other] = logs.each_ref().map(|log| Tail::new(log, &Arc::<EpochIndex>::default()));
        let [first, second] = [(); 2].map(|()| active.add(removed.clone()).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        first.set_loaded();
        drop(first);
        assert!(active.get("a").is_some_and(|known| known.is_loaded()));
        // Another topic with the same name takes its place, and keeps it.
        removed.remove();
        let other = active.add(other).unwrap();
        assert!(active.add(removed).is_none());
        assert!(!other.is_loaded());
        drop(second);
        assert!(active.get("a").is_some_and(|known| Arc::ptr_eq(&known, &other)));
        drop(other);
        assert!(active.get("a").is_none() && active.0.lock().is_empty());
    }
}
