//! [`Event`], one event of a stream.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::field::millis;
use super::id::EventId;
use super::into_field::{IntoEventId, IntoEventName};
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
/// Every event can be sent: no value in it can break the stream, and encoding cannot fail. The fields at the
/// client:
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
/// A client that follows the standard dispatches nothing for an event without data. Some popular clients,
/// however, report a block without data as an event: a phantom event, with empty data. The
/// [guide to clients](crate::guides::clients) lists them.
///
/// | the event has | on the wire | at every client | use |
/// |---|---|---|---|
/// | a comment, a `retry`, or both | their lines, without a blank line | nothing is dispatched | a note for people who read the bytes; a new reconnection time |
/// | an id | `id: 9` and a blank line | the id counts; some report a phantom event | a checkpoint: a client that reconnects skips what came before |
/// | a name | `event: tick` and a blank line | nothing is dispatched; some report a phantom event | none |
///
/// A line without a blank line is part of the block of the next event. By the standard a client obeys a
/// `retry` when it has read its line, even if the stream ends there.
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
    /// Creates an event without fields: the start of a comment, a checkpoint or a `retry`, which clients [do
    /// not dispatch](Event#events-without-data).
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

    /// Creates an event with this text as its data. For an event that exists, use
    /// [`with_data`](Self::with_data).
    ///
    /// CRLF, LF and a lone CR each end a line. All arrive as LF, because the protocol has no other.
    /// Everything else arrives unchanged, and so does the empty text. Text whose CRs matter goes through
    /// [`Event::json`].
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

    /// Creates an event with a text from the source as its data, without an allocation.
    ///
    /// ```
    /// use touka::Event;
    ///
    /// const HELLO: Event = Event::from_static("hello");
    /// assert_eq!(HELLO.to_string(), "data: hello\n\n");
    /// ```
    pub const fn from_static(text: &'static str) -> Self {
        Self { comment: None, retry: None, id: None, event: None, data: Some(Cow::Borrowed(text)) }
    }

    /// Creates an event with a value's JSON as its data, on one line.
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
    /// The value cannot be serialized as JSON: its `Serialize` failed, or it is a map whose keys are not
    /// strings. [`Error::is_serialize`] is true then.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        let mut json = serde_json::to_string(value).map_err(Error::serialize)?;
        // Only a `RawValue` can have a line end, where it is whitespace.
        if memchr::memchr2(b'\r', b'\n', json.as_bytes()).is_some() {
            json = json.replace(['\r', '\n'], " ");
        }
        Ok(Self::data(json))
    }

    /// Sets the data, in place of any that the event has: [`Event::data`] for an event that exists.
    ///
    /// ```
    /// use touka::Event;
    ///
    /// let event = Event::new().id(7).with_data("x");
    /// assert_eq!(event, Event::data("x").id(7));
    /// ```
    #[must_use]
    // For search. rustc suggests an alias for `Event::new().data("x")` only if no method has a similar name, and
    // `as_data` has.
    #[doc(alias = "data")]
    pub fn with_data(mut self, text: impl Into<String>) -> Self {
        self.data = Some(Cow::Owned(text.into()));
        self
    }

    /// Sets the name, which a client listens for: a literal or an [`EventName`].
    ///
    /// A name that is known only at run time goes through [`EventName::new`], which checks it:
    ///
    /// ```
    /// use touka::{Event, EventName};
    ///
    /// # fn main() -> touka::Result<()> {
    /// let city = String::from("oslo");
    /// let event = Event::data("21.5").event(EventName::new(city)?);
    /// assert_eq!(event.to_string(), "event: oslo\ndata: 21.5\n\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// The literal is not a valid name.
    #[must_use]
    pub fn event(mut self, name: impl IntoEventName) -> Self {
        self.event = Some(name.into_event_name());
        self
    }

    /// Sets the id: a whole number, a literal, an [`EventId`], or an `Option` of one of them, whose `None` leaves
    /// the event without an id.
    ///
    /// An id that is known only at run time goes through [`EventId::new`], which checks it:
    ///
    /// ```
    /// use touka::{Event, EventId};
    ///
    /// # fn main() -> touka::Result<()> {
    /// let order = String::from("A-17");
    /// assert_eq!(Event::data("x").id(EventId::new(order)?).to_string(), "id: A-17\ndata: x\n\n");
    ///
    /// let row: Option<u64> = None;
    /// assert_eq!(Event::data("x").id(row).to_string(), "data: x\n\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// The literal is not a valid id.
    #[must_use]
    pub fn id<M>(mut self, id: impl IntoEventId<M>) -> Self {
        self.id = id.into_event_id();
        self
    }

    /// Sets the time that the client waits before it reconnects, in whole milliseconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::Event;
    ///
    /// assert_eq!(Event::data("x").retry(Duration::from_secs(3)).to_string(), "retry: 3000\ndata: x\n\n");
    /// assert_eq!(Event::new().retry(Duration::from_secs(3)).to_string(), "retry: 3000\n");
    /// ```
    #[must_use]
    pub fn retry(mut self, delay: Duration) -> Self {
        self.retry = Some(millis(delay));
        self
    }

    /// Sets the comment, which no client shows. Each line of it becomes a comment line.
    ///
    /// ```
    /// use touka::Event;
    ///
    /// assert_eq!(Event::data("x").comment("a\nb").to_string(), ": a\n: b\ndata: x\n\n");
    /// ```
    #[must_use]
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(Cow::Owned(text.into()));
        self
    }

    /// Returns the data, as it was set.
    pub fn as_data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// Returns the name.
    pub const fn as_event(&self) -> Option<&EventName> {
        self.event.as_ref()
    }

    /// Returns the id.
    pub const fn as_id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// Returns the reconnection time.
    pub fn as_retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }

    /// Returns the comment, as it was set.
    pub fn as_comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    #[cfg(feature = "macros")]
    pub(super) fn with_data_of(self, other: Self) -> Self {
        Self { data: other.data, ..self }
    }

    pub(super) const fn retry_millis(&self) -> Option<u64> {
        self.retry
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
