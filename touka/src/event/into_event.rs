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

    /// Folds two successive events of a topic into one that has the effect of both, for a client that has neither.
    /// `None` if they do not fold, as by default.
    ///
    /// The stream of a client that is far behind folds what it has yet to send:
    /// [`Subscribe::fold_after`](crate::topic::Subscribe::fold_after). It gives the folded event the id of the later
    /// one, so the id is no concern of this function.
    ///
    /// The derive implements this with `#[event(fold = "concat")]` or `#[event(fold = function)]` on a variant or a
    /// struct. Events fold if they have its name and can be read as one of its values.
    ///
    /// ```
    /// use touka::{Event, IntoEvent};
    ///
    /// #[derive(IntoEvent)]
    /// enum Turn {
    ///     #[event(fold = "concat")]
    ///     Delta { text: String },
    ///     Done,
    /// }
    ///
    /// # fn main() -> touka::Result<()> {
    /// let [hello, world] = ["Hello, ", "world"].map(|text| Turn::Delta { text: text.into() }.into_event());
    /// let (hello, world) = (hello?, world?);
    /// let folded = Turn::fold(&hello, &world).expect("deltas fold");
    /// assert_eq!(folded.to_string(), "event: delta\ndata: {\"text\":\"Hello, world\"}\n\n");
    /// assert_eq!(Turn::fold(&folded, &Turn::Done.into_event()?), None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Laws
    /// An implementation by hand keeps two laws, so that a client gets the same state whatever was folded for it:
    ///
    /// - A client that gets the folded event is in the state of one that gets the two, one after the other.
    /// - Folding is associative: if three events fold in either grouping, both results have the same effect. Events are
    ///   folded in pairs, and the results again.
    ///
    /// # Panics
    /// A panic ends the stream for which the events are folded, as [`Panicked`](crate::CloseReason::Panicked), and no
    /// other. That stream sends the events first, so that its client does not ask for them again.
    fn fold(earlier: &Event, later: &Event) -> Option<Event>
    where
        Self: Sized,
    {
        let _ = (earlier, later);
        None
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
