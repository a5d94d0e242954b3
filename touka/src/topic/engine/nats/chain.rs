//! [`Chain`], events of a topic in their order.

use super::api::StoredMessage;
use super::node::position;
use super::record::{Body, Record};
use crate::topic::engine::shared::clock::Clock;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position};
use crate::topic::stored::Stored;

/// Events of a topic in their order, each with the mark of the one before. Messages are pushed in the order of the stream,
/// without any missing.
#[derive(Debug)]
pub(super) struct Chain {
    epoch: Epoch,
    /// The mark of the last record, if it is known.
    seen: Option<Mark>,
    /// The sequence from which the next message is read.
    pub(super) next: u64,
    pub(super) events: Vec<Stored>,
    pub(super) bytes: usize,
}

/// The outcome of [`Chain::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The message is a part of the chain.
    Done,
    /// The message begins another log, or belongs to one.
    Elsewhere,
}

impl Chain {
    /// A chain that begins after the record with this mark, or at this sequence if that mark is not known.
    pub(super) fn new(epoch: Epoch, seen: Option<Mark>, next: u64) -> Self {
        Self { epoch, seen, next, events: Vec::new(), bytes: 0 }
    }

    /// The mark of the last record, if it is known.
    pub(super) const fn seen(&self) -> Option<Mark> {
        self.seen
    }

    /// Appends a message.
    pub(super) fn push(&mut self, message: &StoredMessage, record: &Record<'_>, clock: &Clock) -> Pushed {
        self.next = message.sequence + 1;
        // Only a root begins another log. An event names the log that its publisher knew.
        if !record.is_event() && record.epoch != self.epoch {
            return Pushed::Elsewhere;
        }
        let position = Position { epoch: self.epoch, mark: position(record, message.sequence).mark };
        match record.body {
            Body::Event { key, wire } => {
                // An unknown predecessor has the number before, and no tag: no client has seen it.
                let unknown = Mark { offset: message.sequence.saturating_sub(1), ..Mark::default() };
                let previous = self.seen.unwrap_or(unknown);
                let keys = EventKeys { key, once: None };
                self.bytes += wire.len();
                self.events.push(Stored::new(position, previous, clock.to_local(message.time), keys, wire));
                self.seen = Some(position.mark);
            }
            // Two nodes may have begun the log at the same time. The second beginning is no part of it.
            Body::Root { .. } => self.seen = self.seen.or(Some(position.mark)),
        }
        Pushed::Done
    }

    /// Takes a message as the predecessor of the next one only.
    pub(super) fn skip(&mut self, message: &StoredMessage, record: &Record<'_>) {
        self.next = message.sequence + 1;
        let mark = position(record, message.sequence).mark;
        if !record.is_event() && record.epoch != self.epoch {
            self.seen = None;
        } else if record.is_event() || self.seen.is_none() {
            self.seen = Some(mark);
        }
    }

    /// Drops all that was pushed: it belongs to an earlier log.
    pub(super) fn restart(&mut self) {
        self.events.clear();
        (self.seen, self.bytes) = (None, 0);
    }
}
