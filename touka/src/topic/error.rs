//! [`HubError`], the error of a hub and its topics.

use std::error::Error as StdError;
use std::fmt;

use axum_core::BoxError;

use crate::error::Error;

/// An error of a [`Hub`](crate::Hub) or one of its topics.
///
/// The `is_*` methods tell its kind. Its text is for people and may change; [`source`](StdError::source) has the cause.
/// As a response it is a status and one line, without internal details.
///
/// | kind | response |
/// |---|---|
/// | [`is_name`](Self::is_name), [`is_key`](Self::is_key) | 400 |
/// | [`is_closed`](Self::is_closed) | 409 |
/// | [`is_removed`](Self::is_removed) | 410 |
/// | [`is_too_large`](Self::is_too_large) | 413 |
/// | [`is_too_many_topics`](Self::is_too_many_topics) | 503 |
/// | [`is_unavailable`](Self::is_unavailable) of a subscription | 200: a stream that ends at once, with a reconnection time |
/// | [`is_unavailable`](Self::is_unavailable), [`is_unknown`](Self::is_unknown) | 503 |
/// | others | 500 |
///
/// ```
/// use touka::response::{IntoResponse, StatusCode};
/// use touka::{Event, Hub};
///
/// let hub = Hub::memory();
/// let _prices = hub.topic::<u32>("prices");
/// assert!(hub.topic::<String>("prices").unwrap_err().is_type());
///
/// let error = hub.topic::<Event>("").unwrap_err();
/// assert!(error.is_name());
/// assert_eq!(error.into_response().status(), StatusCode::BAD_REQUEST);
/// ```
pub struct HubError(Box<Inner>);

struct Inner {
    kind: Kind,
    /// The operation that failed, and the remedy if one is known.
    text: String,
    source: Option<BoxError>,
    /// Whether a client wanted to subscribe.
    of_stream: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    TooManyTopics,
    Type,
    Event,
    TooLarge,
    Key,
    Removed,
    Closed,
    #[cfg(feature = "disk")]
    Storage,
    Unavailable,
    Unknown,
}

