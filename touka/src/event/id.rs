//! [`EventId`], the id that a client sends back.

use std::borrow::Cow;
use std::fmt;

use super::field::{checked_conversions, fault};
use super::name::EventName;
use crate::error::{Error, Result};

/// The maximum length: ids come back as a request header, and a proxy may refuse a longer one.
const MAX_ID_BYTES: usize = 256;

/// The value of an event's `id` field, which the client sends back as `Last-Event-ID`.
///
/// An id has no control character (HTTP servers answer 400 to such a header, and the client never
/// reconnects), no space at either end (HTTP removes it), and at most 256 bytes. It is never empty: an empty
/// id makes the client forget its last one.
///
/// Browsers send any text back unchanged. Some clients in other languages only support ASCII, so an id of
/// letters, digits and `.-_~` is the most portable.
///
/// Whole numbers are valid ids and need no allocation:
///
/// ```
/// use touka::EventId;
///
/// assert_eq!(EventId::from(7u64).to_string(), "7");
/// assert_eq!(EventId::new("7").unwrap(), EventId::from(7u64));
/// assert!(EventId::new("").is_err());
/// ```
///
/// On the wire: `id: 7`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventId(Id);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Id {
    Number(u64),
    /// Invariant: not the canonical form of a `u64`, which is a `Number`, so that equal texts are equal
    /// values.
    Text(Cow<'static, str>),
}

impl EventId {
    /// Checks an id that is known only at run time.
    ///
    /// # Errors
    /// The id is empty, is longer than 256 bytes, has a control character, or starts or ends with a space.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        Self::check(id.as_bytes())?;
        Ok(Self(match canonical_number(&id) {
            Some(number) => Id::Number(number),
            None => Id::Text(Cow::Owned(id)),
        }))
    }

    /// Checks an id that is written in the source. In a `const` an invalid one fails the build.
    ///
    /// # Panics
    /// The id is not valid and this is not evaluated at compile time. For a text that is not a literal, use
    /// [`EventId::new`].
    pub const fn from_static(id: &'static str) -> Self {
        match fault(id.as_bytes(), MAX_ID_BYTES) {
            None => Self(match canonical_number(id) {
                Some(number) => Id::Number(number),
                None => Id::Text(Cow::Borrowed(id)),
            }),
            Some(fault) => panic!("{}", fault.message()),
        }
    }

    /// Returns the id as a number, if it is one: `"7"` is, `"07"` is not.
    ///
    /// ```
    /// use touka::EventId;
    ///
    /// # fn main() -> touka::Result<()> {
    /// assert_eq!(EventId::new("7")?.as_u64(), Some(7));
    /// assert_eq!(EventId::new("07")?.as_u64(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Id::Number(number) => Some(number),
            Id::Text(_) => None,
        }
    }

    /// Returns the event name with the same text: every valid id is a valid name.
    pub(crate) fn to_name(&self) -> EventName {
        EventName::checked(match &self.0 {
            Id::Number(number) => Cow::Owned(number.to_string()),
            Id::Text(text) => text.clone(),
        })
    }

    /// Creates an id from a position in a topic's log, whose characters are all valid.
    pub(crate) const fn from_position(text: String) -> Self {
        Self(Id::Text(Cow::Owned(text)))
    }

    /// Checks the bytes of an id that are already in a buffer.
    pub(super) fn check(id: &[u8]) -> Result<()> {
        match fault(id, MAX_ID_BYTES) {
            None => Ok(()),
            Some(fault) => Err(Error::field("event id", &String::from_utf8_lossy(id), fault.message())),
        }
    }

    pub(super) const fn repr(&self) -> &Id {
        &self.0
    }
}

/// Returns the number whose shortest decimal form is exactly `text`.
const fn canonical_number(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut number: u64 = 0;
    let mut at = 0;
    while at < digits.len() {
        if !digits[at].is_ascii_digit() {
            return None;
        }
        let Some(shifted) = number.checked_mul(10) else { return None };
        let Some(sum) = shifted.checked_add((digits[at] - b'0') as u64) else { return None };
        number = sum;
        at += 1;
    }
    Some(number)
}

macro_rules! ids_from_unsigned {
    ($($int:ty)*) => {$(
        impl From<$int> for EventId {
            fn from(id: $int) -> Self {
                Self(Id::Number(u64::from(id)))
            }
        }
    )*};
}
ids_from_unsigned!(u8 u16 u32 u64);

impl From<usize> for EventId {
    fn from(id: usize) -> Self {
        // Lossless on every platform that Rust supports.
        Self(Id::Number(id as u64))
    }
}

macro_rules! ids_from_signed {
    ($($int:ty)*) => {$(
        impl From<$int> for EventId {
            fn from(id: $int) -> Self {
                Self(match u64::try_from(id) {
                    Ok(number) => Id::Number(number),
                    Err(_) => Id::Text(Cow::Owned(id.to_string())),
                })
            }
        }
    )*};
}
// `i32` is the type of the literal in `.id(7)`.
ids_from_signed!(i32 i64);

checked_conversions!(EventId);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({:?})", self.to_string())
    }
}
