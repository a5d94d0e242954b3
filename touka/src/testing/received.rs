//! [`Received`], one event as a client received it.

use std::fmt;
use std::panic::Location;

use serde::de::DeserializeOwned;

use super::wait::fail;

/// One event, as a listener of an `EventSource` receives it.
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
    /// The event's name; `message` if the server sent none.
    pub name: String,
    /// The event's data, its lines joined with `\n`.
    pub data: String,
    /// The last event id when the event was dispatched: the event's own or that of an earlier one. Empty if
    /// there was none.
    pub id: String,
}

impl Received {
    /// Deserializes the data from JSON.
    ///
    /// # Panics
    /// The data is not the JSON of a `T`. The message shows it.
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

    /// [`Received::json`] on behalf of another line of the test.
    pub(super) fn json_for<T: DeserializeOwned>(&self, caller: &Location<'_>) -> T {
        from_json(caller, &format!("the data of event `{}`", self.name), self.data.as_bytes())
    }
}

/// The name and the data, as messages show them.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event `{}` with data {:?}", self.name, self.data)
    }
}

/// Deserializes JSON, or fails the test and shows the text.
pub(super) fn from_json<T: DeserializeOwned>(caller: &Location<'_>, what: &str, json: &[u8]) -> T {
    serde_json::from_slice(json).unwrap_or_else(|error| {
        fail(
            caller,
            &format!("{what} is not a {}", std::any::type_name::<T>()),
            &[("expected", "its JSON"), ("got", &String::from_utf8_lossy(json)), ("reason", &error.to_string())],
        )
    })
}
