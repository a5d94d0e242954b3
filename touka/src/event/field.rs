//! Checks and conversions of field values.

use std::time::Duration;

/// The value of a `retry` field: whole milliseconds. A longer delay than a `u64` holds is the longest that it holds.
pub(super) fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// The reason why a text is not a valid field value.
#[derive(Clone, Copy)]
pub(super) enum FieldFault {
    Empty,
    Control,
    OuterSpace,
    TooLong,
}

impl FieldFault {
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Empty => "it is empty; omit the field instead",
            Self::Control => "it holds a control character, which would break the event stream or the request header",
            Self::OuterSpace => "it starts or ends with a space, which clients and proxies drop",
            Self::TooLong => "it is longer than 256 bytes, more than a request header should carry back",
        }
    }
}

/// Returns the first fault of a name or an id. Checks bytes, because a `const fn` cannot iterate over
/// `chars`.
pub(super) const fn fault(bytes: &[u8], max: usize) -> Option<FieldFault> {
    if bytes.is_empty() {
        return Some(FieldFault::Empty);
    }
    if bytes.len() > max {
        return Some(FieldFault::TooLong);
    }
    if bytes[0] == b' ' || bytes[bytes.len() - 1] == b' ' {
        return Some(FieldFault::OuterSpace);
    }
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        // C0 and DEL are one byte; C1 (U+0080 to U+009F) is 0xC2 and then 0x80 to 0x9F.
        let c1 = byte == 0xC2 && at + 1 < bytes.len() && bytes[at + 1] < 0xA0;
        if byte < 0x20 || byte == 0x7F || c1 {
            return Some(FieldFault::Control);
        }
        at += 1;
    }
    None
}

/// The conversions of a checked value, besides its `new`.
macro_rules! checked_conversions {
    ($field:ident) => {
        /// Converts a literal. A text that is known only at run time goes through `new`.
        ///
        /// # Panics
        /// The literal is not valid.
        impl From<&'static str> for $field {
            fn from(literal: &'static str) -> Self {
                Self::from_static(literal)
            }
        }

        impl std::str::FromStr for $field {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> crate::error::Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $field {
            type Error = crate::error::Error;

            fn try_from(text: String) -> crate::error::Result<Self> {
                Self::new(text)
            }
        }
    };
}
pub(super) use checked_conversions;

#[cfg(test)]
mod tests {
    use crate::event::{EventId, EventName};

    #[test]
    fn names_and_ids_reject_text_that_breaks_the_wire() {
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
    fn ids_have_a_maximum_length() {
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
