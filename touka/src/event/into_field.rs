//! [`IntoEventName`] and [`IntoEventId`]: the arguments of [`Event::event`](crate::Event::event) and
//! [`Event::id`](crate::Event::id).
//!
//! They exist for their compile errors: with a bound of `Into<EventId>`, rustc would not name the function that
//! checks a `String`.

use super::id::EventId;
use super::name::EventName;

/// Values that [`Event::event`](crate::Event::event) takes: whatever converts into an [`EventName`].
///
/// A `String` may hold a line break and does not convert: [`EventName::new`] checks it.
///
/// ```
/// use touka::{Event, EventName};
///
/// const TICK: EventName = EventName::from_static("tick");
/// assert_eq!(Event::data("1").event("tick"), Event::data("1").event(TICK));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the name of an event",
    label = "neither a literal nor an `EventName`",
    note = "`EventName::new` checks a name that is known only at run time: `.event(EventName::new(name)?)`"
)]
pub trait IntoEventName: sealed::Name {
    #[doc(hidden)]
    fn into_event_name(self) -> EventName;
}

#[diagnostic::do_not_recommend]
impl<V: Into<EventName>> IntoEventName for V {
    fn into_event_name(self) -> EventName {
        self.into()
    }
}

/// Values that [`Event::id`](crate::Event::id) takes: whatever converts into an [`EventId`], and an `Option` of it.
///
/// A `String` may hold a line break and does not convert: [`EventId::new`] checks it. `M` tells the two kinds apart
/// and is inferred.
///
/// ```
/// use touka::{Event, EventId};
///
/// let row: Option<u64> = Some(7);
/// assert_eq!(Event::data("x").id(row), Event::data("x").id(7));
/// assert_eq!(Event::data("x").id("7"), Event::data("x").id(EventId::from(7)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the id of an event",
    label = "not a whole number, a literal, an `EventId` or an `Option` of one of them",
    note = "`EventId::new` checks an id that is known only at run time: `.id(EventId::new(id)?)`"
)]
pub trait IntoEventId<M>: sealed::Id<M> {
    #[doc(hidden)]
    fn into_event_id(self) -> Option<EventId>;
}

#[diagnostic::do_not_recommend]
impl<V: Into<EventId>> IntoEventId<sealed::Value> for V {
    fn into_event_id(self) -> Option<EventId> {
        Some(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<V: Into<EventId>> IntoEventId<sealed::Optional> for Option<V> {
    fn into_event_id(self) -> Option<EventId> {
        self.map(Into::into)
    }
}

mod sealed {
    use crate::event::{EventId, EventName};

    pub trait Name {}

    impl<V: Into<EventName>> Name for V {}

    pub trait Id<M> {}

    #[derive(Debug)]
    pub enum Value {}

    #[derive(Debug)]
    pub enum Optional {}

    impl<V: Into<EventId>> Id<Value> for V {}

    impl<V: Into<EventId>> Id<Optional> for Option<V> {}
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventId, EventName};

    /// A type of the user's that converts.
    struct Row(u64);

    impl From<Row> for EventId {
        fn from(row: Row) -> Self {
            row.0.into()
        }
    }

    #[test]
    fn each_kind_of_id_is_taken() {
        let checked = EventId::new("7").expect("an id");
        let expected = Event::data("x").id(checked.clone());
        let events = [
            Event::data("x").id(7),
            Event::data("x").id(7_usize),
            Event::data("x").id("7"),
            Event::data("x").id(Row(7)),
            Event::data("x").id(Some(7)),
            Event::data("x").id(Some("7")),
            Event::data("x").id(Some(checked)),
            Event::data("x").id(Some(Row(7))),
        ];
        assert!(events.iter().all(|event| *event == expected));
    }

    /// The last call decides, as for every field.
    #[test]
    fn none_leaves_no_id() {
        assert_eq!(Event::data("x").id(7).id(None::<EventId>), Event::data("x"));
    }

    #[test]
    fn each_kind_of_name_is_taken() {
        const TICK: EventName = EventName::from_static("tick");
        assert_eq!(Event::data("x").event("tick"), Event::data("x").event(TICK));
    }
}
