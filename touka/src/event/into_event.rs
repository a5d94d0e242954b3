//! [`IntoEvent`], the way from a user's type to the wire.

use std::any::type_name;

use bytes::BytesMut;

use super::event::Event;
use crate::error::{Error, Result};

/// A type whose values are sent as events: the `T` of an [`EventStream<T>`](crate::EventStream).
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
/// Or write it, where an event is made in a way of your own:
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
/// A value that cannot become an event ends its own stream with an `error` event; nothing panics,
/// and nothing of it has reached the client.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as an event",
    label = "this is not an event type",
    note = "derive it with `#[derive(touka::IntoEvent)]`, implement it, or emit `touka::Event`s: `EventStream` without `<…>` takes them"
)]
pub trait IntoEvent {
    /// Turns the value into an event.
    ///
    /// # Errors
    /// The value cannot be represented, say because its serialisation failed.
    fn into_event(self) -> Result<Event>;

    /// Appends the value's wire form to `buf`. Write it yourself, with an
    /// [`Encoder`](crate::event::Encoder), only to save the intermediate [`Event`]; it must then be
    /// the same event. On an error, what was appended is cut off again.
    ///
    /// The stream that the event was emitted into is locked meanwhile: do not emit into it from here.
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

    /// The value that has become this event: what reading a topic's stream in this process gives.
    ///
    /// A derived type has it with `#[event(read)]`. By default no value can be read.
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
    /// The event is none of this type's, or the type cannot be read:
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
