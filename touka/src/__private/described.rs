//! Support for `contract!`: the bounds on the types of a route that is described.

use std::borrow::Cow;
use std::marker::PhantomData;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::openapi::{DescribeRequest, DescribeResponse, Operation};

// The compiler checks a bound on a type without parameters where the function is defined, and would reject it there though
// the route is not in a contract. So each of these traits has a parameter, for which it is given the state or, in the
// derive, a lifetime. They have no supertraits, which would be checked as well.

/// A parameter that is an extractor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe what it reads from a request",
    label = "a parameter of a route that is in the contract",
    note = "implement `touka::openapi::DescribeRequest` for it; an empty implementation says that clients need not know of it",
    note = "an extractor of another crate needs a type of your own around it"
)]
pub trait DescribedRequest<S> {
    fn describe(operation: &mut Operation<'_>);
}

impl<S, T: DescribeRequest> DescribedRequest<S> for T {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// The return type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe its answers",
    label = "the answer of a route that is in the contract",
    note = "implement `touka::openapi::DescribeResponse` for it; an empty implementation says that it has any status",
    note = "a return type of another crate needs a type of your own around it"
)]
pub trait DescribedResponse<S> {
    fn describe(operation: &mut Operation<'_>);
}

impl<S, T: DescribeResponse> DescribedResponse<S> for T {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// A parameter that is a capture of the path, or in the query.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "a parameter of a route that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or for the type inside it; or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait DescribedParameter<S> {
    fn capture(operation: &mut Operation<'_>, name: &str);

    fn query(operation: &mut Operation<'_>, name: &str);
}

#[diagnostic::do_not_recommend]
impl<S, T: JsonSchema> DescribedParameter<S> for T {
    fn capture(operation: &mut Operation<'_>, name: &str) {
        operation.capture::<T>(name);
        operation.refusal(StatusCode::BAD_REQUEST, INVALID);
    }

    fn query(operation: &mut Operation<'_>, name: &str) {
        operation.query_parameter::<T>(name);
        operation.refusal(StatusCode::BAD_REQUEST, INVALID);
    }
}

const INVALID: &str = "A parameter is not valid.";

/// The data of an event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "the data of an event that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or for the type inside it; or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait DataSchema<'a> {
    fn inline() -> bool;

    fn name() -> Cow<'static, str>;

    fn id() -> Cow<'static, str>;

    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DataSchema<'_> for T {
    fn inline() -> bool {
        T::inline_schema()
    }

    fn name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A type that has the schema of `T`.
#[derive(Debug)]
pub struct Deferred<T>(PhantomData<fn() -> T>);

impl<T> JsonSchema for Deferred<T>
where
    for<'a> T: DataSchema<'a>,
{
    fn inline_schema() -> bool {
        T::inline()
    }

    fn schema_name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A type whose members are flattened into the data. Nothing is said of members that may be missing: those of an `Option`,
/// also in a `Box` or by another name.
#[derive(Debug)]
pub struct Flattened<T>(PhantomData<fn() -> T>);

impl<T> JsonSchema for Flattened<T>
where
    for<'a> T: DataSchema<'a>,
{
    fn schema_name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let schema = T::schema(generator);
        let has = |key: &str, null: &Value| {
            schema.get(key).and_then(Value::as_array).is_some_and(|choices| choices.contains(null))
        };
        if has("anyOf", &json!({ "type": "null" })) || has("type", &json!("null")) { Schema::default() } else { schema }
    }
}

/// Describes a handler by its doc comment.
pub fn describe_handler(operation: &mut Operation<'_>, doc: &str, deprecated: bool) {
    operation.documented(doc, deprecated);
}

/// Declares the event that marks a normal end.
pub fn describe_end(operation: &mut Operation<'_>, end: &'static str) {
    operation.ends_with(end);
}

/// Declares that the handler starts a run.
pub fn describe_run(operation: &mut Operation<'_>) {
    operation.starts_run();
}
