//! [`DescribeRequest`] and [`DescribeResponse`]: what a parameter type reads from a request, and what a return type
//! answers.

use schemars::JsonSchema;

use super::operation::Operation;

/// An extractor that describes what it reads from a request.
///
/// The parameters of a route in [`contract!`](crate::contract!) implement it, except those that are captures or query
/// parameters by name. An extractor of your own that reads nothing a client must know of, such as a session from a
/// cookie, has an empty implementation:
///
/// ```
/// use touka::openapi::{DescribeRequest, Operation};
///
/// /// The user of the session.
/// struct User(String);
///
/// impl DescribeRequest for User {}
///
/// /// The header `X-Tenant`.
/// struct Tenant(String);
///
/// impl DescribeRequest for Tenant {
///     fn describe(operation: &mut Operation<'_>) {
///         operation.header::<String>("X-Tenant");
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe what it reads from a request",
    label = "a parameter of a route that is in the contract",
    note = "implement `touka::openapi::DescribeRequest` for it; an empty implementation says that clients need not know of it",
    note = "an extractor of another crate needs a type of your own around it"
)]
pub trait DescribeRequest {
    /// Adds to the operation what the type reads. By default nothing.
    fn describe(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

/// A return type, or its error, that describes its answers.
///
/// The return types of routes in [`contract!`](crate::contract!) implement it. In a `Result<T, E>`, both do. For an error
/// of your own an empty implementation is enough; it says that there are errors of any status:
///
/// ```
/// use touka::openapi::{DescribeResponse, Operation};
/// use touka::response::{IntoResponse, Response, StatusCode};
///
/// struct SoldOut;
///
/// impl IntoResponse for SoldOut {
///     fn into_response(self) -> Response {
///         (StatusCode::CONFLICT, "sold out").into_response()
///     }
/// }
///
/// impl DescribeResponse for SoldOut {
///     fn describe(operation: &mut Operation<'_>) {
///         operation.text_response(StatusCode::CONFLICT, "There is none left.");
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe its answers",
    label = "the answer of a route that is in the contract",
    note = "implement `touka::openapi::DescribeResponse` for it; an empty implementation says that it has any status",
    note = "a return type of another crate needs a type of your own around it"
)]
pub trait DescribeResponse {
    /// Adds the answers to the operation. By default one of any status, of which nothing else is known.
    fn describe(operation: &mut Operation<'_>) {
        operation.default_response("");
    }
}

/// A type with a JSON Schema: every [`JsonSchema`].
///
/// It is that trait under a name of its own, so that the compiler explains what is missing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "in a route that is in the contract",
    note = "derive `schemars::JsonSchema` for it, or for the type inside it; or implement that trait",
    note = "in `routes!` instead of `contract!`, the route needs no schema"
)]
pub trait HasSchema: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> HasSchema for T {}
