//! [`Received`], one event as a client got it.

use std::fmt;
use std::panic::Location;

use serde::de::DeserializeOwned;

use super::wait::fail;

/// One event, as the listener of an `EventSource` gets it.
///
/// ```
/// use touka::testing::{Parser, Received};
///
/// let mut parser = Parser::new();
/// parser.feed(b"id: 7\nevent: price\ndata: {\"cents\":120}\n\n");
/// let event = parser.take().remove(0);
/// assert_eq!(event, Received { name: "price".into(), data: r#"{"cents":120}"#.into(), id: "7".into() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The event's name; `message` where the server gave none.
    pub name: String,
    /// The event's data, its lines joined with `\n`.
    pub data: String,
    /// The last event id at that moment: the event's own, or that of an earlier one. Empty where
    /// there was none.
    pub id: String,
}

impl Received {
    /// The data, read as JSON.
    ///
    /// # Panics
    /// The data is no JSON of a `T`; the message shows it.
    ///
    /// ```
    /// # use touka::testing::Received;
    /// let event = Received { name: "count".into(), data: "[1,2]".into(), id: String::new() };
    /// assert_eq!(event.json::<Vec<u8>>(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        self.json_for(Location::caller())
    }

    /// As [`Received::json`], for a line of the test that is further up.
    pub(super) fn json_for<T: DeserializeOwned>(&self, caller: &Location<'_>) -> T {
        from_json(caller, &format!("the data of event `{}`", self.name), self.data.as_bytes())
    }
}

/// The name and the data, short enough for a message.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event `{}` with data {:?}", self.name, self.data)
    }
}

/// Reads JSON, or fails the test and shows what was there.
pub(super) fn from_json<T: DeserializeOwned>(caller: &Location<'_>, what: &str, json: &[u8]) -> T {
    serde_json::from_slice(json).unwrap_or_else(|error| {
        fail(
            caller,
            &format!("{what} is not a {}", std::any::type_name::<T>()),
            &[("expected", "its JSON"), ("got", &String::from_utf8_lossy(json)), ("reason", &error.to_string())],
        )
    })
}
