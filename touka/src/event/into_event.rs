//! [`IntoEvent`], the conversion of a user's type into an event.

use std::any::type_name;

use bytes::BytesMut;

use super::event::Event;
use crate::error::{Error, Result};

/// A type whose values can be sent as events: the `T` of an [`EventStream<T>`](crate::EventStream).
///
/// Derive it:
///
/// ```
/// use touka::IntoEvent;
///
/// #[derive(IntoEvent)]
/// enum Clock {
///     Tick { #[event(id)] count: u64, text: &'static str },
/// }
///
/// let event = Clock::Tick { count: 3, text: "tock" }.into_event().unwrap();
/// assert_eq!(event.to_string(), "id: 3\nevent: tick\ndata: {\"text\":\"tock\"}\n\n");
/// ```
///
/// Or implement it, to make the event yourself:
///
/// ```
/// use touka::{Event, IntoEvent};
///
/// struct Tick(u64);
///
/// impl IntoEvent for Tick {
///     fn into_event(self) -> touka::Result<Event> {
///         Ok(Event::data(format!("tick {}", self.0)).id(self.0))
///     }
/// }
/// ```
///
/// A value whose conversion fails ends its own stream with an `error` event. Nothing panics, and no part of
/// the value reaches the client.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as an event",
    label = "this is not an event type",
    note = "derive it with `#[derive(touka::IntoEvent)]`, implement it, or emit `touka::Event`s: `EventStream` without `<…>` takes them"
)]
pub trait IntoEvent {
    /// Converts the value into an event.
    ///
    /// # Errors
    /// The value has no event, for example because its serialization failed.
    fn into_event(self) -> Result<Event>;

    /// Appends the value's wire form to `buf`. Implement this, with an [`Encoder`](crate::event::Encoder),
    /// only to avoid the intermediate [`Event`]; the result must be the same event. On an error, the appended
    /// bytes are removed again.
    ///
    /// The stream of the event is locked meanwhile: do not emit into it from here.
    ///
    /// # Errors
    /// As [`IntoEvent::into_event`].
    fn encode_into(self, buf: &mut BytesMut) -> Result<()>
    where
        Self: Sized,
    {
        self.into_event()?.encode(buf);
        Ok(())
    }

    /// Converts an event back into the value: readers of a topic's stream in this process get such values.
    ///
    /// The derive implements this with `#[event(read)]`. By default no value can be read.
    ///
    /// ```
    /// use touka::IntoEvent;
    ///
    /// #[derive(Debug, PartialEq, IntoEvent)]
    /// #[event(read)]
    /// enum Clock {
    ///     Tick { #[event(id)] count: u64, text: String },
    /// }
    ///
    /// let event = Clock::Tick { count: 3, text: "tock".into() }.into_event().unwrap();
    /// assert_eq!(Clock::from_event(event).unwrap(), Clock::Tick { count: 3, text: "tock".into() });
    /// ```
    ///
    /// # Errors
    /// The event is not one of this type, or the type cannot be read:
    /// [`Error::is_deserialize`](crate::Error::is_deserialize).
    fn from_event(event: Event) -> Result<Self>
    where
        Self: Sized,
    {
        let _ = event;
        let remedy = "derive it with `#[event(read)]`, or implement `IntoEvent::from_event`";
        Err(Error::unreadable(type_name::<Self>(), remedy, None))
    }
}

impl IntoEvent for Event {
    fn into_event(self) -> Result<Event> {
        Ok(self)
    }

    fn encode_into(self, buf: &mut BytesMut) -> Result<()> {
        self.encode(buf);
        Ok(())
    }

    fn from_event(event: Event) -> Result<Self> {
        Ok(event)
    }
}

impl IntoEvent for String {
    fn into_event(self) -> Result<Event> {
        Ok(Event::data(self))
    }

    fn from_event(event: Event) -> Result<Self> {
        Ok(event.as_data().unwrap_or_default().to_owned())
    }
}

impl IntoEvent for &'static str {
    fn into_event(self) -> Result<Event> {
        Ok(Event::from_static(self))
    }
}
