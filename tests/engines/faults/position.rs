//! [`Position`], the position of an event, as its id and as the engine have it.

use std::fmt;

/// The position of an event: the epoch of its log, its offset, and its tag.
///
/// Of the epoch and of the tag it has 24 bits, as the id of a stream of several topics has, so that the positions of all
/// clients can be compared.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
    pub(crate) tag: u64,
}

impl Position {
    pub(crate) const fn new(epoch: u64, offset: u64, tag: u64) -> Self {
        const MASK: u64 = 0xFF_FFFF;
        Self { epoch: epoch & MASK, offset, tag: tag & MASK }
    }

    /// Whether this stands for the predecessor of an event that NATS has trimmed.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.tag == 0
    }

    /// The position that the id of a stream of one topic names, which has the form `1.<epoch>.<offset>.<tag>`.
    pub(crate) fn parse(id: &str) -> Self {
        let parts: Vec<_> = id.split('.').collect();
        let ["1", epoch, offset, tag] = parts[..] else { panic!("not a position: {id}") };
        Self::new(number(epoch), offset.parse().expect("an offset"), number(tag))
    }

    /// The positions that an id names, one for each topic of the stream. That of several topics has the form
    /// `2.<base 64>`: a hash of their names in two bytes, and then the offset of each as a varint, with three bytes of its
    /// epoch and three of its tag.
    pub(crate) fn all_of(id: &str) -> Vec<Self> {
        let Some(encoded) = id.strip_prefix("2.") else { return vec![Self::parse(id)] };
        let mut bytes = base_64(encoded).into_iter().skip(2).map(u64::from).peekable();
        let mut positions = Vec::new();
        while bytes.peek().is_some() {
            let mut next = || bytes.next().unwrap_or_else(|| panic!("too short: {id}"));
            let (mut offset, mut shift) = (0, 0);
            loop {
                let byte = next();
                offset |= (byte & 0x7F) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut three = || (0..3).fold(0, |number, _| number << 8 | next());
            positions.push(Self::new(three(), offset, three()));
        }
        positions
    }
}

/// A number in base 62, the most significant digit first.
fn number(digits: &str) -> u64 {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let value = |digit| DIGITS.find(digit).expect("a digit") as u64;
    digits.chars().fold(0, |number, digit| number * 62 + value(digit))
}

/// The bytes of a text in the URL-safe alphabet of RFC 4648, without padding.
fn base_64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits: Vec<_> = text.chars().map(|digit| DIGITS.find(digit).expect("a digit") as u64).collect();
    let four = |digits: &[u64]| {
        let bits = digits.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - digits.len()));
        bits.to_be_bytes()[5..4 + digits.len()].to_vec()
    };
    digits.chunks(4).flat_map(four).collect()
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}.{:x}", self.epoch, self.offset, self.tag)
    }
}
