//! [`Name`], a valid topic name in this program.

use std::str::FromStr;

use touka::EventName;

/// The topic with a route of its own: clients cannot publish to it.
pub(crate) const PRICES: &str = "prices";

/// Names with another meaning for a page: touka's events, `EventSource`'s own events, and the name of unnamed
/// events.
const RESERVED: [&str; 5] = ["gap", "error", "open", "message", PRICES];

/// A topic's name that is also its events' name.
///
/// Parsed from a request's path or query. An invalid name is a 400 with the reason.
#[derive(Clone, Debug)]
pub(crate) struct Name(EventName);

impl Name {
    /// The name that the topic's events have.
    pub(crate) fn as_event(&self) -> EventName {
        self.0.clone()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > 32 || !name.chars().all(is_plain) {
            return Err("a topic has at most 32 letters from a to z, digits and hyphens".into());
        }
        if RESERVED.contains(&name) {
            return Err(format!("{name} is no topic to publish to"));
        }
        EventName::new(name).map(Self).map_err(|error| error.to_string())
    }
}
