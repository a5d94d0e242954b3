//! [`Generations`]: where a log ends for which readers, and why.
//!
//! # The model
//! A log is one sequence of events. Its readers are divided into *generations*:
//!
//! - A reader belongs to the generation that is current when it subscribes.
//! - A generation ends at most once: at the event that is then the newest, with a reason and perhaps a last event. The
//!   next generation begins there.
//! - A reader stops at the end of its own generation, once it has read that far. Earlier ends do not concern it, and it
//!   never gets events after its end, however slow it is.
//! - The end of a feed's body ends the current generation. Dropping a body because it has no subscriber does not.
//! - A log can be closed: its last generation ends, and no other one begins. A later reader belongs to that generation:
//!   it gets the retained events up to its end, and stops.
//!
//! A generation is referenced by its readers, and by the log if it is current. So there are never more ends in memory
//! than readers.

use std::sync::{Arc, OnceLock};

use crate::error::CloseReason;
use crate::event::Event;

/// The readers that have a common end.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    /// The number of generations before this one.
    number: u64,
    /// Set at most once, under the log's lock.
    end: OnceLock<End>,
}

/// The end of a generation.
#[derive(Debug)]
pub(crate) struct End {
    /// The offset of the newest event when the generation ended.
    pub(super) at: u64,
    pub(super) reason: CloseReason,
    /// The event that is sent after all others, if any.
    pub(super) last: Option<Event>,
}

/// The current generation of a log, and whether it is the last one.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    current: Arc<Generation>,
    /// Whether the log is closed: the current generation has ended and is the last one.
    closed: bool,
}

impl Generation {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.end.get()
    }
}

impl Generations {
    pub(super) const fn current(&self) -> &Arc<Generation> {
        &self.current
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number of generations that have ended.
    pub(super) fn ends(&self) -> u64 {
        self.current.number + u64::from(self.closed)
    }

    /// Ends the current generation and begins another one, unless the log is closed.
    pub(super) fn end(&mut self, end: End) {
        if self.closed {
            return;
        }
        let next = Generation { number: self.current.number + 1, end: OnceLock::new() };
        let ended = std::mem::replace(&mut self.current, Arc::new(next));
        // Always succeeds: the current generation of an open log has no end.
        let _ = ended.end.set(end);
    }

    /// Ends the current generation and closes the log.
    pub(super) fn close(&mut self, end: End) {
        if !self.closed {
            self.closed = true;
            let _ = self.current.end.set(end);
        }
    }

    /// Moves the end of a closed log whose events are replaced: the new ones come before the end.
    pub(super) fn move_close(&mut self, at: u64) {
        let end = self.current.end().filter(|_| self.closed);
        if let Some(End { reason, last, .. }) = end {
            let end = End { at, reason: *reason, last: last.clone() };
            self.current = Arc::new(Generation { number: self.current.number, end: OnceLock::from(end) });
        }
    }
}
