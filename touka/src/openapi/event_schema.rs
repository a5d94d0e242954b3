//! The schema of one event of a stream, as the clients of the standard see it.

use serde_json::{Value, json};

use super::events::{Branch, Data, EventSet};
use super::info::DataDialect;

/// The name of an event without a name.
const MESSAGE: &str = "message";

/// One branch for each name. An event is valid against one branch only.
pub(super) fn schema(events: &EventSet, dialect: DataDialect) -> Value {
    let mut branches: Vec<Value> = events.branches.iter().map(|known| branch(known, dialect)).collect();
    if events.any {
        branches.push(any_other(events));
    }
    json!({ "oneOf": branches })
}

fn branch(branch: &Branch, dialect: DataDialect) -> Value {
    let data = match (&branch.data, dialect) {
        (Data::Text, _) => json!({ "type": "string" }),
        (Data::Empty, _) => json!({ "const": "" }),
        (Data::Json(schema), DataDialect::Value) => schema.clone(),
        (Data::Json(schema), DataDialect::Text) => {
            json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema })
        }
    };
    let mut schema = object(&json!({ "const": branch.name }), &data);
    if branch.name != MESSAGE {
        schema["required"] = json!(["event", "data"]);
    }
    schema["title"] = branch.name.as_str().into();
    if !branch.description.is_empty() {
        schema["description"] = branch.description.as_str().into();
    }
    schema
}

/// Events of names that have no branch.
fn any_other(events: &EventSet) -> Value {
    let names: Vec<&str> = events.branches.iter().map(|branch| branch.name.as_str()).collect();
    let data = json!({ "type": "string" });
    if names.is_empty() {
        return object(&json!({ "type": "string" }), &data);
    }
    let mut schema = object(&json!({ "type": "string", "not": { "enum": names } }), &data);
    if names.contains(&MESSAGE) {
        schema["required"] = json!(["event", "data"]);
    }
    schema
}

fn object(event: &Value, data: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "event": event,
            "data": data,
            "id": { "type": "string" },
            "retry": { "type": "integer", "minimum": 0 },
        },
        "required": ["data"],
    })
}
