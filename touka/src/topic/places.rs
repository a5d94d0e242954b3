//! [`Places`], where a subscriber of several topics is in each of them, and the id that says so.

use super::position::{Epoch, Mark, Tag};
use crate::event::EventId;

/// How many topics one stream follows at most. In the worst case their id then has 220 of an id's
/// 256 bytes; as long as no topic has more than two million events, no more than 128.
pub(super) const MOST_TOPICS: usize = 10;

/// What an id of several topics tells: `2.` and, in base 64, which topics they are and the place
/// in each.
///
/// There is no room for whole epochs and tags, so each is cut to 24 bits. To be taken for another
/// one by chance, both must be alike: once in 280 million million times.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places(pub(super) Vec<Part>);

/// The place in one of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    offset: u64,
    epoch: u32,
    tag: u32,
}

const CUT: u32 = 0xFF_FFFF;

impl Part {
    pub(super) const fn new(epoch: Epoch, mark: Mark) -> Self {
        Self { offset: mark.offset, epoch: cut_epoch(epoch), tag: mark.tag.bits() & CUT }
    }

    pub(super) const fn offset(self) -> u64 {
        self.offset
    }

    pub(super) const fn is_of(self, epoch: Epoch) -> bool {
        self.epoch == cut_epoch(epoch)
    }

    pub(super) const fn has(self, tag: Tag) -> bool {
        self.tag == tag.bits() & CUT
    }
}

const fn cut_epoch(epoch: Epoch) -> u32 {
    let [.., a, b, c] = epoch.bits().to_be_bytes();
    u32::from_be_bytes([0, a, b, c])
}

impl Places {
    /// The places that an id names, if it is one of these topics.
    pub(super) fn parse(id: &EventId, list: u16, topics: usize) -> Option<Self> {
        let id = id.to_string();
        let bytes = from_base64(id.strip_prefix("2.")?)?;
        let mut rest = bytes.strip_prefix(&list.to_be_bytes())?;
        let mut parts = Vec::with_capacity(topics);
        for _ in 0..topics {
            let offset = take_varint(&mut rest)?;
            let (epoch, tag) = (take_24(&mut rest)?, take_24(&mut rest)?);
            parts.push(Part { offset, epoch, tag });
        }
        rest.is_empty().then_some(Self(parts))
    }

    pub(super) fn to_id(&self, list: u16) -> EventId {
        let mut bytes = Vec::with_capacity(2 + self.0.len() * 10);
        bytes.extend_from_slice(&list.to_be_bytes());
        for part in &self.0 {
            put_varint(&mut bytes, part.offset);
            bytes.extend_from_slice(&part.epoch.to_be_bytes()[1..]);
            bytes.extend_from_slice(&part.tag.to_be_bytes()[1..]);
        }
        EventId::from_position(format!("2.{}", to_base64(&bytes)))
    }
}

/// Tells one list of topics from another, in every process alike: FNV-1a, folded to 16 bits.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> u16 {
    let mut hash = 0x811C_9DC5_u32;
    for name in names {
        // No name has this byte in it, so `ab, c` is not `a, bc`.
        for byte in name.bytes().chain([0xFF]) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    let [a, b, c, d] = hash.to_be_bytes();
    u16::from_be_bytes([a ^ c, b ^ d])
}

/// Seven bits a byte, the least first; the top bit says that there are more.
fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [least, ..] = number.to_le_bytes();
        number >>= 7;
        bytes.push(if number == 0 { least } else { least | 0x80 });
        if number == 0 {
            return;
        }
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_24(bytes: &mut &[u8]) -> Option<u32> {
    let (&[a, b, c], rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// RFC 4648's alphabet for addresses: all of it goes through headers and queries as it is.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate().fold(0_u32, |bits, (at, &byte)| bits | u32::from(byte) << (16 - 8 * at));
        for at in 0..=three.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at) & 0x3F) as usize]));
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for four in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for (at, digit) in four.iter().enumerate() {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            bits |= u32::try_from(value).ok()? << (18 - 6 * at);
        }
        let length = four.len().checked_sub(1).filter(|&length| length > 0)?;
        let three = bits.to_be_bytes();
        bytes.extend_from_slice(&three[1..=length]);
        // One text for each id: no bits are left over.
        if three[length + 1..].iter().any(|&left| left != 0) {
            return None;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_names_its_places(parts in prop::collection::vec((any::<u64>(), 0..=CUT, 0..=CUT), 1..=MOST_TOPICS), list: u16) {
            let places = Places(parts.into_iter().map(|(offset, epoch, tag)| Part { offset, epoch, tag }).collect());
            let id = places.to_id(list);
            prop_assert_eq!(Places::parse(&id, list, places.0.len()), Some(places));
            let text = id.to_string();
            prop_assert!(text.len() <= 256, "{}", text.len());
            prop_assert!(EventId::new(text).is_ok());
        }

        #[test]
        fn hostile_ids_are_none_or_themselves(text in "2\\.[A-Za-z0-9_-]{0,60}", list: u16, topics in 1..=MOST_TOPICS) {
            if let Some(places) = Places::parse(&EventId::new(&*text).unwrap(), list, topics) {
                prop_assert_eq!(Places::parse(&places.to_id(list), list, topics), Some(places));
            }
        }
    }

    #[test]
    fn usual_ids_are_short() {
        let part = Part { offset: 2_000_000, epoch: CUT, tag: CUT };
        let id = Places(vec![part; MOST_TOPICS]).to_id(7).to_string();
        assert!(id.len() <= 128, "{}", id.len());
    }

    #[test]
    fn lists_are_told_apart() {
        let of = |names: &[&'static str]| list(names.iter().copied());
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
