//! [`Reading`], from which a derived `IntoEvent` with `read` or `fold` reads a value, field by field.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use axum_core::BoxError;
use serde::de::DeserializeOwned;

use super::event::Event;
use crate::error::{Error, Result};

/// The fields of an event that is read as a value of the type `V`.
pub struct Reading<'e, V>(&'e Event, PhantomData<V>);

impl<'e, V> Reading<'e, V> {
    /// Reads from this event.
    pub const fn of(event: &'e Event) -> Self {
        Self(event, PhantomData)
    }

    /// Returns the event's name; `message` if it has none.
    pub fn name(&self) -> &'e str {
        self.0.as_event().map_or("message", |name| name.as_str())
    }

    /// Returns the error of a type that has no event of this name.
    pub fn unknown_name(&self) -> Error {
        Self::error(&format!("it has no event that is named {:?}", self.name()), None)
    }

    /// Deserializes the data from JSON.
    pub fn json<T: JsonRead>(&self) -> Result<T> {
        let read = serde_json::from_str(self.0.as_data().unwrap_or_default());
        read.map_err(|error| Self::error("its data is not the JSON of one", Some(error.into())))
    }

    /// Parses the data from text.
    pub fn text<T: TextRead>(&self) -> Result<T> {
        let data = self.0.as_data().unwrap_or_default();
        T::read(data).ok_or_else(|| Self::error("its data is not the text of one", None))
    }

    /// Parses the id.
    pub fn id<T: TextRead>(&self) -> Result<T> {
        self.optional_id()?
            .ok_or_else(|| Self::error("it has no id, and the field with `#[event(id)]` needs one", None))
    }

    /// Parses the id, if there is one.
    pub fn optional_id<T: TextRead>(&self) -> Result<Option<T>> {
        let Some(id) = self.0.as_id() else { return Ok(None) };
        let reason = "its id is none of the field with `#[event(id)]`; in a topic the id is the event's position: \
                      have such a field sent as data";
        T::read(&id.to_string()).map(Some).ok_or_else(|| Self::error(reason, None))
    }

    /// Returns the reconnection time.
    pub fn retry<T: From<Duration>>(&self) -> Result<T> {
        let reason = "it has no reconnection time, and the field with `#[event(retry)]` needs one";
        self.optional_retry()?.ok_or_else(|| Self::error(reason, None))
    }

    /// Returns the reconnection time, if there is one.
    pub fn optional_retry<T: From<Duration>>(&self) -> Result<Option<T>> {
        Ok(self.0.as_retry().map(T::from))
    }

    fn error(reason: &str, source: Option<BoxError>) -> Error {
        Error::unreadable(type_name::<V>(), reason, source)
    }
}

/// A type that can be deserialized from JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON",
    label = "this is not `Deserialize`",
    note = "`read` and `fold` in `#[event(…)]` read values back from events: derive `serde::Deserialize` for `{Self}` and for each type of yours in it, or leave the option out"
)]
pub trait JsonRead: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> JsonRead for T {}

/// A type that can be parsed from an id, or from data that is text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from text",
    label = "this is not `FromStr`",
    note = "`read` and `fold` in `#[event(…)]` read values back from events: implement `FromStr` for `{Self}`, or leave the option out"
)]
pub trait TextRead: Sized {
    /// Parses a value.
    fn read(text: &str) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromStr> TextRead for T {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<V> fmt::Debug for Reading<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(self.0).finish()
    }
}
