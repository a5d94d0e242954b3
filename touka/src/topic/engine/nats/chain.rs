//! [`Chain`], events of a topic in their order.

use super::api::StoredMessage;
use super::node::position;
use super::record::{Body, Record};
use crate::topic::engine::shared::clock::Clock;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position};
use crate::topic::stored::Stored;

/// Events of a topic in their order, each with the mark of the one before. Messages are pushed in the order of the stream,
/// without any missing. Those after the last event of the topic are no part of it.
#[derive(Debug)]
pub(super) struct Chain {
    epoch: Epoch,
    /// The mark of the last record, if it is known.
    seen: Option<Mark>,
    /// Whether the last record is the last event of its topic.
    is_complete: bool,
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
        Self { epoch, seen, is_complete: false, next, events: Vec::new(), bytes: 0 }
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
            Body::Event { .. } if self.is_complete => {}
            Body::Event { key, wire } => {
                // An unknown predecessor has the number before, and no tag: no client has seen it.
                let unknown = Mark { offset: message.sequence.saturating_sub(1), ..Mark::default() };
                let previous = self.seen.unwrap_or(unknown);
                let keys = EventKeys { key, once: None };
                self.bytes += wire.len();
                self.events.push(Stored::new(position, previous, clock.to_local(message.time), keys, wire));
                self.seen = Some(position.mark);
                self.is_complete = record.is_last();
            }
            // What came before is of the log that was removed: its messages are deleted one by one, and some may be left.
            Body::Root { removed: Some(_) } => {
                self.restart();
                self.seen = Some(position.mark);
            }
            // Two nodes may have begun the log at the same time. The second beginning is no part of it.
            Body::Root { removed: None } => self.seen = self.seen.or(Some(position.mark)),
        }
        Pushed::Done
    }

    /// Takes a message as the predecessor of the next one only.
    pub(super) fn skip(&mut self, message: &StoredMessage, record: &Record<'_>) {
        self.next = message.sequence + 1;
        let mark = position(record, message.sequence).mark;
        if self.is_complete && record.is_event() {
            return;
        }
        self.is_complete = record.is_last();
        if !record.is_event() && record.epoch != self.epoch {
            self.seen = None;
        } else if self.seen.is_none() || !matches!(record.body, Body::Root { removed: None }) {
            self.seen = Some(mark);
        }
    }

    /// Drops all that was pushed: it belongs to an earlier log.
    pub(super) fn restart(&mut self) {
        self.events.clear();
        (self.seen, self.is_complete, self.bytes) = (None, false, 0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::topic::engine::nats::record::{event, root};
    use crate::topic::position::Tag;

    fn stored(sequence: u64, data: Vec<u8>) -> StoredMessage {
        StoredMessage { sequence, time: 0, data: Bytes::from(data) }
    }

    /// The offsets of the events in a chain of these messages, and the offset of the mark before the first one.
    fn chain_of(epoch: Epoch, messages: &[StoredMessage]) -> (Vec<u64>, Option<u64>) {
        let mut chain = Chain::new(epoch, None, 1);
        for message in messages {
            let record = Record::parse(&message.data).unwrap();
            if chain.push(message, &record, &Clock::default()) == Pushed::Elsewhere {
                chain.restart();
            }
        }
        let offsets = chain.events.iter().map(|event| event.position.mark.offset).collect();
        (offsets, chain.events.first().map(|first| first.previous.offset))
    }

    #[test]
    fn a_log_has_no_event_of_a_removed_one() {
        let (old, new) = (Epoch::from_bits(1), Epoch::from_bits(2));
        let event = |sequence, epoch| {
            stored(sequence, event(epoch, Tag::random(), EventKeys::default(), (b"", b"data: x\n\n")))
        };
        let root = |sequence, epoch, removed| stored(sequence, root(epoch, Tag::random(), removed));
        let messages = [
            event(2, old),
            event(3, old),
            root(4, new, Some(old)),
            // Its publisher has not heard of the removal.
            event(5, old),
            event(6, new),
        ];
        assert_eq!(chain_of(new, &messages), (vec![5, 6], Some(4)));
        // A second beginning of the same log is no part of it.
        let messages = [root(1, old, None), event(2, old), root(3, old, None), event(4, old)];
        assert_eq!(chain_of(old, &messages), (vec![2, 4], Some(1)));
    }
}
