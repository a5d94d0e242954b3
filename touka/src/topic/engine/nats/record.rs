//! [`Record`], one record of a topic as NATS keeps it.

use bytes::BytesMut;

use crate::event::Event;
use crate::topic::engine::FeedEnd;
use crate::topic::engine::shared::feed_reason::parse_reason;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Tag};
use crate::topic::role::Role;

/// One record on the subject of a topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) epoch: Epoch,
    pub(super) tag: Tag,
    pub(super) body: Body<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    Event {
        key: Option<&'a str>,
        wire: &'a [u8],
    },
    /// The beginning of a log. If the topic was removed before, its last epoch: older records do not count any more.
    Root {
        removed: Option<Epoch>,
    },
}

/// The end of a topic's feed.
#[derive(Debug)]
pub(super) struct EndRecord {
    pub(super) epoch: Epoch,
    pub(super) end: FeedEnd,
}

/// The announcement of an event that closes its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosingRecord {
    pub(super) epoch: Epoch,
    /// The sequence of the record before the event: it is stored if it is the next one, or else not at all.
    pub(super) after: u64,
}

/// The version of the format.
const VERSION: u8 = 1;

const EVENT: u8 = 1;
const ROOT: u8 = 2;
const END: u8 = 3;
const CLOSING: u8 = 4;

/// The bytes of a record before its body.
const HEAD: usize = 14;

/// The bytes of an event's record in addition to its key and the event itself.
pub(super) const EVENT_OVERHEAD: usize = HEAD + 4;

fn head(kind: u8, epoch: Epoch, tag: Tag, body: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body);
    bytes.extend([VERSION, kind]);
    bytes.extend(epoch.bits().to_be_bytes());
    bytes.extend(tag.bits().to_be_bytes());
    bytes
}

/// Encodes an event, of which the parts before and after its id are given.
pub(super) fn event(epoch: Epoch, tag: Tag, keys: EventKeys<'_>, wire: (&[u8], &[u8])) -> Vec<u8> {
    let key = keys.key.unwrap_or_default().as_bytes();
    let mut bytes = head(EVENT, epoch, tag, 4 + key.len() + wire.0.len() + wire.1.len());
    let length = keys.key.map_or(0, |key| key.len() + 1);
    // Keys are far shorter than 4 GiB.
    bytes.extend(u32::try_from(length).unwrap_or(0).to_be_bytes());
    bytes.extend(key);
    bytes.extend(wire.0);
    bytes.extend(wire.1);
    bytes
}

/// Encodes the beginning of a log.
pub(super) fn root(epoch: Epoch, tag: Tag, removed: Option<Epoch>) -> Vec<u8> {
    let mut bytes = head(ROOT, epoch, tag, 8);
    bytes.extend(removed.map_or(u64::MAX, Epoch::bits).to_be_bytes());
    bytes
}

/// Encodes the end of a feed.
pub(super) fn end(epoch: Epoch, end: &FeedEnd) -> Vec<u8> {
    let (reason, mut last) = (end.reason.as_str().as_bytes(), BytesMut::new());
    if let Some(event) = &end.last {
        event.encode(&mut last);
    }
    let mut bytes = head(END, epoch, Tag::default(), 17 + reason.len() + last.len());
    bytes.extend(end.number.to_be_bytes());
    bytes.extend(end.at.to_be_bytes());
    bytes.push(u8::try_from(reason.len()).unwrap_or(0));
    bytes.extend(reason);
    bytes.extend(last);
    bytes
}

/// Encodes the announcement of a closing.
pub(super) fn closing(epoch: Epoch, after: u64) -> Vec<u8> {
    let mut bytes = head(CLOSING, epoch, Tag::default(), 8);
    bytes.extend(after.to_be_bytes());
    bytes
}

/// The kind, the epoch and the tag, and the rest.
fn parse_head(bytes: &[u8]) -> Option<(u8, Epoch, Tag, &[u8])> {
    let ([version, kind], rest) = bytes.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (tag, rest) = rest.split_first_chunk()?;
    let epoch = Epoch::from_bits(u64::from_be_bytes(*epoch));
    (*version == VERSION).then_some((*kind, epoch, Tag::from_bits(u32::from_be_bytes(*tag)), rest))
}

