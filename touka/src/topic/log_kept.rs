//! The events that a log does not have any more, as far as this process decides what is retained.

use super::log::Log;
use super::position::{Mark, Tag};

impl Log {
    /// Records that the engine has no event up to this mark, for an engine of this process alone.
    pub(crate) fn set_kept(&mut self, mark: Mark) {
        if self.kept.is_none_or(|kept| kept.offset < mark.offset) {
            self.kept = Some(mark);
        }
    }

    /// The mark before the oldest event that is retained, as far as this process decides that.
    pub(crate) const fn kept(&self) -> Option<Mark> {
        if self.is_cache() { self.kept } else { Some(self.tail()) }
    }

    /// Whether the event with this mark is damaged in the hub's file, so that no client can prove that it has seen it.
    pub(super) fn is_damaged(&self, mark: Mark) -> bool {
        self.kept.is_some() && mark.offset > 0 && mark.tag == Tag::UNKNOWN
    }

    /// Whether events after `seen` are known to be gone.
    pub(super) fn has_lost(&self, seen: u64) -> bool {
        // Events that are too many leave a file with the next publish.
        let counted = self.head().offset.saturating_sub(self.retention().events.max(1) as u64);
        self.kept().is_some_and(|kept| seen < kept.offset.max(counted))
    }

    /// The number of events and of bytes that a reader is behind. Bytes from before the tail are not counted.
    pub(crate) fn behind(&self, seen: u64) -> (u64, u64) {
        // An engine that other processes use may leave offsets out.
        let older = self.kept().map_or(0, |_| self.tail().offset.saturating_sub(seen));
        (older + self.after(seen).len() as u64, self.bytes_after(seen))
    }
}
