//! The two field values that could break the wire: the event's name and its id.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Ids come back as a request header; past this a proxy may refuse the request.
const MAX_ID_BYTES: usize = 256;

/// What makes a text unfit to be a field value.
#[derive(Clone, Copy)]
enum Fault {
    Empty,
    Control,
    OuterSpace,
    TooLong,
}

impl Fault {
    const fn message(self) -> &'static str {
        match self {
            Self::Empty => "it is empty; leave the field out instead",
            Self::Control => "it holds a control character, which would break the event stream or the request header",
            Self::OuterSpace => "it starts or ends with a space, which clients and proxies drop",
            Self::TooLong => "it is longer than 256 bytes, more than a request header should carry back",
        }
    }
}

/// Finds the first fault. Works on bytes because a `const fn` cannot walk `chars`.
const fn fault(bytes: &[u8], max: usize) -> Option<Fault> {
    if bytes.is_empty() {
        return Some(Fault::Empty);
    }
    if bytes.len() > max {
        return Some(Fault::TooLong);
    }
    if bytes[0] == b' ' || bytes[bytes.len() - 1] == b' ' {
        return Some(Fault::OuterSpace);
    }
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        // C0 and DEL are one byte; C1 (U+0080 to U+009F) is 0xC2 and then 0x80 to 0x9F.
        let c1 = byte == 0xC2 && at + 1 < bytes.len() && bytes[at + 1] < 0xA0;
        if byte < 0x20 || byte == 0x7F || c1 {
            return Some(Fault::Control);
        }
        at += 1;
    }
    None
}

/// The value of an event's `event` field: the name a client listens for.
///
/// It cannot hold a control character (a line break would forge another field) nor an outer
/// space, and it is never empty: an event without a name arrives as `message`.
///
/// `EventSource` fires events called `open` and `error` of its own. A server's event of that name
/// reaches the same listeners, so choose another unless you mean it.
///
/// ```
/// use touka::EventName;
///
/// const TICK: EventName = EventName::from_static("tick"); // checked when it is compiled
/// assert_eq!(TICK.as_str(), "tick");
/// assert!(EventName::new("two\nlines").is_err());
/// ```
///
/// On the wire: `event: tick`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventName(Cow<'static, str>);

impl EventName {
    /// Checks a name that is known at run time.
    ///
    /// # Errors
    /// The name is empty, holds a control character, or starts or ends with a space.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match fault(name.as_bytes(), usize::MAX) {
            None => Ok(Self(Cow::Owned(name))),
            Some(fault) => Err(Error::field("event name", &name, fault.message())),
        }
    }

    /// Checks a name that is written in the source. In a `const` a bad one fails the build.
    ///
    /// # Panics
    /// The name is bad and this is not evaluated at compile time. Use [`EventName::new`] for
    /// anything that is not a literal.
    pub const fn from_static(name: &'static str) -> Self {
        match fault(name.as_bytes(), usize::MAX) {
            None => Self(Cow::Borrowed(name)),
            Some(fault) => panic!("{}", fault.message()),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of an event's `id` field: what the client sends back as `Last-Event-ID`.
///
/// It cannot hold a control character (HTTP servers answer 400 to such a header, and that client
/// is lost for good), nor an outer space (HTTP trims it), and has at most 256 bytes. It is never
/// empty: an empty id tells the client to forget its last one.
///
/// Browsers send any text back intact. Some clients in other languages do not get beyond ASCII, so
/// an id of letters, digits and `.-_~` goes furthest.
///
/// Whole numbers are ids as they are, and cost no allocation:
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
    /// Never the canonical form of a `u64`: `new` would have made it a `Number`, so that equal
    /// texts are equal values.
    Text(Cow<'static, str>),
}

impl EventId {
    /// Checks an id that is known at run time.
    ///
    /// # Errors
    /// The id is empty, longer than 256 bytes, holds a control character, or starts or ends with
    /// a space.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        Self::check(id.as_bytes())?;
        Ok(Self(match canonical_number(&id) {
            Some(number) => Id::Number(number),
            None => Id::Text(Cow::Owned(id)),
        }))
    }

    /// Checks an id that is written in the source. In a `const` a bad one fails the build.
    ///
    /// # Panics
    /// The id is bad and this is not evaluated at compile time. Use [`EventId::new`] for anything
    /// that is not a literal.
    pub const fn from_static(id: &'static str) -> Self {
        match fault(id.as_bytes(), MAX_ID_BYTES) {
            None => Self(match canonical_number(id) {
                Some(number) => Id::Number(number),
                None => Id::Text(Cow::Borrowed(id)),
            }),
            Some(fault) => panic!("{}", fault.message()),
        }
    }

    /// The id as a number, where it is one: `"7"` is, `"07"` is not.
    pub const fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Id::Number(number) => Some(number),
            Id::Text(_) => None,
        }
    }

    /// The event name of the same text: what an id may be, a name may be.
    pub(crate) fn to_name(&self) -> EventName {
        EventName(match &self.0 {
            Id::Number(number) => Cow::Owned(number.to_string()),
            Id::Text(text) => text.clone(),
        })
    }

    /// Checks an id that is written already, and so never becomes a value.
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

