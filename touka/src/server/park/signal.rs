//! [`Signal`], whether something stands in a shard's inbox already.

use super::atomic::{AtomicBool, Ordering};

/// A flag between those who have news for a shard, on any thread, and the shard, which looks at it.
#[derive(Debug)]
pub(super) struct Signal(AtomicBool);

impl Signal {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Raises the flag. True if it was not raised: then the caller puts the news into the inbox.
    pub(super) fn raise(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Lowers the flag, before the shard looks at what the news may be.
    ///
    /// A swap and not a store: a store could become visible after the look. A `raise` between the two
    /// would then find the flag raised, and what was written before that `raise` would not be seen.
    /// The swap reads the value of that `raise`, and all that was written before it.
    pub(super) fn lower(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }
}
