//! [`Message`], one event as Redis keeps it and sends it to nodes.

use super::end::End;
use crate::topic::engine::shared::clock::Clock;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position, Tag};
use crate::topic::stored::Stored;

/// An event as Redis keeps it: a head of numbers, and the key and the bytes of the event.
///
/// The head has the epoch, the offset, the tag, the tag of the previous event, the time in milliseconds of Unix time, the
/// bytes of all events before, and the length of the key plus 1, or 0 for an event without one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) position: Position,
    previous: Mark,
    time: u64,
    key: Option<&'a str>,
    wire: &'a [u8],
}

/// A message on the channel of a topic.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    Event(Message<'a>),
    /// The topic with this epoch was removed.
    Removed(Epoch),
    /// The feed of the topic has ended.
    Ended(End),
    /// No node runs the feed of the topic.
    LeadFree,
}

impl<'a> Message<'a> {
    /// Parses an event. Returns `None` for other bytes.
    pub(super) fn parse(head: &[u8], body: &'a [u8]) -> Option<Self> {
        let mut numbers = str::from_utf8(head).ok()?.split(' ').map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        let (epoch, offset) = (Epoch::from_bits(next()?), next()?);
        let (tag, before, time) = (tag(next()?)?, tag(next()?)?, next()?);
        let (_start, length) = (next()?, usize::try_from(next()?).ok()?);
        let (key, wire) = body.split_at_checked(length.saturating_sub(1))?;
        let key = if length == 0 { None } else { Some(str::from_utf8(key).ok()?) };
        let previous = Mark { offset: offset.checked_sub(1)?, tag: before };
        Some(Self { position: Position { epoch, mark: Mark { offset, tag } }, previous, time, key, wire })
    }

    /// The event with its time on the clock of this process.
    pub(super) fn to_stored(&self, clock: &Clock) -> Stored {
        let keys = EventKeys { key: self.key, once: None };
        Stored::new(self.position, self.previous, clock.to_local(self.time), keys, self.wire)
    }
}

impl<'a> Heard<'a> {
    /// Parses a message on the channel of a topic. Returns `None` for other bytes.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        if let Some(epoch) = payload.strip_prefix(b"removed ") {
            return Some(Self::Removed(Epoch::from_bits(str::from_utf8(epoch).ok()?.parse().ok()?)));
        }
        if let Some(end) = payload.strip_prefix(b"ended ") {
            return End::parse(end).map(Self::Ended);
        }
        if payload == b"free" {
            return Some(Self::LeadFree);
        }
        let end = memchr::memchr(b'\n', payload)?;
        Message::parse(&payload[..end], &payload[end + 1..]).map(Self::Event)
    }
}

/// A tag from its number.
pub(super) fn tag(number: u64) -> Option<Tag> {
    u32::try_from(number).ok().map(Tag::from_bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_has_what_the_script_has_written() {
        let heard = Heard::parse(b"777 6 60 50 1796031374827 30 4\nkeydata: x\n\n");
        let mark = |offset, number| Mark { offset, tag: Tag::from_bits(number) };
        let message = Message {
            position: Position { epoch: Epoch::from_bits(777), mark: mark(6, 60) },
            previous: mark(5, 50),
            time: 1_796_031_374_827,
            key: Some("key"),
            wire: b"data: x\n\n",
        };
        assert!(matches!(heard, Some(Heard::Event(heard)) if heard == message));
        let removed = Heard::parse(b"removed 777");
        assert!(matches!(removed, Some(Heard::Removed(epoch)) if epoch == Epoch::from_bits(777)));
        assert!(matches!(Heard::parse(b"free"), Some(Heard::LeadFree)));
    }

    proptest! {
        #[test]
        fn other_bytes_are_no_message(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[0-9 ]{0,40}\n.*") {
            let _ = (Heard::parse(&bytes), Heard::parse(text.as_bytes()));
        }
    }
}
