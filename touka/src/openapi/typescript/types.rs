//! JSON Schema as TypeScript types.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::openapi::schemas::{COMPONENTS, decoded};

/// The names of schemas in TypeScript, by their names in the document.
pub(super) type Names = BTreeMap<String, String>;

/// Schemas as types, which refer to others by name.
#[derive(Clone, Copy)]
pub(super) struct Types<'a> {
    pub(super) names: &'a Names,
}

impl Types<'_> {
    /// The type of a schema. `indent` is that of the line it begins on.
    pub(super) fn of(self, schema: &Value, indent: usize) -> String {
        let entries = match schema {
            Value::Bool(false) => return "never".to_owned(),
            Value::Object(entries) if !entries.is_empty() => entries,
            _ => return "unknown".to_owned(),
        };
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.reference(entries));
        parts.extend(literals(entries));
        for (key, separator) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
            if let Some(Value::Array(schemas)) = entries.get(key) {
                parts.push(self.joined(schemas, separator, indent));
            }
        }
        if !entries.contains_key("const") && !entries.contains_key("enum") {
            parts.extend(self.by_kind(entries, indent));
        }
        match parts.len() {
            0 => "unknown".to_owned(),
            1 => parts.swap_remove(0),
            _ => parts.into_iter().map(|part| in_parentheses(part, '|')).collect::<Vec<_>>().join(" & "),
        }
    }

    fn reference(self, entries: &Map<String, Value>) -> Option<String> {
        let target = entries.get("$ref")?.as_str()?;
        let name = target.strip_prefix(COMPONENTS).and_then(|name| self.names.get(&decoded(name)));
        Some(name.cloned().unwrap_or_else(|| "unknown".to_owned()))
    }

    fn joined(self, schemas: &[Value], separator: &str, indent: usize) -> String {
        let mut types: Vec<String> = Vec::new();
        for schema in schemas {
            let ty = self.of(schema, indent);
            let ty = if separator == " & " { in_parentheses(ty, '|') } else { ty };
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        if types.is_empty() { "never".to_owned() } else { types.join(separator) }
    }

    /// The types of the keyword `type`.
    fn by_kind(self, entries: &Map<String, Value>, indent: usize) -> Option<String> {
        let kinds: Vec<&str> = match entries.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if entries.contains_key("properties") => vec!["object"],
            _ => return None,
        };
        let mut types: Vec<String> = Vec::new();
        for kind in kinds {
            let ty = match kind {
                "string" => "string".to_owned(),
                "integer" | "number" => "number".to_owned(),
                "boolean" => "boolean".to_owned(),
                "null" => "null".to_owned(),
                "array" => self.array(entries, indent),
                // Beside a choice of objects, an object without properties says nothing.
                "object" if is_only_a_kind(entries) => continue,
                "object" => self.object(entries, indent),
                _ => "unknown".to_owned(),
            };
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        (!types.is_empty()).then(|| types.join(" | "))
    }

    fn array(self, entries: &Map<String, Value>, indent: usize) -> String {
        if let Some(Value::Array(items)) = entries.get("prefixItems") {
            let items: Vec<String> = items.iter().map(|item| self.of(item, indent)).collect();
            return format!("[{}]", items.join(", "));
        }
        let items = entries.get("items").map_or_else(|| "unknown".to_owned(), |items| self.of(items, indent));
        format!("{}[]", in_parentheses(in_parentheses(items, '|'), '&'))
    }

    fn object(self, entries: &Map<String, Value>, indent: usize) -> String {
        let properties = entries.get("properties").and_then(Value::as_object).filter(|known| !known.is_empty());
        // A map whose keys are numbers has a pattern for them.
        let patterns = entries.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let others = entries.get("additionalProperties").filter(|schema| !schema.is_boolean()).into_iter();
        let others: Vec<&Value> = others.chain(patterns).collect();
        match (properties, others.as_slice()) {
            (None, []) if entries.get("additionalProperties") == Some(&Value::Bool(false)) => {
                "Record<string, never>".to_owned()
            }
            (None, []) => "Record<string, unknown>".to_owned(),
            (None, others) => format!("{{ [key: string]: {} }}", self.any_of(others.iter().copied(), false, indent)),
            (Some(properties), others) => self.members(properties, others, entries, indent),
        }
    }

    /// The union of the types of schemas.
    fn any_of<'v>(self, schemas: impl Iterator<Item = &'v Value>, or_undefined: bool, indent: usize) -> String {
        let mut types: Vec<String> = Vec::new();
        for ty in schemas.map(|schema| self.of(schema, indent)).chain(or_undefined.then(|| "undefined".to_owned())) {
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        types.join(" | ")
    }

    /// The members of an object in braces, each on a line of its own. `others` are the schemas of other members.
    fn members(
        self,
        properties: &Map<String, Value>,
        others: &[&Value],
        entries: &Map<String, Value>,
        indent: usize,
    ) -> String {
        let required = entries.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let (outer, inner) = (spaces(indent), spaces(indent + 2));
        let mut text = "{\n".to_owned();
        for (name, schema) in properties {
            text.push_str(&comment(schema["description"].as_str().unwrap_or_default(), indent + 2));
            let optional = if is_required(name) { "" } else { "?" };
            let line = format!("{inner}{}{optional}: {};\n", key(name), self.of(schema, indent + 2));
            text.push_str(&line);
        }
        if !others.is_empty() {
            // TypeScript wants the type of the other members to be one that the named ones have as well.
            let all = others.iter().copied().chain(properties.values());
            let some_are_optional = properties.keys().any(|name| !is_required(name));
            let line = format!("{inner}[key: string]: {};\n", self.any_of(all, some_are_optional, indent + 2));
            text.push_str(&line);
        }
        text + &outer + "}"
    }
}

