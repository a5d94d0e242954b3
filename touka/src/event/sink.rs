//! [`Sink`], to which a derived `IntoEvent` writes: the buffer, or an [`Event`].
//!
//! The derive generates the code of each event once, for any sink, so the two methods of `IntoEvent` cannot
//! differ.

use std::fmt::{self, Display, Write as _};
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::encoder::Encoder;
use super::event::Event;
use super::id::EventId;
use super::name::EventName;
use crate::error::{Error, Result};

/// A type whose `IntoEvent` is derived.
pub trait Derived {
    /// Writes the fields to the sink, in the order of the wire.
    fn write<S: Sink>(&self, sink: S) -> Result<S::Done>;
}

/// Receives the fields of one event, in the order of the wire.
pub trait Sink: Sized {
    /// The result of writing the data, which ends the event.
    type Done;

    /// Writes the reconnection time.
    fn retry<T: RetryValue>(self, delay: &T) -> Self;
    /// Checks and writes the id.
    fn id<T: IdValue + ?Sized>(self, id: &T) -> Result<Self>;
    /// Writes the name.
    fn name(self, name: &'static EventName) -> Self;
    /// Writes the data as JSON and ends the event.
    fn json<T: JsonValue + ?Sized>(self, value: &T) -> Result<Self::Done>;
    /// Writes the data as text and ends the event.
    fn text<T: TextValue + ?Sized>(self, value: &T) -> Result<Self::Done>;
}

/// Encodes directly into a buffer.
impl Sink for Encoder<'_> {
    type Done = ();

    fn retry<T: RetryValue>(self, delay: &T) -> Self {
        Encoder::retry(self, delay.delay())
    }

    fn id<T: IdValue + ?Sized>(self, id: &T) -> Result<Self> {
        self.try_id(Shown(id))
    }

    fn name(self, name: &'static EventName) -> Self {
        self.event(name)
    }

    fn json<T: JsonValue + ?Sized>(self, value: &T) -> Result<()> {
        Encoder::json(self, value)
    }

    fn text<T: TextValue + ?Sized>(self, value: &T) -> Result<()> {
        Encoder::text(self, Shown(value))
    }
}

/// Builds the event as a value.
impl Sink for Event {
    type Done = Self;

    fn retry<T: RetryValue>(self, delay: &T) -> Self {
        Event::retry(self, delay.delay())
    }

    fn id<T: IdValue + ?Sized>(self, id: &T) -> Result<Self> {
        Ok(Event::id(self, EventId::new(to_string(id)?)?))
    }

    fn name(self, name: &'static EventName) -> Self {
        self.event(name.clone())
    }

    fn json<T: JsonValue + ?Sized>(self, value: &T) -> Result<Self> {
        Ok(self.with_data_of(Event::json(value)?))
    }

    fn text<T: TextValue + ?Sized>(self, value: &T) -> Result<Self> {
        Ok(self.with_data_of(Event::data(to_string(value)?)))
    }
}

/// Formats a value. `ToString` would panic where the value's `Display` fails.
fn to_string<T: Display + ?Sized>(value: &T) -> Result<String> {
    let mut text = String::new();
    write!(text, "{value}").map_err(|_| Error::display())?;
    Ok(text)
}

/// Makes an unsized value `Display` by reference.
struct Shown<'a, T: ?Sized>(&'a T);

impl<T: Display + ?Sized> Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A field that is `#[event(id)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the id of an event",
    label = "this is not `Display`",
    note = "an id is sent as text: take a number, a `String`, an `EventId` or another type that is `Display`"
)]
pub trait IdValue: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> IdValue for T {}

/// A type that is sent as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "this is not `Serialize`",
    note = "derive `serde::Serialize` for it and for each type of yours in it, or send what its `Display` writes with `#[event(data = \"text\")]`"
)]
pub trait JsonValue: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> JsonValue for T {}

/// A type that `#[event(data = "text")]` sends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as text",
    label = "this is not `Display`",
    note = "`#[event(data = \"text\")]` sends what `Display` writes: implement it for `{Self}`, or remove `data = \"text\"` to send JSON"
)]
pub trait TextValue: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> TextValue for T {}

/// A field that is `#[event(retry)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the reconnection time of an event",
    label = "this is not a `Duration`",
    note = "make the field a `std::time::Duration`, or an `Option` of one"
)]
pub trait RetryValue {
    /// Returns the reconnection time.
    fn delay(&self) -> Duration;
}

impl RetryValue for Duration {
    fn delay(&self) -> Duration {
        *self
    }
}

/// A copy of the type `V`, made by the derive, that knows how to serialize a `V` as data: serde's remote
/// derive.
pub trait SerializeFor<V> {
    /// Serializes a value of the type `V`, as `Serialize::serialize` does.
    fn serialize_for<S: Serializer>(value: &V, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Stands in for the function that serde's derive did not generate because it rejected an attribute: serde's
/// message is then the only error.
pub trait RefusedBySerde: Sized {
    /// Never called: the build has failed.
    fn serialize<V, S: Serializer>(_: &V, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("this event type did not compile"))
    }
}

impl<T> RefusedBySerde for T {}

/// A value that is serialized as its copy says.
#[expect(missing_debug_implementations, reason = "only generated code has one, for the time of a call")]
pub struct Through<'a, V, C>(&'a V, PhantomData<C>);

/// Creates a `Through`. A function, so that generated code needs no field.
pub fn through<C: SerializeFor<V>, V>(value: &V) -> Through<'_, V, C> {
    Through(value, PhantomData)
}

impl<V, C: SerializeFor<V>> Serialize for Through<'_, V, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        C::serialize_for(self.0, serializer)
    }
}
