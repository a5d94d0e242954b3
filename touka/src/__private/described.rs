//! Support for `contract!`: the bounds on the types of a route that is described.

pub use schemars::JsonSchema;

use crate::http::StatusCode;
pub use crate::openapi::{DescribeRequest, DescribeResponse, Operation};

// The compiler checks a bound on a type without parameters where the function is defined, and would reject it there though
// the route is not in a contract. So each of these traits has a parameter `S`, for which it is given the state.

/// A parameter that is an extractor.
pub trait DescribedRequest<S>: DescribeRequest {}

#[diagnostic::do_not_recommend]
impl<S, T: DescribeRequest> DescribedRequest<S> for T {}

/// The return type.
pub trait DescribedResponse<S>: DescribeResponse {}

#[diagnostic::do_not_recommend]
impl<S, T: DescribeResponse> DescribedResponse<S> for T {}

/// A parameter that is a capture of the path.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "a parameter of a route that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait DescribedCapture<S>: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<S, T: JsonSchema> DescribedCapture<S> for T {}

/// A parameter of the query.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "a parameter of a route that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait DescribedQuery<S>: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<S, T: JsonSchema> DescribedQuery<S> for T {}

/// The data of an event. The lifetime defers the bound in the same way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "the data of an event that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait DataSchema<'a>: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DataSchema<'_> for T {}

/// Describes a handler by its doc comment.
pub fn describe_handler(operation: &mut Operation<'_>, doc: &str, deprecated: bool) {
    operation.documented(doc, deprecated);
}

/// Describes a capture.
pub fn describe_capture<T: JsonSchema>(operation: &mut Operation<'_>, name: &str) {
    operation.capture::<T>(name);
    operation.refusal(StatusCode::BAD_REQUEST, INVALID);
}

/// Describes a query parameter.
pub fn describe_query<T: JsonSchema>(operation: &mut Operation<'_>, name: &str) {
    operation.query_parameter::<T>(name);
    operation.refusal(StatusCode::BAD_REQUEST, INVALID);
}

const INVALID: &str = "A parameter is not valid.";

/// Declares the event that marks a normal end.
pub fn describe_end(operation: &mut Operation<'_>, end: &'static str) {
    operation.ends_with(end);
}

/// Declares that the handler starts a run.
pub fn describe_run(operation: &mut Operation<'_>) {
    operation.starts_run();
}
