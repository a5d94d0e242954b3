//! [`HubError`], what can go wrong with topics.

use std::error::Error as StdError;
use std::fmt;

use axum_core::BoxError;

use crate::error::Error;

/// An error of a [`Hub`](crate::Hub) or one of its topics.
///
/// Ask what it is with the `is_*` methods. Its text is for people and may change;
/// [`source`](StdError::source) has the cause. As a response it is a status and one line, and tells
/// nothing of the inside.
pub struct HubError(Box<Inner>);

struct Inner {
    kind: Kind,
    /// What was attempted, and the remedy where one is known.
    text: String,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    TooManyTopics,
    Type,
    Event,
    TooLarge,
    Key,
    #[cfg(feature = "disk")]
    Storage,
}

impl HubError {
    pub(super) fn new(kind: Kind, text: String, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { kind, text, source }))
    }

    pub(super) fn name(name: &str, reason: &str) -> Self {
        // A hostile name can be of any length; the message need not be.
        let shown: String = name.chars().take(40).collect();
        let more = if shown.len() < name.len() { "…" } else { "" };
        Self::new(Kind::Name, format!("{shown:?}{more} cannot be a topic: {reason}"), None)
    }

    pub(super) fn too_many_topics(most: usize) -> Self {
        let text = format!("there are {most} topics already, all in use; `Hub::max_topics` sets how many there may be");
        Self::new(Kind::TooManyTopics, text, None)
    }

    pub(super) fn too_many_merged(most: usize) -> Self {
        let text = format!("one stream follows between 1 and {most} topics; open another stream for the rest");
        Self::new(Kind::Name, text, None)
    }

    pub(super) fn other_type(name: &str, known: &str, asked: &str) -> Self {
        let shown: String = name.chars().take(40).collect();
        let text = format!(
            "the topic {shown:?} has values of the type `{known}`, and was asked for with `{asked}`: use one type for a \
             name, or two names; with `Event` every topic can be published to and read"
        );
        Self::new(Kind::Type, text, None)
    }

    pub(super) fn event(source: Error) -> Self {
        Self::new(Kind::Event, "the event cannot be encoded".into(), Some(source.into()))
    }

    pub(super) fn too_large(bytes: usize, most: usize) -> Self {
        let text =
            format!("an event of {bytes} bytes is too large for a topic: {most} is the most; send a reference to it");
        Self::new(Kind::TooLarge, text, None)
    }

    pub(super) fn key(bytes: usize, most: usize) -> Self {
        let text = format!(
            "a key of {bytes} bytes is too long: {most} bytes is the longest; publish under a hash of it, or a shorter name"
        );
        Self::new(Kind::Key, text, None)
    }

    /// The name cannot be a topic's, or there are too few or too many of them for one stream.
    pub fn is_name(&self) -> bool {
        self.0.kind == Kind::Name
    }

    /// The hub has as many topics as it may.
    pub fn is_too_many_topics(&self) -> bool {
        self.0.kind == Kind::TooManyTopics
    }

    /// The topic has values of another type: two places of the program use one name for two types.
    pub fn is_type(&self) -> bool {
        self.0.kind == Kind::Type
    }

    /// The event could not be encoded, or is too large. Nothing was published.
    pub fn is_event(&self) -> bool {
        matches!(self.0.kind, Kind::Event | Kind::TooLarge)
    }

    /// The event is larger than a topic takes.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// The key of a keyed event is too long. Nothing was published.
    pub fn is_key(&self) -> bool {
        self.0.kind == Kind::Key
    }

    /// What keeps the log failed. Nothing was published, as far as this process knows.
    #[cfg(feature = "disk")]
    pub fn is_storage(&self) -> bool {
        self.0.kind == Kind::Storage
    }
}

/// For a `main` that returns [`touka::Result`](crate::Result):
///
/// ```
/// use touka::{Hub, Topic};
///
/// fn news(hub: &Hub) -> touka::Result<Topic> {
///     Ok(hub.topic("news")?)
/// }
///
/// assert!(news(&Hub::memory()).is_ok());
/// ```
impl From<HubError> for Error {
    fn from(error: HubError) -> Self {
        let Inner { text, source, .. } = *error.0;
        Self::hub(text, source)
    }
}

impl fmt::Debug for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("HubError");
        debug.field(&self.0.kind).field(&self.0.text);
        if let Some(source) = &self.0.source {
            debug.field(source);
        }
        debug.finish()
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl StdError for HubError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_an_error_of_touka_it_says_the_same() {
        let hub_error = || HubError::event(Error::display());
        let error = Error::from(hub_error());
        assert!(error.is_hub() && !error.is_serialize());
        assert_eq!(error.to_string(), hub_error().to_string());
        let cause = |error: &dyn StdError| error.source().map(ToString::to_string);
        assert!(cause(&error).is_some_and(|text| Some(text) == cause(&hub_error())));
    }
}
