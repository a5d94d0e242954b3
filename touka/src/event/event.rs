//! [`Event`], the value that goes down the stream.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use serde::Serialize;

use super::encoder::millis;
use super::id::EventId;
use super::name::EventName;
use crate::error::{Error, Result};

/// One Server-Sent Event.
///
/// Begin with [`Event::data`], [`Event::json`] or [`Event::new`], then add fields in any order:
///
/// ```
/// use touka::Event;
///
/// let event = Event::data("21.5 °C").event("temperature").id(42);
/// assert_eq!(event.to_string(), "id: 42\nevent: temperature\ndata: 21.5 °C\n\n");
/// ```
///
/// An event that exists can be sent: nothing in it can break the stream, and encoding cannot
/// fail. What the client makes of each field:
///
/// | field | on the wire | at the client |
/// |---|---|---|
/// | data | `data: …`, one line for each line | the event's `data`, lines joined by LF |
/// | event | `event: …` | the event's `type`; `message` where there is none |
/// | id | `id: …` | `lastEventId`, sent back as `Last-Event-ID` on reconnect |
/// | retry | `retry: …` | the time to wait before it reconnects |
/// | comment | `: …` | nothing |
///
/// # Events without data
/// An event with no data fires nothing at a client that keeps to the standard. Some popular clients, however, report
/// a block without data as an event: a phantom event, with empty data. `docs/clients.md` in the repository names them.
///
/// | the event has | on the wire | at every client | use |
/// |---|---|---|---|
/// | a comment, a `retry`, or both | their lines, without a blank line | nothing fires | to say something to people who look at the bytes; to change the reconnection time |
/// | an id | `id: 9` and a blank line | its id counts; some report a phantom event | a checkpoint: a client that comes back skips what came before |
/// | a name | `event: tick` and a blank line | nothing; some report a phantom event | none |
///
/// A line without a blank line is part of the block of the event that comes next. By the standard a client obeys a
/// `retry` when it has read its line, so also where the stream ends with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_field_names, reason = "`event` is what the standard calls the field")]
pub struct Event {
    comment: Option<Cow<'static, str>>,
    retry: Option<u64>,
    id: Option<EventId>,
    event: Option<EventName>,
    data: Option<Cow<'static, str>>,
}

impl Event {
    /// An event with no field yet: the start of a comment, a checkpoint or a `retry`, which
    /// [fire nothing](Event#events-without-data).
    ///
    /// ```
    /// use touka::Event;
    ///
    /// assert_eq!(Event::new().id(9).to_string(), "id: 9\n\n");
    /// assert_eq!(Event::new().comment("hello").to_string(), ": hello\n");
    /// ```
    pub const fn new() -> Self {
        Self { comment: None, retry: None, id: None, event: None, data: None }
    }

    /// An event that carries text.
    ///
    /// CRLF, LF and lone CR each end a line; all arrive as LF, which is all that the protocol can
    /// do. Everything else arrives as it is, the empty text included. Text whose CR matters goes
    /// through [`Event::json`].
    ///
    /// ```
    /// use touka::Event;
    ///
    /// assert_eq!(Event::data("a\nb").to_string(), "data: a\ndata: b\n\n");
    /// assert_eq!(Event::data("").to_string(), "data: \n\n");
    /// ```
    pub fn data(text: impl Into<String>) -> Self {
        Self { data: Some(Cow::Owned(text.into())), ..Self::new() }
    }

    /// An event that carries text from the source. Nothing is allocated.
    pub const fn from_static(text: &'static str) -> Self {
        Self { comment: None, retry: None, id: None, event: None, data: Some(Cow::Borrowed(text)) }
    }

    /// An event that carries a value as JSON, on one line.
    ///
    /// ```
    /// use touka::Event;
    ///
    /// # fn main() -> touka::Result<()> {
    /// let event = Event::json(&[1, 2, 3])?.event("scores");
    /// assert_eq!(event.to_string(), "event: scores\ndata: [1,2,3]\n\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The value cannot be written as JSON: its `Serialize` failed, or it is a map whose keys are
    /// not strings. [`Error::is_serialize`] tells.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        let mut json = serde_json::to_string(value).map_err(Error::serialize)?;
        // Only a `RawValue` can hold a line end, and there it is whitespace.
        if memchr::memchr2(b'\r', b'\n', json.as_bytes()).is_some() {
            json = json.replace(['\r', '\n'], " ");
        }
        Ok(Self::data(json))
    }

    // rustc quotes the line of a bound that is not met, so the remedy for a `String` is on that line.

    /// Names the event: what a client listens for. A literal, or an [`EventName`].
    ///
    /// # Panics
    /// The literal is not a valid name. Names known only at run time go through
    /// [`EventName::new`], which returns an error instead.
    #[must_use]
    pub fn event(
        mut self,
        name: impl Into<EventName>, // convert a `String` with `EventName::new(name)?`
    ) -> Self {
        self.event = Some(name.into());
        self
    }

    /// Sets the id: a whole number, a literal, or an [`EventId`].
    ///
    /// # Panics
    /// The literal is not a valid id. Ids known only at run time go through [`EventId::new`],
    /// which returns an error instead.
    #[must_use]
    pub fn id(
        mut self,
        id: impl Into<EventId>, // convert a `String` with `EventId::new(id)?`
    ) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the time that the client waits before it reconnects, in whole milliseconds.
    #[must_use]
    pub fn retry(mut self, delay: Duration) -> Self {
        self.retry = Some(millis(delay));
        self
    }

    /// Adds a comment, which no client shows. Each line of it becomes a comment line.
    #[must_use]
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(Cow::Owned(text.into()));
        self
    }

    /// The data, as it was given.
    pub fn as_data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// The name.
    pub const fn as_event(&self) -> Option<&EventName> {
        self.event.as_ref()
    }

    /// The id.
    pub const fn as_id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// The reconnection time.
    pub fn as_retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }

    /// The comment, as it was given.
    pub fn as_comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    pub(super) fn with_data(self, data: String) -> Self {
        Self { data: Some(Cow::Owned(data)), ..self }
    }

    #[cfg(feature = "macros")]
    pub(super) fn with_data_of(self, other: Self) -> Self {
        Self { data: other.data, ..self }
    }

    pub(super) const fn retry_millis(&self) -> Option<u64> {
        self.retry
    }
}

/// The wire text: see [`Event::encode`].
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = BytesMut::new();
        self.encode(&mut wire);
        // Everything that went in was a `str`, cut only at ASCII line ends.
        f.write_str(&String::from_utf8_lossy(&wire))
    }
}

/// [`Event::data`].
impl From<String> for Event {
    fn from(text: String) -> Self {
        Self::data(text)
    }
}

/// [`Event::data`].
impl From<&str> for Event {
    fn from(text: &str) -> Self {
        Self::data(text)
    }
}

/// [`Event::data`].
impl From<Cow<'_, str>> for Event {
    fn from(text: Cow<'_, str>) -> Self {
        Self::data(text)
    }
}
