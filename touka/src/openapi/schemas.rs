//! [`Schemas`], the JSON Schemas that the operations of a document refer to.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// The place of schemas in a document.
pub(crate) const COMPONENTS: &str = "#/components/schemas/";
/// The place of the schemas of values that clients send, until both kinds are joined.
const RECEIVED: &str = "#/components/received/";

/// The schemas of a document, while its operations are described.
///
/// A type has two schemas: serde may write a value differently from how it reads one. For example, a field with
/// `#[serde(default)]` is always sent, and a client may leave it out.
#[derive(Debug)]
pub(crate) struct Schemas {
    sent: SchemaGenerator,
    received: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = |path: &str| {
            let path = path.trim_start_matches('#').trim_end_matches('/').to_owned();
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path.into();
                settings.meta_schema = None;
            })
        };
        Self {
            sent: settings(COMPONENTS).for_serialize().into_generator(),
            received: settings(RECEIVED).for_deserialize().into_generator(),
        }
    }

    /// The schema of a value that the server sends.
    pub(crate) fn sent<T: JsonSchema + ?Sized>(&mut self) -> Value {
        self.sent.subschema_for::<T>().to_value()
    }

    /// The schema itself, without a name of its own.
    pub(crate) fn sent_inline<T: JsonSchema + ?Sized>(&mut self) -> Value {
        T::json_schema(&mut self.sent).to_value()
    }

    /// The schema of a value that a client sends.
    pub(crate) fn received<T: JsonSchema + ?Sized>(&mut self) -> Value {
        self.received.subschema_for::<T>().to_value()
    }

    /// The schema itself, without a name of its own.
    pub(crate) fn received_inline<T: JsonSchema + ?Sized>(&mut self) -> Value {
        T::json_schema(&mut self.received).to_value()
    }

    /// Joins both kinds. A schema that differs between them has two names: `Order`, and `OrderInput` for what clients
    /// send.
    pub(crate) fn join(mut self) -> Joined {
        let mut schemas = self.sent.take_definitions(true);
        let mut received = self.received.take_definitions(true);
        let mut names: BTreeMap<String, String> = received.keys().map(|name| (name.clone(), name.clone())).collect();
        // A schema whose parts have two names differs as well, so this ends when no more names change.
        loop {
            let differs = |name: &String| {
                let mut schema = received[name].clone();
                redirect(&mut schema, &names);
                names[name] == *name && schemas.get(name).is_some_and(|sent| *sent != schema)
            };
            let Some(name) = received.keys().find(|name| differs(name)).cloned() else { break };
            let input = free_name(&format!("{name}Input"), |name| {
                schemas.contains_key(name) || names.contains_key(name) || names.values().any(|taken| taken == name)
            });
            names.insert(name, input);
        }
        for (name, schema) in &mut received {
            redirect(schema, &names);
            schemas.entry(&names[name]).or_insert_with(|| schema.clone());
        }
        Joined { schemas, names }
    }
}

/// The schemas of a document, by name.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) schemas: Map<String, Value>,
    names: BTreeMap<String, String>,
}

impl Joined {
    /// Replaces the preliminary references of a schema.
    pub(crate) fn settle(&self, schema: &mut Value) {
        redirect(schema, &self.names);
    }

    /// Adds a schema under this name, or a similar one if the name is taken. Returns the name.
    pub(crate) fn add(&mut self, name: &str, schema: Value) -> String {
        let name = free_name(name, |name| self.schemas.contains_key(name));
        self.schemas.insert(name.clone(), schema);
        name
    }
}

/// The name, with a number if it is taken.
pub(crate) fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Lets references to received schemas refer to the joined ones.
fn redirect(schema: &mut Value, names: &BTreeMap<String, String>) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                if let (true, Value::String(target)) = (key == "$ref", &mut *value)
                    && let Some(name) = target.strip_prefix(RECEIVED)
                    && let Some(joined) = names.get(name)
                {
                    *target = format!("{COMPONENTS}{joined}");
                } else {
                    redirect(value, names);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| redirect(value, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Leaf {
        #[serde(default)]
        note: String,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Tree {
        leaves: Vec<Leaf>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Plain {
        text: String,
    }

    #[test]
    fn a_type_that_is_sent_and_received_differently_has_two_names() {
        let mut schemas = Schemas::new();
        let sent = schemas.sent::<Tree>();
        let mut received = schemas.received::<Tree>();
        schemas.sent::<Plain>();
        schemas.received::<Plain>();
        let joined = schemas.join();
        joined.settle(&mut received);
        assert_eq!(sent["$ref"], "#/components/schemas/Tree");
        assert_eq!(received["$ref"], "#/components/schemas/TreeInput");
        let names: Vec<_> = joined.schemas.keys().map(String::as_str).collect();
        assert_eq!(names, ["Leaf", "LeafInput", "Plain", "Tree", "TreeInput"]);
        let input = &joined.schemas["TreeInput"]["properties"]["leaves"]["items"]["$ref"];
        assert_eq!(input, "#/components/schemas/LeafInput");
        assert_eq!(joined.schemas["Leaf"]["required"][0], "note");
        assert_eq!(joined.schemas["LeafInput"].get("required"), None);
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        assert_eq!(free_name("Chat", |name| name == "Chat" || name == "Chat2"), "Chat3");
        assert_eq!(free_name("Chat", |_| false), "Chat");
    }
}
