//! [`KeyIndex`], the retained events of a log by their keys.

use std::collections::HashMap;
use std::sync::Arc;

use super::event_keys::{EventKeys, KeptKeys};
use super::position::Mark;

/// The retained events of a log by their keys.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    /// The offset of the newest event of each key.
    newest: HashMap<Arc<str>, u64>,
    /// The marks of the events with idempotency keys.
    once: HashMap<Arc<str>, Mark>,
}

impl KeyIndex {
    /// Adds an event. Returns its keys, which are shared with the index, and the offset of the event that it supersedes.
    pub(super) fn insert(&mut self, keys: EventKeys<'_>, mark: Mark) -> (KeptKeys, Option<u64>) {
        let key = keys.key.map(|key| match self.newest.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        });
        let superseded = key.as_ref().and_then(|key| self.newest.insert(Arc::clone(key), mark.offset));
        let once: Option<Arc<str>> = keys.once.map(Into::into);
        if let Some(once) = &once {
            self.once.insert(Arc::clone(once), mark);
        }
        (KeptKeys { key, once }, superseded)
    }

    /// Removes an event that is no longer retained.
    pub(super) fn remove(&mut self, keys: KeptKeys, mark: Mark) {
        if let Some(key) = keys.key
            && self.newest.get(&key) == Some(&mark.offset)
        {
            self.newest.remove(&key);
        }
        if let Some(once) = keys.once
            && self.once.get(&once) == Some(&mark)
        {
            self.once.remove(&once);
        }
    }

    /// The offset of the newest event with this key.
    pub(super) fn newest(&self, key: &str) -> Option<u64> {
        self.newest.get(key).copied()
    }

    /// The mark of the event with this idempotency key.
    pub(super) fn once(&self, key: &str) -> Option<Mark> {
        self.once.get(key).copied()
    }
}
