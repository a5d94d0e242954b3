//! [`EventName`], the name that a client listens for.

use std::borrow::Cow;
use std::fmt;

use super::field::{checked_conversions, fault};
use crate::error::{Error, Result};

/// The value of an event's `event` field, which a client listens for.
///
/// A name has no control character (a line break would forge another field) and no space at either end. It is
/// never empty: an event without a name arrives as `message`.
///
/// `EventSource` fires events named `open` and `error` of its own, and a server's event of that name reaches
/// the same listeners. Choose another name unless that is the intention.
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
    /// Checks a name that is known only at run time.
    ///
    /// # Errors
    /// The name is empty, has a control character, or starts or ends with a space.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match fault(name.as_bytes(), usize::MAX) {
            None => Ok(Self(Cow::Owned(name))),
            Some(fault) => Err(Error::field("event name", &name, fault.message())),
        }
    }

    /// Checks a name that is written in the source. In a `const` an invalid one fails the build.
    ///
    /// # Panics
    /// The name is not valid and this is not evaluated at compile time. For a text that is not a literal, use
    /// [`EventName::new`].
    pub const fn from_static(name: &'static str) -> Self {
        match fault(name.as_bytes(), usize::MAX) {
            None => Self(Cow::Borrowed(name)),
            Some(fault) => panic!("{}", fault.message()),
        }
    }

    /// Creates a name from a text that is known to be valid.
    pub(super) const fn checked(name: Cow<'static, str>) -> Self {
        Self(name)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

checked_conversions!(EventName);

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

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventName({:?})", self.0)
    }
}