/// The number whose shortest decimal form is exactly `text`.
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
        // Lossless on every platform Rust supports.
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
// `i32` is what the literal in `.id(7)` is when nothing else decides.
ids_from_signed!(i32 i64);

macro_rules! checked_conversions {
    ($($field:ident)*) => {$(
        /// For literals. A text known only at run time goes through `new`.
        ///
        /// # Panics
        /// The literal is not valid.
        impl From<&'static str> for $field {
            fn from(literal: &'static str) -> Self {
                Self::from_static(literal)
            }
        }

        impl FromStr for $field {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $field {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }
    )*};
}
checked_conversions!(EventName EventId);

impl PartialEq<str> for EventName {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for EventName {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventName({:?})", self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_refuse_what_breaks_the_wire() {
        let bad = ["", "a\nb", "a\rb", "a\0b", "\u{7f}", "tab\t", "\u{85}", "a\u{9f}b", " a", "a "];
        for text in bad {
            assert!(EventName::new(text).is_err(), "name {text:?}");
            assert!(EventId::new(text).is_err(), "id {text:?}");
        }
        for text in ["a", "a b", "…", "\u{a0}", "\u{2028}", "é", "a:b"] {
            assert_eq!(EventName::new(text).unwrap().as_str(), text);
            assert_eq!(EventId::new(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_byte_rule_agrees_with_chars_on_every_character() {
        for character in '\0'..=char::MAX {
            let refused = EventName::new(format!("a{character}b")).is_err();
            assert_eq!(refused, character.is_control(), "{character:?}");
        }
    }

    #[test]
    fn ids_have_a_length() {
        assert!(EventId::new("x".repeat(256)).is_ok());
        assert!(EventId::new("x".repeat(257)).is_err());
    }

    #[test]
    fn equal_texts_are_equal_ids() {
        for (text, number) in [("0", Some(0)), ("7", Some(7)), ("18446744073709551615", Some(u64::MAX))] {
            assert_eq!(EventId::new(text).unwrap().as_u64(), number);
        }
        for text in ["07", "18446744073709551616", "-1", "7a", "+7"] {
            let id = EventId::new(text).unwrap();
            assert_eq!((id.as_u64(), id.to_string()), (None, text.to_owned()));
        }
        assert_eq!(EventId::from(-1), EventId::new("-1").unwrap());
    }

    #[test]
    fn an_error_names_the_field_the_value_and_the_reason() {
        let error = EventName::new("two\nlines").unwrap_err().to_string();
        assert!(error.contains("event name") && error.contains(r"two\nlines") && error.contains("control"), "{error}");
    }
}