fn literals(entries: &Map<String, Value>) -> Option<String> {
    if let Some(value) = entries.get("const") {
        return Some(literal(value));
    }
    let Value::Array(values) = entries.get("enum")? else { return None };
    Some(values.iter().map(literal).collect::<Vec<_>>().join(" | "))
}

fn is_only_a_kind(entries: &Map<String, Value>) -> bool {
    let says_more =
        ["properties", "additionalProperties", "patternProperties"].iter().any(|key| entries.contains_key(*key));
    !says_more && ["oneOf", "anyOf", "allOf", "$ref"].iter().any(|key| entries.contains_key(*key))
}

/// A JSON value as a type. JSON's strings are TypeScript's.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => "unknown".to_owned(),
        value => value.to_string(),
    }
}

/// A name as the key of an object.
pub(super) fn key(name: &str) -> String {
    if name == "__proto__" {
        // Without brackets, it would be the prototype of an object.
        return "[\"__proto__\"]".to_owned();
    }
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '$')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$');
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

fn in_parentheses(ty: String, operator: char) -> String {
    if is_at_the_top(&ty, operator) { format!("({ty})") } else { ty }
}

/// Whether the operator is in the type outside of all braces and strings.
fn is_at_the_top(ty: &str, operator: char) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_i32, false, false);
    for letter in ty.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            letter if letter == operator && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// A doc comment on lines of its own. Nothing for an empty text.
pub(super) fn comment(text: &str, indent: usize) -> String {
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let (margin, text) = (spaces(indent), text.replace("*/", "* /"));
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    match lines.as_slice() {
        [line] => format!("{margin}/** {line} */\n"),
        lines => {
            let lines: String = lines
                .iter()
                .map(|line| if line.is_empty() { format!("{margin} *\n") } else { format!("{margin} * {line}\n") })
                .collect();
            format!("{margin}/**\n{lines}{margin} */\n")
        }
    }
}

pub(super) fn spaces(count: usize) -> String {
    " ".repeat(count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_types() {
        let names = Names::from([("Order".to_owned(), "Order".to_owned()), ("a/b".to_owned(), "AB".to_owned())]);
        let types = Types { names: &names };
        for (schema, expected) in [
            (json!(true), "unknown"),
            (json!(false), "never"),
            (json!({}), "unknown"),
            (json!({ "type": "integer", "format": "int64" }), "number"),
            (json!({ "type": ["string", "null"] }), "string | null"),
            (json!({ "$ref": "#/components/schemas/Order" }), "Order"),
            (json!({ "$ref": "#/components/schemas/a~1b" }), "AB"),
            (json!({ "anyOf": [{ "$ref": "#/components/schemas/Order" }, { "type": "null" }] }), "Order | null"),
            (json!({ "type": "string", "enum": ["a", "b\"c"] }), r#""a" | "b\"c""#),
            (json!({ "const": "x" }), r#""x""#),
            (json!({ "type": "array", "items": { "type": ["string", "null"] } }), "(string | null)[]"),
            (
                json!({ "type": "array", "prefixItems": [{ "type": "number" }, { "type": "string" }] }),
                "[number, string]",
            ),
            (json!({ "type": "object", "additionalProperties": { "type": "number" } }), "{ [key: string]: number }"),
            (
                json!({
                    "type": "object",
                    "additionalProperties": false,
                    "patternProperties": { "^\\d+$": { "type": "string" } },
                }),
                "{ [key: string]: string }",
            ),
            (
                json!({
                    "type": "object",
                    "properties": { "a": { "type": "string" }, "b": { "type": "number" } },
                    "required": ["a"],
                    "additionalProperties": { "type": "number" },
                }),
                "{\n  a: string;\n  b?: number;\n  [key: string]: number | string | undefined;\n}",
            ),
            (json!({ "type": "object" }), "Record<string, unknown>"),
            (
                json!({ "type": "object", "properties": { "a-b": { "type": "string" }, "c": {} }, "required": ["c"] }),
                "{\n  \"a-b\"?: string;\n  c: unknown;\n}",
            ),
            (
                json!({
                    "type": "object",
                    "properties": { "a": { "type": "number" } },
                    "required": ["a"],
                    "oneOf": [{ "const": 1 }, { "const": 2 }],
                }),
                "(1 | 2) & {\n  a: number;\n}",
            ),
            (json!({ "allOf": [{ "type": ["string", "null"] }, { "const": "a" }] }), "(string | null) & \"a\""),
            (json!({ "enum": ["a | b"] }), "\"a | b\""),
            (json!({ "type": "array", "items": { "enum": ["a | b"] } }), "\"a | b\"[]"),
        ] {
            assert_eq!(types.of(&schema, 0), expected, "{schema}");
        }
    }

    #[test]
    fn keys_are_names_strings_or_computed() {
        let keys = ["$a_1", "1a", "a-b", "\"", "__proto__"].map(key);
        assert_eq!(keys, ["$a_1", "\"1a\"", "\"a-b\"", "\"\\\"\"", "[\"__proto__\"]"]);
    }

    #[test]
    fn comments_cannot_be_closed_from_inside() {
        assert_eq!(comment("a */ b", 2), "  /** a * / b */\n");
        assert_eq!(comment("a\n\n b ", 0), "/**\n * a\n *\n * b\n */\n");
        assert_eq!(comment(" ", 0), "");
    }
}
