//! [`MergedPosition`], the positions of a subscriber of several topics, and the event id that names them.

use super::position::{Epoch, Mark, Tag};
use crate::event::EventId;

/// The maximum number of topics that one stream follows.
///
/// In the worst case their id then has 220 of the 256 bytes that an id may have. While no topic has more than two
/// million events, it has at most 128.
pub(super) const MAX_TOPICS: usize = 10;

/// The positions in several topics, in the order in which the topics were listed.
///
/// As an event id it is `2.` and, in base 64, a hash of the list of topics and each position. To keep the id short,
/// epochs and tags are truncated to 24 bits. A position is mistaken for another one only if both parts collide:
/// the probability is 2⁻⁴⁸.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MergedPosition(pub(super) Vec<ShortPosition>);

/// The position in one of the topics, with a truncated epoch and tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortPosition {
    offset: u64,
    epoch: u32,
    tag: u32,
}

/// The bits that are kept of an epoch and of a tag.
const MASK: u32 = 0xFF_FFFF;

impl ShortPosition {
    pub(super) const fn new(epoch: Epoch, mark: Mark) -> Self {
        Self { offset: mark.offset, epoch: short_epoch(epoch), tag: mark.tag.bits() & MASK }
    }

    pub(super) const fn offset(self) -> u64 {
        self.offset
    }

    pub(super) const fn is_in(self, epoch: Epoch) -> bool {
        self.epoch == short_epoch(epoch)
    }

    pub(super) const fn has_tag(self, tag: Tag) -> bool {
        self.tag == tag.bits() & MASK
    }
}

const fn short_epoch(epoch: Epoch) -> u32 {
    let [.., a, b, c] = epoch.bits().to_be_bytes();
    u32::from_be_bytes([0, a, b, c])
}

impl MergedPosition {
    /// The positions that an id names. `None` if it is not an id of this list of topics.
    pub(super) fn parse(id: &EventId, list: u16, topics: usize) -> Option<Self> {
        let id = id.to_string();
        let bytes = from_base64(id.strip_prefix("2.")?)?;
        let mut rest = bytes.strip_prefix(&list.to_be_bytes())?;
        let mut parts = Vec::with_capacity(topics);
        for _ in 0..topics {
            let offset = take_varint(&mut rest)?;
            let (epoch, tag) = (take_24(&mut rest)?, take_24(&mut rest)?);
            parts.push(ShortPosition { offset, epoch, tag });
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

/// Hashes a list of topics, in every process alike: FNV-1a, folded to 16 bits.
pub(super) fn list_hash<'a>(names: impl Iterator<Item = &'a str>) -> u16 {
    let mut hash = 0x811C_9DC5_u32;
    for name in names {
        // UTF-8 never contains this byte, so `ab, c` and `a, bc` differ.
        for byte in name.bytes().chain([0xFF]) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    let [a, b, c, d] = hash.to_be_bytes();
    u16::from_be_bytes([a ^ c, b ^ d])
}

/// Appends a number as a varint: seven bits per byte, little-endian. The top bit is set when more bytes follow.
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

/// The URL-safe alphabet of RFC 4648, which headers and queries carry without escaping.
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
        // The encoding is unique: unused bits must be zero.
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
        fn an_id_names_its_positions(parts in prop::collection::vec((any::<u64>(), 0..=MASK, 0..=MASK), 1..=MAX_TOPICS), list: u16) {
            let position = MergedPosition(parts.into_iter().map(|(offset, epoch, tag)| ShortPosition { offset, epoch, tag }).collect());
            let id = position.to_id(list);
            prop_assert_eq!(MergedPosition::parse(&id, list, position.0.len()), Some(position));
            let text = id.to_string();
            prop_assert!(text.len() <= 256, "{}", text.len());
            prop_assert!(EventId::new(text).is_ok());
        }

        #[test]
        fn hostile_ids_are_none_or_themselves(text in "2\\.[A-Za-z0-9_-]{0,60}", list: u16, topics in 1..=MAX_TOPICS) {
            if let Some(position) = MergedPosition::parse(&EventId::new(&*text).unwrap(), list, topics) {
                prop_assert_eq!(MergedPosition::parse(&position.to_id(list), list, topics), Some(position));
            }
        }
    }

    #[test]
    fn usual_ids_are_short() {
        let part = ShortPosition { offset: 2_000_000, epoch: MASK, tag: MASK };
        let id = MergedPosition(vec![part; MAX_TOPICS]).to_id(7).to_string();
        assert!(id.len() <= 128, "{}", id.len());
    }

    #[test]
    fn lists_have_different_hashes() {
        let of = |names: &[&'static str]| list_hash(names.iter().copied());
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
