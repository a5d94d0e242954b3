//! [`Position`], a position in a topic's log, and the event id that names it.

use std::fmt;

use crate::event::EventId;
use crate::stream::random;

/// The position of one event in one topic's log, for an [`Engine`](super::engine::Engine).
///
/// Clients get it as the id of the event: `1.<epoch>.<offset>.<tag>`, with letters, digits and dots only, which headers,
/// queries and CORS rules all allow. The `1` is the version of the format. The text is opaque to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The mark of the event in the log.
    pub mark: Mark,
}

/// The offset of an event in its log, and the random tag that distinguishes it from another event with this offset: one
/// that was written after the log had lost its newest events.
///
/// The mark before the first event is all zeros: [`Mark::default`].
///
/// ```
/// use touka::topic::engine::Mark;
///
/// let first = Mark::default().next();
/// assert_eq!((first.offset, first.next().offset), (1, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The number of the event. The first event has an offset of at least 1, and each later one a higher offset than the
    /// one before. An engine may leave offsets out.
    pub offset: u64,
    /// The random bits of the event.
    pub tag: Tag,
}

/// The identity of a log: a random number, which changes when the log begins anew, for example after its topic was removed.
/// Two logs have different epochs.
///
/// ```
/// use touka::topic::engine::Epoch;
///
/// let epoch = Epoch::random();
/// assert_eq!(Epoch::from_bits(epoch.bits()), epoch);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

/// The random bits of one event. They distinguish it from another event that got its offset after a store has lost it.
///
/// ```
/// use touka::topic::engine::Tag;
///
/// let tag = Tag::random();
/// assert_eq!(Tag::from_bits(tag.bits()), tag);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag(u32);

const EPOCH_DIGITS: usize = 8;
const TAG_DIGITS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Mark {
    /// Draws a tag, and returns the mark of the event after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { offset: self.offset.saturating_add(1), tag: Tag::random() }
    }
}

impl Epoch {
    /// Draws an epoch.
    pub fn random() -> Self {
        Self::from_bits(random())
    }

    /// The epoch of these bits: those of [`Epoch::bits`], or any random ones. Of other numbers, the remainder of a
    /// division by 62^8 is used, which the id of an event has space for.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits % 62_u64.pow(8))
    }

    /// The bits of the epoch, less than 62^8.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl Tag {
    /// The tag of an event whose record is damaged.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// Draws a tag.
    pub fn random() -> Self {
        Self((random() >> 32) as u32)
    }

    /// The tag of these bits: those of [`Tag::bits`], or any random ones.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits of the tag.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl Position {
    /// The position that an id names. `None` for any other id.
    pub(crate) fn parse(id: &EventId) -> Option<Self> {
        let id = id.to_string();
        let mut parts = id.split('.');
        let (version, epoch, offset, tag) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "1" || parts.next().is_some() {
            return None;
        }
        // Each position has one text only: `+7` and `07` are not 7.
        if !offset.bytes().all(|digit| digit.is_ascii_digit()) || offset.len() > 1 && offset.starts_with('0') {
            return None;
        }
        let epoch = Epoch(number(epoch, EPOCH_DIGITS)?);
        let tag = Tag(u32::try_from(number(tag, TAG_DIGITS)?).ok()?);
        Some(Self { epoch, mark: Mark { offset: offset.parse().ok()?, tag } })
    }

    pub(crate) fn to_id(self) -> EventId {
        let mut text = String::with_capacity(40);
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{self}"));
        EventId::from_position(text)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1.")?;
        digits::<EPOCH_DIGITS>(f, self.epoch.0)?;
        f.write_str(".")?;
        f.write_str(itoa::Buffer::new().format(self.mark.offset))?;
        f.write_str(".")?;
        digits::<TAG_DIGITS>(f, self.mark.tag.0.into())
    }
}

/// Writes `N` digits in base 62, the most significant one first.
fn digits<const N: usize>(f: &mut fmt::Formatter<'_>, mut number: u64) -> fmt::Result {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        // The remainder is less than 62.
        *digit = DIGITS[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    if text.len() != digits {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        Some(number * 62 + u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(id: &str) -> Option<Position> {
        Position::parse(&EventId::new(id).unwrap())
    }

    proptest! {
        #[test]
        fn an_id_parses_to_its_position(bits: u64, offset: u64, tag: u32) {
            let position = Position { epoch: Epoch::from_bits(bits), mark: Mark { offset, tag: Tag::from_bits(tag) } };
            let id = position.to_id();
            prop_assert_eq!(Position::parse(&id), Some(position));
            let text = id.to_string();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{}", text);
            prop_assert!(text.len() <= 128, "{}", text);
        }

        #[test]
        fn other_texts_are_not_positions(text in "[0-9A-Za-z.+ -]{1,40}") {
            if let Ok(id) = EventId::new(&*text) && let Some(position) = Position::parse(&id) {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }

    #[test]
    fn malformed_ids_are_not_positions() {
        assert!(parse("1.abcdefgh.7.0bcdef").is_some());
        for id in [
            "7",
            "done",
            "2.abcdefgh.7.0bcdef",
            "1.abcdefg.7.0bcdef",
            "1.abcdefgh.07.0bcdef",
            "1.abcdefgh.+7.0bcdef",
            "1.abcdefgh.-7.0bcdef",
            "1.abcdefgh..0bcdef",
            "1.abcdefgh.7.0bcde",
            "1.abcdefgh.7.zzzzzz", // more bits than a tag has
            "1.abcdefgh.7.0bcdef.",
            "1.abcdefgh.18446744073709551616.0bcdef",
        ] {
            assert_eq!(parse(id), None, "{id}");
        }
    }
}