impl<'a> Record<'a> {
    /// Parses a record. Returns `None` for other bytes.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (kind, epoch, tag, rest) = parse_head(bytes)?;
        let body = match kind {
            EVENT => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
                let (key, wire) = rest.split_at_checked(length.saturating_sub(1))?;
                let key = if length == 0 { None } else { Some(str::from_utf8(key).ok()?) };
                Body::Event { key, wire }
            }
            ROOT => {
                let removed = u64::from_be_bytes(*rest.first_chunk()?);
                Body::Root { removed: (removed != u64::MAX).then(|| Epoch::from_bits(removed)) }
            }
            _ => return None,
        };
        Some(Self { epoch, tag, body })
    }

    pub(super) const fn is_event(&self) -> bool {
        matches!(self.body, Body::Event { .. })
    }

    /// Whether this is an event that closes its topic.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.body, Body::Event { wire, .. } if Role::of(wire) == Role::Last)
    }
}

impl EndRecord {
    /// Parses the end of a feed. Returns `None` for other bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (END, epoch, _, rest) = parse_head(bytes)? else { return None };
        let (number, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (reason, last) = rest.split_at_checked(usize::from(*length))?;
        let reason = parse_reason(str::from_utf8(reason).ok()?);
        let last = (!last.is_empty()).then(|| Event::from_wire(last));
        let (number, at) = (u64::from_be_bytes(*number), u64::from_be_bytes(*at));
        Some(Self { epoch, end: FeedEnd { number, at, reason, last } })
    }
}

impl ClosingRecord {
    /// Parses the announcement of a closing. Returns `None` for other bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (CLOSING, epoch, _, rest) = parse_head(bytes)? else { return None };
        let (after, _) = rest.split_first_chunk()?;
        Some(Self { epoch, after: u64::from_be_bytes(*after) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::CloseReason;

    proptest! {
        #[test]
        fn a_record_is_what_was_encoded(bits: u64, tag: u32, key in prop::option::of(".{0,9}"), wire: Vec<u8>, at: usize) {
            let (epoch, tag) = (Epoch::from_bits(bits), Tag::from_bits(tag));
            let keys = EventKeys { key: key.as_deref(), once: None };
            let bytes = event(epoch, tag, keys, wire.split_at(at.min(wire.len())));
            prop_assert_eq!(bytes.len(), EVENT_OVERHEAD + key.as_deref().map_or(0, str::len) + wire.len());
            let body = Body::Event { key: key.as_deref(), wire: &wire };
            prop_assert_eq!(Record::parse(&bytes), Some(Record { epoch, tag, body }));
            let removed = (bits % 2 == 0).then_some(epoch);
            let bytes = root(epoch, tag, removed);
            prop_assert_eq!(Record::parse(&bytes), Some(Record { epoch, tag, body: Body::Root { removed } }));
            prop_assert!(EndRecord::parse(&bytes).is_none() && ClosingRecord::parse(&bytes).is_none());
            let closed = ClosingRecord { epoch, after: bits };
            prop_assert_eq!(ClosingRecord::parse(&closing(epoch, bits)), Some(closed));
        }

        #[test]
        fn other_bytes_are_no_record(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 0_u8..6) {
            let framed = [&[VERSION, kind][..], &bytes].concat();
            for bytes in [&bytes, &framed] {
                let _ = (Record::parse(bytes), EndRecord::parse(bytes), ClosingRecord::parse(bytes));
            }
        }
    }

    #[test]
    fn an_end_is_what_was_encoded() {
        let epoch = Epoch::from_bits(7);
        let (reason, last) = (CloseReason::Failed, Some(Event::data("x")));
        let read = EndRecord::parse(&end(epoch, &FeedEnd { number: 5, at: 12, reason, last })).unwrap();
        assert_eq!(read.epoch, epoch);
        let FeedEnd { number, at, reason, last } = read.end;
        assert_eq!((number, at, reason, last), (5, 12, CloseReason::Failed, Some(Event::data("x"))));
        let bytes = end(epoch, &FeedEnd { number: 5, at: 12, reason, last: None });
        assert_eq!(EndRecord::parse(&bytes).unwrap().end.last, None);
    }
}
