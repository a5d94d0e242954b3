//! [`Signal`], the flag of a key that is queued in a shard's inbox.

use super::atomic::{AtomicBool, Ordering};

/// A flag between the threads that notify a shard, which raise it, and the shard, which lowers it.
#[derive(Debug)]
pub(super) struct Signal(AtomicBool);

impl Signal {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Raises the flag. Returns `true` if it was lowered before: then the caller queues the key in the inbox.
    pub(super) fn raise(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Lowers the flag, before the shard reads the state that may have changed.
    ///
    /// A swap and not a store: a store could become visible after the shard's reads. A `raise` between the two
    /// would then find the flag raised, and the writes before that `raise` would be missed. The swap reads the
    /// value of that `raise`, and so synchronizes with all writes before it.
    pub(super) fn lower(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }
}
