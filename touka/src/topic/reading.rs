//! Reading a topic's stream in this process: from an event's bytes to a value.

use std::any::{Any, type_name};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::event::Event;
use crate::stream::{Failure, Step, guarded};

/// What a topic has to say to a reader.
#[derive(Debug)]
pub(super) enum Said {
    /// A published event, encoded.
    Event(Bytes),
    /// A position or a gap.
    Own(Event),
}

/// Makes a value of an event.
pub(super) type FromEvent<T> = fn(Event) -> Result<T>;

/// The value that a reader in this process gets. `None` for a position or a gap where the values are
/// no `Event`s: there is no value that says it.
///
/// The conversion is the user's code, so no lock may be held here.
///
/// # Errors
/// The event is no value of that type. The stream ends, and the log says why.
pub(super) fn value<T: 'static>(said: Said, from_event: FromEvent<T>) -> Result<Option<T>, Step<Failure>> {
    let wire = match said {
        Said::Event(wire) => wire,
        // A comment is for the wire: a reader of events has no use for it.
        Said::Own(event) if event.as_id().is_none() && event.as_data().is_none() => return Ok(None),
        Said::Own(event) => {
            // An `Event` stays what it is.
            let mut event = Some(event);
            let event: &mut dyn Any = &mut event;
            return Ok(event.downcast_mut::<Option<T>>().and_then(Option::take));
        }
    };
    match guarded("reading an event of a topic", || from_event(Event::from_wire(&wire))) {
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(error)) => {
            tell::<T>(&error);
            Err(Step::Abort(Failure::unencodable()))
        }
        None => Err(Step::Abort(Failure::panicked())),
    }
}

fn tell<T>(error: &Error) {
    tracing::error!(
        target: "touka::topic",
        values = type_name::<T>(),
        ?error,
        "an event of a topic cannot be read as a value: the stream ends. A type can be read if it is derived with \
         `#[event(read)]`, or implements `IntoEvent::from_event`; a `Topic<Event>` gives every topic's events"
    );
}
