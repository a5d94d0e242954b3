//! [`Error`] and [`CloseReason`], the errors of touka and the reasons for which streams end.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use axum_core::BoxError;

/// A `Result` whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of touka.
///
/// The `is_*` methods tell its kind. Its text is for people and may change;
/// [`source`](StdError::source) has the cause.
///
/// ```
/// use touka::EventName;
///
/// let error = EventName::new("two\nlines").unwrap_err();
/// assert!(error.is_field());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    /// The attempt that failed, and the remedy if one is known.
    text: String,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Field,
    Serialize,
    Deserialize,
    Hub,
    Bind,
    Proxy,
    Signal,
    #[cfg(feature = "tls")]
    Tls,
}

impl Error {
    fn new(kind: Kind, text: String, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { kind, text, source }))
    }

    pub(crate) fn field(field: &str, value: &str, reason: &str) -> Self {
        // A value from a client can be of any length.
        let shown: String = value.chars().take(40).collect();
        let more = if shown.len() < value.len() { "…" } else { "" };
        Self::new(Kind::Field, format!("{shown:?}{more} cannot be an {field}: {reason}"), None)
    }

    pub(crate) fn serialize(source: serde_json::Error) -> Self {
        Self::new(Kind::Serialize, "the value cannot be serialized as JSON".into(), Some(source.into()))
    }

    pub(crate) fn display() -> Self {
        Self::new(Kind::Serialize, "the value cannot be formatted as text: its `Display` failed".into(), None)
    }

    /// An event cannot be read as a value of the type `values`.
    pub(crate) fn unreadable(values: &str, reason: &str, source: Option<BoxError>) -> Self {
        Self::new(Kind::Deserialize, format!("`{values}` cannot be read from an event: {reason}"), source)
    }

    /// The text of a `HubError`, with its cause.
    pub(crate) fn hub(text: String, source: Option<BoxError>) -> Self {
        Self::new(Kind::Hub, text, source)
    }

    pub(crate) fn bind(address: &dyn fmt::Display, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::AddrInUse => "; another program listens there: stop it or choose another port",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: choose a higher one",
            _ => "",
        };
        Self::new(Kind::Bind, format!("cannot listen on {address}{remedy}"), Some(source.into()))
    }

    pub(crate) fn proxy(text: &str, reason: &str) -> Self {
        let shown: String = text.chars().take(60).collect();
        Self::new(Kind::Proxy, format!("{shown:?} cannot be a trusted proxy: {reason}"), None)
    }

    pub(crate) fn signal(source: io::Error) -> Self {
        let text = "cannot listen for signals; give the server a future with `shutdown_on` instead";
        Self::new(Kind::Signal, text.into(), Some(source.into()))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(text: String, source: Option<BoxError>) -> Self {
        Self::new(Kind::Tls, text, source)
    }

    /// Whether the text of an event's name or id contains what the wire format does not allow.
    pub fn is_field(&self) -> bool {
        self.0.kind == Kind::Field
    }

    /// Whether a value could not be serialized.
    pub fn is_serialize(&self) -> bool {
        self.0.kind == Kind::Serialize
    }

    /// Whether a value could not be read back from an event.
    pub fn is_deserialize(&self) -> bool {
        self.0.kind == Kind::Deserialize
    }

    /// Whether a hub or a topic failed. The error was a [`HubError`](crate::HubError), which has more kinds.
    pub fn is_hub(&self) -> bool {
        self.0.kind == Kind::Hub
    }

    /// Whether an address could not be listened on.
    pub fn is_bind(&self) -> bool {
        self.0.kind == Kind::Bind
    }

    /// Whether the text for a trusted proxy is neither an address nor a network.
    pub fn is_proxy(&self) -> bool {
        self.0.kind == Kind::Proxy
    }

    /// Whether the system does not let the server listen for signals.
    pub fn is_signal(&self) -> bool {
        self.0.kind == Kind::Signal
    }

    /// Whether a certificate or its key cannot be used.
    #[cfg(feature = "tls")]
    pub fn is_tls(&self) -> bool {
        self.0.kind == Kind::Tls
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("Error");
        debug.field(&self.0.kind).field(&self.0.text);
        if let Some(source) = &self.0.source {
            debug.field(source);
        }
        debug.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// The reason for which a stream ended: the argument of `on_close`, and the result of
/// [`EventSender::closed`](crate::EventSender::closed).
///
/// The first reason stays. A client that leaves because the server has closed its stream does not
/// change it.
///
/// ```
/// use std::sync::mpsc;
/// use touka::{CloseReason, EventStream};
///
/// let (ended, reason) = mpsc::channel();
/// let stream: EventStream = EventStream::once("hello").on_close(move |reason| ended.send(reason).unwrap());
/// drop(stream);
/// assert_eq!(reason.recv(), Ok(CloseReason::Disconnected));
/// assert_eq!(CloseReason::Disconnected.to_string(), "disconnected");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The handler's body ran to its end, or the last `EventSender` was dropped.
    Completed,
    /// The client left, or the connection broke. Also: the stream was dropped without a reader, before it opened
    /// or before its end.
    Disconnected,
    /// The client took no bytes for the write timeout.
    Stalled,
    /// The client fell behind further than the topic retains events.
    Lagged,
    /// The stream reached its maximum lifetime, or its credential has expired:
    /// [`EventStream::close_at`](crate::EventStream::close_at).
    Expired,
    /// The server is shutting down.
    Shutdown,
    /// The handler returned an error, before or after the response opened, or an event could not be
    /// encoded.
    Failed,
    /// Code of the handler panicked: its body, the conversion of an event or of an error, `on_error`, the future
    /// of `close_when`, the question of `recheck`, or the destructor of a value that the stream held.
    Panicked,
}

impl CloseReason {
    /// The reason as one word in lower case, such as `stalled`, as in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Stalled => "stalled",
            Self::Lagged => "lagged",
            Self::Expired => "expired",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of a caught panic, for the log.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a value that is not text"
    }
}
