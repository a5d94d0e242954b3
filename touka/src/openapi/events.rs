//! [`DescribeEvents`] and [`Events`]: the events that a stream can send.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schemas::Schemas;
use crate::event::Event;

/// An event type that describes its events: their names and their data.
///
/// `#[derive(IntoEvent)]` implements it. The types of the data must be [`JsonSchema`]; nothing asks for that unless the
/// type is in a stream of a route in [`contract!`](crate::contract!).
///
/// An implementation of [`IntoEvent`](trait@crate::IntoEvent) by hand needs one of this trait by hand:
///
/// ```
/// use touka::openapi::{DescribeEvents, Events};
/// use touka::{Event, IntoEvent};
///
/// struct Tick(u64);
///
/// impl IntoEvent for Tick {
///     fn into_event(self) -> touka::Result<Event> {
///         Ok(Event::data(self.0.to_string()).event("tick"))
///     }
/// }
///
/// impl DescribeEvents for Tick {
///     fn describe(events: &mut Events<'_>) {
///         events.json::<u64>("tick", "The number of seconds.");
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe its events",
    label = "this is in the contract, which has the name and the data of each event",
    note = "derive `IntoEvent` for it, or implement `touka::openapi::DescribeEvents`"
)]
pub trait DescribeEvents {
    /// Adds the events to those of a stream.
    fn describe(events: &mut Events<'_>);
}

/// The events of a stream.
#[derive(Debug)]
pub struct Events<'a> {
    pub(super) schemas: &'a mut Schemas,
    pub(super) set: &'a mut EventSet,
}

impl Events<'_> {
    /// Adds an event whose data is JSON: a serialized `T`.
    pub fn json<T: JsonSchema + ?Sized>(&mut self, name: &str, description: &str) {
        let schema = self.schemas.sent::<T>();
        self.set.add(name, description, Data::Json(schema));
    }

    /// Adds an event whose data is JSON. The schema has no name of its own.
    #[doc(hidden)]
    pub fn json_inline<T: JsonSchema + ?Sized>(&mut self, name: &str, description: &str) {
        let schema = self.schemas.sent_inline::<T>();
        self.set.add(name, description, Data::Json(schema));
    }

    /// Adds an event whose data is text.
    pub fn text(&mut self, name: &str, description: &str) {
        self.set.add(name, description, Data::Text);
    }

    /// Adds an event with empty data.
    pub fn empty(&mut self, name: &str, description: &str) {
        self.set.add(name, description, Data::Empty);
    }

    /// Declares that the stream also sends events of names that are not known here. Their data is text.
    pub const fn any(&mut self) {
        self.set.any = true;
    }
}

/// Events of any name.
impl DescribeEvents for Event {
    fn describe(events: &mut Events<'_>) {
        events.any();
    }
}

/// Events without a name, which are `message` to clients.
impl DescribeEvents for String {
    fn describe(events: &mut Events<'_>) {
        events.text("message", "");
    }
}

/// Events without a name, which are `message` to clients.
impl DescribeEvents for &'static str {
    fn describe(events: &mut Events<'_>) {
        events.text("message", "");
    }
}

/// The data of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// JSON that is valid against this schema.
    Json(Value),
    Text,
    Empty,
}

/// One event name of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Branch {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) data: Data,
    /// Whether the stream is over with this event.
    pub(crate) is_last: bool,
}

/// The events of one stream. No two branches have one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EventSet {
    pub(crate) branches: Vec<Branch>,
    /// Whether there may be events of other names, whose data is text.
    pub(crate) any: bool,
}

impl EventSet {
    /// Adds an event. Two of one name are one whose data is either.
    pub(crate) fn add(&mut self, name: &str, description: &str, data: Data) {
        let Some(known) = self.branches.iter_mut().find(|known| known.name == name) else {
            let (name, description) = (name.to_owned(), description.to_owned());
            self.branches.push(Branch { name, description, data, is_last: false });
            return;
        };
        if known.description.is_empty() {
            description.clone_into(&mut known.description);
        }
        known.data = match (known.data.clone(), data) {
            (known, data) if known == data => data,
            (Data::Json(known), Data::Json(data)) => Data::Json(either(known, data)),
            // Of data that is JSON only sometimes, nothing but text is known.
            _ => Data::Text,
        };
    }

    /// Adds an event with which the stream is over.
    pub(crate) fn add_last(&mut self, name: &str, description: &str, data: Data) {
        self.add(name, description, data);
        for branch in self.branches.iter_mut().filter(|branch| branch.name == name) {
            branch.is_last = true;
        }
    }

    /// The names of the events with which the stream is over.
    pub(crate) fn last(&self) -> BTreeSet<&str> {
        self.branches.iter().filter(|branch| branch.is_last).map(|branch| branch.name.as_str()).collect()
    }

    /// The schemas that the data of the events refers to.
    pub(crate) fn schemas_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.branches.iter_mut().filter_map(|branch| match &mut branch.data {
            Data::Json(schema) => Some(schema),
            Data::Text | Data::Empty => None,
        })
    }
}

fn either(known: Value, data: Value) -> Value {
    match known {
        Value::Object(mut entries) if entries.len() == 1 && entries.contains_key("anyOf") => {
            if let Some(Value::Array(of)) = entries.get_mut("anyOf")
                && !of.contains(&data)
            {
                of.push(data);
            }
            Value::Object(entries)
        }
        known => json!({ "anyOf": [known, data] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_name_are_one_branch() {
        let mut set = EventSet::default();
        set.add("error", "", Data::Json(json!({ "type": "string" })));
        set.add_last("error", "It failed.", Data::Json(json!({ "type": "object" })));
        set.add("error", "", Data::Json(json!({ "type": "object" })));
        let either = json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] });
        let known = &set.branches[0];
        assert_eq!((known.data.clone(), known.description.as_str()), (Data::Json(either), "It failed."));
        assert_eq!((set.branches.len(), set.last().len()), (1, 1));
        set.add("error", "", Data::Text);
        assert_eq!(set.branches[0].data, Data::Text);
    }
}
