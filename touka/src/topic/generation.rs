//! [`Generations`]: where a log ends, for whom, and why.
//!
//! # The model
//! A log is one sequence of events. Its readers are divided into *generations*:
//!
//! - A reader belongs to the generation that is current when it subscribes.
//! - A generation ends once, or never: at the newest event of that moment, with a reason and perhaps a
//!   last event. The next generation begins there.
//! - A reader stops where its own generation has ended, as soon as it has read that far. Earlier ends
//!   are not its ends, and events after its end are not its events, however slow it is.
//! - The end of a feed's body ends the current generation. A body that is dropped because nobody
//!   follows it ends none.
//! - A log can be closed: its last generation ends, and no other begins. A reader that comes later
//!   belongs to that ended generation: it gets what is kept up to its end, and stops.
//!
//! A generation is kept by the readers that belong to it, and by the log if it is current. So there
//! are never more ends in memory than readers.

use std::sync::{Arc, OnceLock};

use crate::error::CloseReason;
use crate::event::Event;

/// The readers that have an end in common.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    /// How many generations were before it.
    number: u64,
    /// Set once, under the log's lock.
    end: OnceLock<End>,
}

/// The end of a generation.
#[derive(Debug)]
pub(crate) struct End {
    /// The offset of the newest event at that moment.
    pub(super) at: u64,
    pub(super) reason: CloseReason,
    /// The event that is sent after all others.
    pub(super) last: Option<Event>,
}

/// The generations of one log: the current one, and how it goes on.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    current: Arc<Generation>,
    /// The current generation has ended, and is the last.
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

    /// How many generations have ended.
    pub(super) fn ends(&self) -> u64 {
        self.current.number + u64::from(self.closed)
    }

    /// Ends the current generation and begins another. A closed log has no more ends.
    pub(super) fn end(&mut self, end: End) {
        if self.closed {
            return;
        }
        let next = Generation { number: self.current.number + 1, end: OnceLock::new() };
        let ended = std::mem::replace(&mut self.current, Arc::new(next));
        // The current generation has no end yet, so this one is set.
        let _ = ended.end.set(end);
    }

    /// Ends the current generation, and with it the log.
    pub(super) fn close(&mut self, end: End) {
        if !self.closed {
            self.closed = true;
            let _ = self.current.end.set(end);
        }
    }

    /// Moves the end of a closed log that was not read yet when it was closed: its events are of before.
    #[cfg(feature = "disk")]
    pub(super) fn move_close(&mut self, at: u64) {
        let end = self.current.end().filter(|_| self.closed);
        if let Some(End { reason, last, .. }) = end {
            let end = End { at, reason: *reason, last: last.clone() };
            self.current = Arc::new(Generation { number: self.current.number, end: OnceLock::from(end) });
        }
    }
}
