//! [`Record`], one event as bytes on disk.

use crate::topic::encoded::{Draft, Encoded};
use crate::topic::event_keys::EventKeys;
use crate::topic::position::Tag;
use crate::topic::role::Role;

/// One event without its offset, which is part of the key that the record is stored under.
///
/// | bytes | value |
/// |---|---|
/// | 4 | tag |
/// | 8 | time of the publish, in milliseconds of Unix time |
/// | 4 | length of the key plus 1, or 0 for an event without a key, and two flags |
/// | 8 | number of bytes of the topic's events before this one, if the second highest bit is set: older versions do not write it |
/// | … | key |
/// | 4 | length of the idempotency key, if there is one: the highest bit is set |
/// | … | idempotency key |
/// | … | the event as on the wire, without its id; before it, one byte if it is no ordinary event: see [`Role`] |
///
/// Integers are big-endian.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) tag: Tag,
    pub(super) time: u64,
    /// The bytes of all events that the topic had before this one, counted by [`Record::len`].
    pub(super) start: Option<u64>,
    pub(super) keys: EventKeys<'a>,
    pub(super) wire: &'a [u8],
}

/// Encodes an event that is about to be published.
pub(super) fn of_draft(tag: Tag, time: u64, start: Option<u64>, keys: EventKeys<'_>, draft: &Draft) -> Vec<u8> {
    let (before, after) = draft.without_id();
    let EventKeys { key, once } = keys;
    let short = |length: usize| u32::try_from(length).unwrap_or(HAS_START - 1);
    let flags = once.map_or(0, |_| HAS_ONCE) | start.map_or(0, |_| HAS_START);
    let length = key.map_or(0, |key| short(key.len() + 1)) | flags;
    let lengths = key.map_or(0, str::len) + once.map_or(0, |once| once.len() + 4);
    let mut bytes = Vec::with_capacity(24 + lengths + before.len() + after.len());
    bytes.extend_from_slice(&tag.bits().to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    if let Some(start) = start {
        bytes.extend_from_slice(&start.to_be_bytes());
    }
    bytes.extend_from_slice(key.unwrap_or_default().as_bytes());
    if let Some(once) = once {
        bytes.extend_from_slice(&short(once.len()).to_be_bytes());
        bytes.extend_from_slice(once.as_bytes());
    }
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(after);
    bytes
}

/// The bit that tells that there is an idempotency key.
const HAS_ONCE: u32 = 1 << 31;

/// The bit that tells that there is a [`Record::start`].
const HAS_START: u32 = 1 << 30;

impl<'a> Record<'a> {
    /// Decodes a record. For other bytes, returns one that takes the place of the damaged event in its topic: older than all
    /// others, without keys, and with [`Tag::UNKNOWN`].
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let keys = EventKeys::default();
        Self::parse(bytes).unwrap_or(Self { tag: Tag::UNKNOWN, time: 0, start: None, keys, wire: bytes })
    }

    /// The number of bytes of the event and its keys that count for the retention.
    pub(super) fn len(&self, offset: u64) -> usize {
        let EventKeys { key, once } = self.keys;
        Encoded::len_of(self.wire, offset) + key.map_or(0, str::len) + once.map_or(0, str::len)
    }

    /// Whether the event closes its topic. A damaged record says nothing.
    pub(super) fn is_last(&self) -> bool {
        let is_damaged = self.tag == Tag::UNKNOWN && self.time == 0;
        !is_damaged && Role::of(self.wire) == Role::Last
    }

    /// Decodes a record. `None` for other bytes.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length);
        let (has_once, has_start) = (length & HAS_ONCE != 0, length & HAS_START != 0);
        let length = usize::try_from(length & !(HAS_ONCE | HAS_START)).ok()?;
        let (start, rest) = if has_start {
            let (start, rest) = rest.split_first_chunk()?;
            (Some(u64::from_be_bytes(*start)), rest)
        } else {
            (None, rest)
        };
        let (key, rest) = rest.split_at_checked(length.saturating_sub(1))?;
        let key = if length == 0 { None } else { Some(str::from_utf8(key).ok()?) };
        let (once, wire) = if has_once {
            let (length, rest) = rest.split_first_chunk()?;
            let (once, wire) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            (Some(str::from_utf8(once).ok()?), wire)
        } else {
            (None, rest)
        };
        let (tag, time) = (Tag::from_bits(u32::from_be_bytes(*tag)), u64::from_be_bytes(*time));
        Some(Self { tag, time, start, keys: EventKeys { key, once }, wire })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::Event;
    use crate::topic::position::{Epoch, Mark, Position};

    fn position() -> Position {
        Position { epoch: Epoch::from_bits(7), mark: Mark { offset: 9, tag: Tag::from_bits(11) } }
    }

    #[test]
    fn a_record_decodes_to_the_same_event() {
        let events = [
            Event::new(),
            Event::data("one\ntwo"),
            Event::data("id: 7").id("its own").retry(Duration::from_secs(1)).comment("first"),
            Event::new().comment("id: nothing else"),
            Event::new().id("only"),
        ];
        for event in events {
            for (key, once) in [(None, None), (Some(""), None), (Some("clé"), Some("once")), (None, Some(""))] {
                let key = EventKeys { key, once };
                let draft = Draft::of(event.clone()).unwrap();
                let encoded = Encoded::new(&draft, position());
                let start = key.key.map(|key| key.len() as u64);
                let bytes = of_draft(Tag::from_bits(11), 5, start, key, &draft);
                let record = Record::parse(&bytes).unwrap();
                let Record { tag, time, start: parsed, keys, .. } = record;
                assert_eq!((tag, time, parsed, keys), (Tag::from_bits(11), 5, start, key));
                let again = Encoded::new(&Draft::stored(record.wire), position());
                assert_eq!(again.chunk(), encoded.chunk());
                let keys = [key.key, key.once].into_iter().flatten().map(str::len).sum::<usize>();
                assert_eq!(record.len(position().mark.offset), encoded.len() + keys);
            }
        }
    }

    const KEYS: EventKeys<'static> = EventKeys { key: Some("key"), once: Some("once") };

    #[test]
    fn truncated_bytes_are_not_a_record() {
        let bytes = of_draft(Tag::from_bits(1), 2, Some(3), KEYS, &Draft::of(Event::data("x")).unwrap());
        for length in 0..24 + "key".len() + 4 + "once".len() {
            assert_eq!(Record::parse(&bytes[..length]), None, "{length}");
            assert_eq!(Record::read(&bytes[..length]).tag, Tag::UNKNOWN, "{length}");
        }
    }
}
