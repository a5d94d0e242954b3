//! [`Operation`]: what a handler reads and answers, while its parameter and return types describe it.

use http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::described::{Body, Content, Described, Parameter, Place, RunPart};
use super::events::{DescribeEvents, EventSet, Events};
use super::schemas::Schemas;

/// An operation of the document, which is one route: [`DescribeRequest`](super::DescribeRequest) and
/// [`DescribeResponse`](super::DescribeResponse) add to it.
#[derive(Debug)]
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    described: &'a mut Described,
    /// Whether the answers that are added are those of an error.
    is_error: bool,
    /// The status of answers that have none of their own.
    status: Option<u16>,
}

impl<'a> Operation<'a> {
    pub(crate) const fn new(schemas: &'a mut Schemas, described: &'a mut Described) -> Self {
        Self { schemas, described, is_error: false, status: Some(200) }
    }

    /// Adds a query parameter. It is required unless `T` is an `Option` or a `Vec`.
    pub fn query_parameter<T: JsonSchema>(&mut self, name: &str) {
        let schema = self.schemas.received::<T>();
        self.query_schema(name, schema, None);
    }

    /// Adds each field of a struct as a query parameter.
    pub fn query_parameters<T: JsonSchema>(&mut self) {
        let schema = self.schemas.received_inline::<T>();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            self.query_schema(name, field.clone(), Some(required.contains(&name.as_str())));
        }
    }

    fn query_schema(&mut self, name: &str, schema: Value, required: Option<bool>) {
        let (schema, is_optional) = without_null(schema);
        let is_list = schema["type"] == "array";
        let required = required.unwrap_or(true) && !is_optional && !is_list;
        self.parameter(name, Place::Query, required, schema);
    }

    /// Adds a header that the handler reads. It is required unless `T` is an `Option`.
    pub fn header<T: JsonSchema>(&mut self, name: &str) {
        let (schema, is_optional) = without_null(self.schemas.received::<T>());
        self.parameter(name, Place::Header, !is_optional, schema);
    }

    pub(crate) fn capture<T: JsonSchema>(&mut self, name: &str) {
        let schema = self.schemas.received::<T>();
        self.parameter(name, Place::Path, true, schema);
    }

    fn parameter(&mut self, name: &str, place: Place, required: bool, schema: Value) {
        let (name, description) = (name.to_owned(), text_of(&schema));
        self.described.add_parameter(Parameter { name, place, required, description, schema });
    }

    /// Declares that the handler reads the id of the client's last event, and continues after it.
    pub fn resumes(&mut self) {
        self.described.resumes = true;
    }

    /// Sets the body of requests: JSON.
    pub fn json_body<T: JsonSchema>(&mut self) {
        self.described.body = Some(Body::Json(self.schemas.received::<T>()));
    }

    /// Sets the body of requests: the fields of a form, URL-encoded.
    pub fn form_body<T: JsonSchema>(&mut self) {
        self.described.body = Some(Body::Form(self.schemas.received::<T>()));
    }

    /// Sets the body of requests: text.
    pub fn text_body(&mut self) {
        self.described.body = Some(Body::Text);
    }

    /// Sets the body of requests: bytes of any kind.
    pub fn bytes_body(&mut self) {
        self.described.body = Some(Body::Bytes);
    }

    /// Adds an answer without a body, or with one of which nothing is said.
    pub fn response(&mut self, status: StatusCode, description: &str) {
        self.described.add(self.is_error, Some(status.as_u16()), description, None);
    }

    /// Adds an answer whose status is any.
    pub fn default_response(&mut self, description: &str) {
        self.described.add(self.is_error, None, description, None);
    }

    /// Adds an answer whose body is JSON.
    pub fn json_response<T: JsonSchema + ?Sized>(&mut self, status: StatusCode, description: &str) {
        let content = Content::Json(self.schemas.sent::<T>());
        self.described.add(self.is_error, Some(status.as_u16()), description, Some(content));
    }

    /// Adds an answer whose body is a line of text.
    pub fn text_response(&mut self, status: StatusCode, description: &str) {
        self.described.add(self.is_error, Some(status.as_u16()), description, Some(Content::Text));
    }

    /// Adds an answer that is a stream of these events.
    pub fn stream<T: DescribeEvents>(&mut self) {
        let mut set = EventSet::default();
        T::describe(&mut Events { schemas: self.schemas, set: &mut set });
        self.own(Content::Events(set));
    }

    /// Declares that a stream is that of a [run](crate::Run), with its last events.
    pub fn run(&mut self) {
        if self.described.run == RunPart::None {
            self.described.run = RunPart::Watches;
        }
    }

    /// Adds a refusal of the request: an error, whatever the handler answers.
    pub fn refusal(&mut self, status: StatusCode, description: &str) {
        self.described.add(true, Some(status.as_u16()), description, Some(Content::Text));
    }

    pub(crate) fn documented(&mut self, doc: &str, deprecated: bool) {
        doc.trim().clone_into(&mut self.described.doc);
        self.described.deprecated = deprecated;
    }

    pub(crate) const fn ends_with(&mut self, end: &'static str) {
        self.described.end = Some(end);
    }

    pub(crate) const fn starts_run(&mut self) {
        self.described.run = RunPart::Starts;
        // A client that joins the run continues after the last event that it has.
        self.described.resumes = true;
    }

    /// Adds an answer with the status of the operation.
    pub(crate) fn own(&mut self, content: Content) {
        self.described.add(self.is_error, self.status, "", Some(content));
    }

    pub(crate) fn own_json<T: JsonSchema + ?Sized>(&mut self) {
        let content = Content::Json(self.schemas.sent::<T>());
        self.own(content);
    }

    /// Adds an answer without a body.
    pub(crate) fn own_empty(&mut self) {
        self.described.add(self.is_error, self.status, "", None);
    }

    /// Describes answers as those of an error.
    pub(crate) fn as_error(&mut self, describe: impl FnOnce(&mut Operation<'_>)) {
        let described = &mut *self.described;
        describe(&mut Operation { schemas: self.schemas, described, is_error: true, status: self.status });
    }

    /// Describes answers whose status only the handler knows.
    pub(crate) fn with_any_status(&mut self, describe: impl FnOnce(&mut Operation<'_>)) {
        let described = &mut *self.described;
        describe(&mut Operation { schemas: self.schemas, described, is_error: self.is_error, status: None });
    }
}

/// The schema without `null`, and whether it had that: the schema of an `Option`.
fn without_null(mut schema: Value) -> (Value, bool) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        let before = types.len();
        types.retain(|name| name != "null");
        let (had_null, single) = (types.len() < before, types.len() == 1);
        if single {
            schema["type"] = schema["type"][0].take();
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        return (schema, had_null);
    }
    let null = json!({ "type": "null" });
    let Some(Value::Array(any)) = schema.get_mut("anyOf") else { return (schema, false) };
    let before = any.len();
    any.retain(|schema| *schema != null);
    let had_null = any.len() < before;
    if had_null && any.len() == 1 {
        let inner = any.swap_remove(0);
        return (inner, true);
    }
    (schema, had_null)
}

/// The description of a schema, for a parameter of this type.
fn text_of(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_its_type_and_may_be_missing() {
        let number = json!({ "type": ["integer", "null"], "format": "int64" });
        assert_eq!(without_null(number), (json!({ "type": "integer", "format": "int64" }), true));
        let reference = json!({ "$ref": "#/components/schemas/Order" });
        let optional = json!({ "anyOf": [reference, { "type": "null" }] });
        assert_eq!(without_null(optional), (reference.clone(), true));
        assert_eq!(without_null(reference.clone()), (reference, false));
        let several = json!({ "type": ["integer", "string"] });
        assert_eq!(without_null(several.clone()), (several, false));
    }
}
