//! [`Schemas`], the JSON Schemas that the operations of a document refer to.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::extract::percent_decoded;

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
        let (sent, received) = (self.sent.take_definitions(true), self.received.take_definitions(true));
        let mut names = Names::default();
        for name in sent.keys() {
            let free = free_name(&component(name), |name| names.is_taken(name));
            names.sent.insert(name.clone(), free);
        }
        for name in received.keys() {
            let known = names.sent.get(name).cloned();
            let name_here = known.unwrap_or_else(|| free_name(&component(name), |name| names.is_taken(name)));
            names.received.insert(name.clone(), name_here);
        }
        let mut schemas = Map::new();
        for (name, mut schema) in sent {
            names.redirect(&mut schema);
            schemas.insert(names.sent[&name].clone(), schema);
        }
        // A schema whose parts have two names differs as well, so this ends when no more names change.
        loop {
            let differs = |name: &String| {
                let mut schema = received[name].clone();
                names.redirect(&mut schema);
                names.sent.get(name) == names.received.get(name)
                    && schemas.get(&names.received[name]).is_some_and(|sent| *sent != schema)
            };
            let Some(name) = received.keys().find(|name| differs(name)).cloned() else { break };
            let input = free_name(&format!("{}Input", names.received[&name]), |name| names.is_taken(name));
            names.received.insert(name, input);
        }
        for (name, mut schema) in received {
            names.redirect(&mut schema);
            schemas.entry(&names.received[&name]).or_insert(schema);
        }
        Joined { schemas, names }
    }
}

/// The names of schemas in the document, by the names that schemars gives them.
#[derive(Debug, Default)]
struct Names {
    sent: BTreeMap<String, String>,
    received: BTreeMap<String, String>,
}

impl Names {
    fn is_taken(&self, name: &str) -> bool {
        self.sent.values().chain(self.received.values()).any(|taken| taken == name)
    }

    /// Lets the references in a schema of schemars refer to the names in the document.
    fn redirect(&self, schema: &mut Value) {
        match schema {
            Value::Object(entries) => {
                for (key, value) in entries {
                    if let (true, Value::String(target)) = (key == "$ref", &mut *value)
                        && let Some(name) = self.of_reference(target)
                    {
                        *target = format!("{COMPONENTS}{name}");
                    } else {
                        self.redirect(value);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.redirect(value)),
            _ => {}
        }
    }

    fn of_reference(&self, target: &str) -> Option<&String> {
        let (names, name) = match target.strip_prefix(RECEIVED) {
            Some(name) => (&self.received, name),
            None => (&self.sent, target.strip_prefix(COMPONENTS)?),
        };
        names.get(&decoded(name))
    }
}

/// The name of a component, which has ASCII letters, digits, `.`, `_` and `-` only.
fn component(name: &str) -> String {
    let is_valid = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    name.chars().map(|letter| if is_valid(letter) { letter } else { '_' }).collect()
}

/// The name at the end of a reference, which is a JSON pointer in the fragment of a URL.
pub(crate) fn decoded(name: &str) -> String {
    percent_decoded(name).unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

/// The schemas of a document, by name.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) schemas: Map<String, Value>,
    names: Names,
}

impl Joined {
    /// Replaces the preliminary references of a schema.
    pub(crate) fn settle(&self, schema: &mut Value) {
        self.names.redirect(schema);
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

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    #[schemars(rename = "Größe/~ <T>")]
    struct Odd {
        #[serde(default)]
        inner: Option<Box<Odd>>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    #[schemars(rename = "Größe/~_<T>")]
    struct AlmostAsOdd {
        text: String,
    }

    /// OpenAPI allows only ASCII letters, digits, `.`, `_` and `-` in the name of a component.
    #[test]
    fn a_name_with_other_letters_is_one_that_a_component_can_have() {
        let mut schemas = Schemas::new();
        let [mut sent, mut received, mut other] =
            [schemas.sent::<Odd>(), schemas.received::<Odd>(), schemas.received::<AlmostAsOdd>()];
        let joined = schemas.join();
        for schema in [&mut sent, &mut received, &mut other] {
            joined.settle(schema);
        }
        assert_eq!(sent["$ref"], "#/components/schemas/Gr__e____T_");
        assert_eq!(received["$ref"], "#/components/schemas/Gr__e____T_Input");
        assert_eq!(other["$ref"], "#/components/schemas/Gr__e____T_2");
        let names: Vec<_> = joined.schemas.keys().map(String::as_str).collect();
        assert_eq!(names, ["Gr__e____T_", "Gr__e____T_2", "Gr__e____T_Input"]);
        let inner = &joined.schemas["Gr__e____T_Input"]["properties"]["inner"]["anyOf"][0]["$ref"];
        assert_eq!(inner, "#/components/schemas/Gr__e____T_Input");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        assert_eq!(free_name("Chat", |name| name == "Chat" || name == "Chat2"), "Chat3");
        assert_eq!(free_name("Chat", |_| false), "Chat");
    }
}
