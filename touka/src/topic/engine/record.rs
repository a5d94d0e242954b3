//! [`Record`], one event as bytes on disk.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::topic::encoded::{Draft, Encoded};
use crate::topic::position::Tag;

/// One event without its offset, which is part of the key that the record is stored under.
///
/// | bytes | value |
/// |---|---|
/// | 4 | tag |
/// | 8 | time of the publish, in milliseconds of Unix time |
/// | 4 | length of the key plus 1, or 0 for an event without a key |
/// | … | key |
/// | … | the event as on the wire, without its id |
///
/// Integers are big-endian.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) tag: Tag,
    pub(super) time: u64,
    pub(super) key: Option<&'a str>,
    pub(super) wire: &'a [u8],
}

/// Encodes an event that is about to be published.
pub(super) fn of_draft(tag: Tag, time: u64, key: Option<&str>, draft: &Draft) -> Vec<u8> {
    let (before, after) = draft.without_id();
    let mut bytes = head(tag, time, key, before.len() + after.len());
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(after);
    bytes
}

/// Encodes an event of a log.
pub(super) fn of_encoded(tag: Tag, time: u64, key: Option<&str>, event: &Encoded) -> Vec<u8> {
    let (before, after) = event.without_id();
    let mut bytes = head(tag, time, key, before.len() + after.len());
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(after);
    bytes
}

/// Whether these are the bytes of this event, regardless of the time.
pub(super) fn is_of(bytes: &[u8], tag: Tag, key: Option<&str>, event: &Encoded) -> bool {
    let (before, after) = event.without_id();
    Record::parse(bytes).is_some_and(|record| {
        // An event that has only a position has a blank line that its draft does not have.
        let is_same = |rest| rest == after || rest == b"" && after == b"\n";
        (record.tag, record.key) == (tag, key) && record.wire.strip_prefix(before).is_some_and(is_same)
    })
}

fn head(tag: Tag, time: u64, key: Option<&str>, wire: usize) -> Vec<u8> {
    let length = key.map_or(0, |key| u32::try_from(key.len() + 1).unwrap_or(u32::MAX));
    let mut bytes = Vec::with_capacity(16 + key.map_or(0, str::len) + wire);
    bytes.extend_from_slice(&tag.bits().to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(key.unwrap_or_default().as_bytes());
    bytes
}

/// The current time as in a record: in milliseconds of Unix time.
pub(super) fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl<'a> Record<'a> {
    /// Decodes a record. `None` for other bytes.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (key, wire) = rest.split_at_checked(length.saturating_sub(1))?;
        let key = if length == 0 { None } else { Some(str::from_utf8(key).ok()?) };
        Some(Self { tag: Tag::from_bits(u32::from_be_bytes(*tag)), time: u64::from_be_bytes(*time), key, wire })
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
            for key in [None, Some(""), Some("clé")] {
                let draft = Draft::of(event.clone()).unwrap();
                let encoded = Encoded::new(&draft, position());
                let bytes = of_draft(Tag::from_bits(11), 5, key, &draft);
                let record = Record::parse(&bytes).unwrap();
                assert_eq!((record.tag, record.time, record.key), (Tag::from_bits(11), 5, key));
                let again = Encoded::new(&Draft::stored(record.wire), position());
                assert_eq!(again.chunk(), encoded.chunk());
                assert!(is_of(&bytes, record.tag, key, &encoded));
                assert!(
                    !is_of(&bytes, Tag::from_bits(12), key, &encoded)
                        && !is_of(&bytes, record.tag, Some("k"), &encoded)
                );
                let cut = &bytes[..bytes.len() - 1];
                assert!(record.wire.len() < 2 || !is_of(cut, record.tag, key, &encoded));
                let bytes = of_encoded(Tag::from_bits(11), 5, key, &encoded);
                let again = Encoded::new(&Draft::stored(Record::parse(&bytes).unwrap().wire), position());
                assert_eq!(again.chunk(), encoded.chunk());
            }
        }
    }

    #[test]
    fn truncated_bytes_are_not_a_record() {
        let bytes = of_draft(Tag::from_bits(1), 2, Some("key"), &Draft::of(Event::data("x")).unwrap());
        for length in 0..16 + "key".len() {
            assert_eq!(Record::parse(&bytes[..length]), None, "{length}");
        }
    }
}
