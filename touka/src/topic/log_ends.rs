//! The ends of a log: where it ends for which of its readers.

use std::sync::Arc;

use super::generation::{End, Generation};
use super::log::Log;
use super::position::Mark;
use crate::error::CloseReason;
use crate::event::Event;

impl Log {
    /// Ends the streams of all present readers. Readers that come later get later events.
    pub(crate) fn end(&mut self, reason: CloseReason, last: Option<Event>) {
        self.end_at(self.head().offset, reason, last);
    }

    /// Ends the streams of all present readers after the event at this offset, which may arrive later.
    pub(crate) fn end_at(&mut self, at: u64, reason: CloseReason, last: Option<Event>) {
        self.generations.end(End { at, reason, last });
    }

    pub(crate) const fn engine_ends(&self) -> Option<u64> {
        self.engine_ends
    }

    pub(crate) const fn set_engine_ends(&mut self, ends: u64) {
        self.engine_ends = Some(ends);
    }

    /// Ends the streams of all readers, present and future.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.generations.close(End { at: self.head().offset, reason, last: None });
    }

    /// The current generation.
    pub(crate) const fn generation(&self) -> &Arc<Generation> {
        self.generations.current()
    }

    /// Whether the newest entry is the last event of the topic. Readers end behind it.
    pub(crate) const fn is_complete(&self) -> bool {
        self.roles.is_complete()
    }

    /// A number that changes with each entry that readers do not read like the others.
    pub(crate) const fn irregular(&self) -> u64 {
        self.roles.irregular()
    }

    /// The mark of the newest entry, at which a reader begins that wants what comes next. In a complete log it is the one before:
    /// the last event is what comes next, to all that have not seen it.
    pub(super) fn live(&self) -> Mark {
        if !self.is_complete() {
            return self.head();
        }
        let mut newest = self.after(0).rev();
        match (newest.next(), newest.next()) {
            (None, _) => self.head(),
            (Some(_), before) => before.map_or(self.tail(), |entry| entry.mark),
        }
    }

    /// Whether the log is closed: readers get only the events from before the closing.
    pub(crate) const fn is_closed(&self) -> bool {
        self.generations.is_closed()
    }
}