impl HubError {
    pub(super) fn new(kind: Kind, text: String, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { kind, text, source, of_stream: false }))
    }

    /// A copy of the error for another caller, without its cause.
    pub(super) fn repeat(&self) -> Self {
        Self::new(self.0.kind, self.0.text.clone(), None)
    }

    /// Whether a publish that has failed so may succeed later, and has published nothing.
    pub(crate) fn is_retryable(&self) -> bool {
        #[cfg(feature = "disk")]
        if self.0.kind == Kind::Storage {
            return true;
        }
        self.0.kind == Kind::Unavailable
    }

    /// The error of a client that wanted to subscribe.
    pub(super) fn of_stream(mut self) -> Self {
        self.0.of_stream = true;
        self
    }

    /// Whether the client gets a stream later if it reconnects.
    pub(crate) fn is_stream_for_later(&self) -> bool {
        self.0.of_stream && self.0.kind == Kind::Unavailable
    }

    pub(super) fn name(name: &str, reason: &str) -> Self {
        // A name from a request may be of any length.
        let shown: String = name.chars().take(40).collect();
        let more = if shown.len() < name.len() { "…" } else { "" };
        Self::new(Kind::Name, format!("{shown:?}{more} cannot be the name of a topic: {reason}"), None)
    }

    pub(super) fn too_many_topics(most: usize) -> Self {
        let text = format!("there are {most} topics already, all in use; `HubBuilder::max_topics` sets the maximum");
        Self::new(Kind::TooManyTopics, text, None)
    }

    pub(super) fn too_many_merged(most: usize) -> Self {
        let text = format!("one stream follows between 1 and {most} topics; open another stream for the rest");
        Self::new(Kind::Name, text, None)
    }

    pub(super) fn other_type(name: &str, known: &str, asked: &str) -> Self {
        let shown: String = name.chars().take(40).collect();
        let text = format!(
            "the topic {shown:?} has values of the type `{known}`, and was asked for with `{asked}`: use one type per \
             name, or two names; with `Event` every topic can be published to and read"
        );
        Self::new(Kind::Type, text, None)
    }

    pub(super) fn event(source: Error) -> Self {
        Self::new(Kind::Event, "the event cannot be encoded".into(), Some(source.into()))
    }

    /// The encoder of the event's type has written bytes that are no event.
    pub(super) fn malformed_event() -> Self {
        let text =
            "the event cannot be encoded: its type's `IntoEvent::encode_into` has written a control character first";
        Self::new(Kind::Event, text.into(), None)
    }

    pub(super) fn too_large(bytes: usize, most: usize) -> Self {
        let text = format!(
            "an event of {bytes} bytes is too large for a topic: the maximum is {most}; send a reference to it"
        );
        Self::new(Kind::TooLarge, text, None)
    }

    /// The event exceeds a limit of the server that keeps the events.
    #[cfg(feature = "nats")]
    pub(super) fn too_large_for_server(bytes: usize, most: usize, setting: &str) -> Self {
        let text = format!(
            "an event of {bytes} bytes is too large for the server that keeps the events: the maximum is {most}, by its \
             setting `{setting}`; raise that, or send a reference to the data"
        );
        Self::new(Kind::TooLarge, text, None)
    }

    pub(super) fn key(bytes: usize, most: usize) -> Self {
        let text =
            format!("a key of {bytes} bytes is too long: the maximum is {most}; use a hash of it, or a shorter name");
        Self::new(Kind::Key, text, None)
    }

    /// The error of an [`Engine`](super::engine::Engine) for a publish to a topic that was removed:
    /// [`is_removed`](Self::is_removed) is true.
    pub fn removed(topic: &str) -> Self {
        Self::new(Kind::Removed, Self::removed_text(topic), None)
    }

    /// The error of an [`Engine`](super::engine::Engine) for a publish to a topic that was closed:
    /// [`is_closed`](Self::is_closed) is true.
    pub fn closed(topic: &str) -> Self {
        Self::new(Kind::Closed, Self::closed_text(topic), None)
    }

    pub(super) fn closed_text(topic: &str) -> String {
        let shown: String = topic.chars().take(40).collect();
        format!(
            "the topic {shown:?} is closed, and takes no event after its last one; `Hub::remove` removes it, and \
             `Hub::topic` creates it anew"
        )
    }

    /// The error of an [`Engine`](super::engine::Engine) that cannot be used: nothing was published.
    /// [`is_unavailable`](Self::is_unavailable) is true.
    ///
    /// The text is that of the source: state what has failed, where, and the remedy. Operators read it in the log; clients
    /// do not get it.
    ///
    /// ```
    /// use touka::HubError;
    ///
    /// let error = HubError::unavailable("the database at db.internal does not answer: is it running?");
    /// assert!(error.is_unavailable());
    /// ```
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self::new(Kind::Unavailable, source.to_string(), Some(source))
    }

    /// The error of an [`Engine`](super::engine::Engine) that does not know whether it has published an event: the request
    /// was sent, and no answer has come. [`is_unknown`](Self::is_unknown) is true.
    pub fn unknown(topic: &str, source: impl Into<BoxError>) -> Self {
        Self::unknown_publish(topic, Some(source.into()))
    }

    /// The engine has panicked in this method.
    pub(super) fn engine_panicked(method: &str) -> Self {
        let text = format!("the engine of the hub has panicked in `{method}`: the log has its message");
        Self::new(Kind::Unavailable, text, None)
    }

    /// The tokio runtime has shut down in which the hub was created, or that of the caller.
    pub(crate) fn no_runtime() -> Self {
        let text =
            "the tokio runtime of the hub has shut down: create hubs in the runtime that runs as long as the program";
        Self::new(Kind::Unavailable, text.into(), None)
    }

    pub(crate) fn outside_of_a_runtime() -> Self {
        let text =
            "there is no tokio runtime here that can run the body: start runs in a task, or within `Runtime::enter`";
        Self::new(Kind::Unavailable, text.into(), None)
    }

    pub(super) fn removed_text(name: &str) -> String {
        let shown: String = name.chars().take(40).collect();
        format!("the topic {shown:?} was removed; `Hub::topic` creates it anew")
    }

    /// The outcome of a publish cannot be known.
    pub(super) fn unknown_publish(name: &str, source: Option<BoxError>) -> Self {
        let shown: String = name.chars().take(40).collect();
        let text =
            format!("an event of the topic {shown:?} may have been published or not: the engine has not answered");
        Self::new(Kind::Unknown, text, source)
    }

    /// Returns true if the name cannot be a topic's, or if there are too few or too many names for one stream.
    pub fn is_name(&self) -> bool {
        self.0.kind == Kind::Name
    }

    /// Returns true if the hub has its maximum number of topics, all of them in use.
    pub fn is_too_many_topics(&self) -> bool {
        self.0.kind == Kind::TooManyTopics
    }

    /// Returns true if the topic has values of another type: the program uses one name for two types.
    pub fn is_type(&self) -> bool {
        self.0.kind == Kind::Type
    }

    /// Returns true if the event cannot be encoded, or [is too large](Self::is_too_large). It was not published.
    pub fn is_event(&self) -> bool {
        matches!(self.0.kind, Kind::Event | Kind::TooLarge)
    }

    /// Returns true if the event is larger than 16 MiB, or than the server that keeps the events allows. It was not published.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// Returns true if the key of the event is too long. The event was not published.
    pub fn is_key(&self) -> bool {
        self.0.kind == Kind::Key
    }

    /// Returns true if the topic was [removed](crate::Hub::remove). The event was not published.
    pub fn is_removed(&self) -> bool {
        self.0.kind == Kind::Removed
    }

    /// Returns true if the topic was [closed](crate::Topic::close). The event was not published.
    pub fn is_closed(&self) -> bool {
        self.0.kind == Kind::Closed
    }

    /// Returns true if the engine that keeps the events has failed. As far as this process knows, the event was not
    /// published.
    #[cfg(feature = "disk")]
    pub fn is_storage(&self) -> bool {
        self.0.kind == Kind::Storage
    }

    /// Returns true if the server or the engine that keeps the events cannot be used: it is away, refuses access, or has
    /// rejected a command. Nothing was published.
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == Kind::Unavailable
    }

    /// Returns true if the event may have been published or not: the server that keeps the events has got it and has not
    /// answered in time.
    pub fn is_unknown(&self) -> bool {
        self.0.kind == Kind::Unknown
    }
}

/// Converts the error for a function that returns [`touka::Result`](crate::Result):
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
    fn the_converted_error_has_the_same_text_and_cause() {
        let hub_error = || HubError::event(Error::display());
        let error = Error::from(hub_error());
        assert!(error.is_hub() && !error.is_serialize());
        assert_eq!(error.to_string(), hub_error().to_string());
        let cause = |error: &dyn StdError| error.source().map(ToString::to_string);
        assert!(cause(&error).is_some_and(|text| Some(text) == cause(&hub_error())));
    }
}
