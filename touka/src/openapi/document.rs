//! The document of an app: OpenAPI 3.2.

use serde_json::{Map, Value, json};

use super::described::{Answer, Body, Content, Described, Parameter, Place};
use super::doc_comment;
use super::event_schema;
use super::info::{DataDialect, Info};
use super::names::pascal_case;
use super::operations::{Named, Operations};
use super::schemas::{COMPONENTS, Joined};

/// Writes the document.
pub(crate) fn document(operations: Operations, info: Info) -> Value {
    let dialect = info.data;
    let Operations { list, mut joined } = operations;
    let mut paths = Map::new();
    for named in &list {
        let item = paths.entry(&named.path).or_insert_with(|| json!({}));
        let operation = operation(named, dialect, &mut joined);
        let method = named.method.to_lowercase();
        if STANDARD_METHODS.contains(&method.as_str()) {
            item[method] = operation;
        } else {
            item["additionalOperations"][&named.method] = operation;
        }
    }
    let mut document = info.members();
    document.insert("openapi".into(), "3.2.0".into());
    document.insert("paths".into(), paths.into());
    if !joined.schemas.is_empty() {
        document.insert("components".into(), json!({ "schemas": joined.schemas }));
    }
    document.into()
}

/// The methods that a path item has a member for.
const STANDARD_METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

fn operation(named: &Named, dialect: DataDialect, joined: &mut Joined) -> Value {
    let described = &named.described;
    let mut operation = Map::new();
    operation.insert("operationId".into(), named.id().into());
    let (summary, description) = doc_comment::split(&described.doc);
    for (key, text) in [("summary", summary), ("description", description)] {
        if !text.is_empty() {
            operation.insert(key.into(), text.into());
        }
    }
    if described.deprecated {
        operation.insert("deprecated".into(), true.into());
    }
    if let [tag, ..] = &named.path_of_handler[..named.path_of_handler.len() - 1] {
        operation.insert("tags".into(), json!([tag]));
    }
    let mut parameters: Vec<Value> = described.parameters.iter().map(parameter).collect();
    if described.resumes {
        parameters.push(json!({
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The id of the last event that the client has. The stream continues after it.",
            "schema": { "type": "string" },
        }));
    }
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = &described.body {
        operation.insert("requestBody".into(), request_body(body));
    }
    operation.insert("responses".into(), responses(named, described, dialect, joined));
    operation.into()
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut value = json!({ "name": parameter.name, "in": place, "schema": parameter.schema });
    if parameter.required {
        value["required"] = true.into();
    }
    if !parameter.description.is_empty() {
        value["description"] = parameter.description.as_str().into();
    }
    value
}

fn request_body(body: &Body) -> Value {
    let (media_type, schema) = match body {
        Body::Json(schema) => ("application/json", schema.clone()),
        Body::Form(schema) => ("application/x-www-form-urlencoded", schema.clone()),
        Body::Text => ("text/plain", json!({ "type": "string" })),
        Body::Bytes => ("*/*", json!({})),
    };
    json!({ "required": true, "content": { media_type: { "schema": schema } } })
}

fn responses(named: &Named, described: &Described, dialect: DataDialect, joined: &mut Joined) -> Value {
    let mut responses = Map::new();
    for (status, answer) in described.answers.iter().chain(&described.errors) {
        let key = status.map_or_else(|| "default".to_owned(), |status| status.to_string());
        let response = responses.entry(key).or_insert_with(|| json!({ "description": "" }));
        add(response, named, status.as_ref(), answer, dialect, joined);
    }
    responses.into()
}

fn add(
    response: &mut Value,
    named: &Named,
    status: Option<&u16>,
    answer: &Answer,
    dialect: DataDialect,
    joined: &mut Joined,
) {
    let known = response["description"].as_str().unwrap_or_default();
    let description = match (known, answer.description.as_str()) {
        ("", "") => default_description(status, answer).to_owned(),
        (known, text) if text.is_empty() || known == text => known.to_owned(),
        ("", text) => text.to_owned(),
        (known, text) => format!("{known} {text}"),
    };
    response["description"] = description.into();
    for content in &answer.contents {
        let (media_type, value) = match content {
            Content::Json(schema) => ("application/json", json!({ "schema": schema })),
            Content::Text => ("text/plain", json!({ "schema": { "type": "string" } })),
            Content::Html => ("text/html", json!({ "schema": { "type": "string" } })),
            Content::Bytes => ("application/octet-stream", json!({})),
            Content::Events(events) => {
                let name = joined.add(&format!("{}Event", pascal_case(&named.path_of_handler)), json!({}));
                joined.schemas[&name] = event_schema::schema(events, dialect);
                let reference = json!({ "$ref": format!("{COMPONENTS}{name}") });
                // `schema` describes the array of all events, for tools that do not know `itemSchema`.
                let all = json!({ "type": "array", "items": reference });
                ("text/event-stream", json!({ "schema": all, "itemSchema": reference }))
            }
        };
        response["content"][media_type] = value;
    }
}

fn default_description(status: Option<&u16>, answer: &Answer) -> &'static str {
    if answer.contents.iter().any(|content| matches!(content, Content::Events(_))) {
        return "A stream of events.";
    }
    let status = status.and_then(|status| http::StatusCode::from_u16(*status).ok());
    status.and_then(|status| status.canonical_reason()).unwrap_or("Any other answer.")
}
