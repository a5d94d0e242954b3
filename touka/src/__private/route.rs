//! For `#[route]`: what a parameter is read from, and what the function answers.

use std::fmt;
use std::str::FromStr;

use axum_core::extract::{FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::extract::{LastEventId, ParamRejection, Params, QueryParams};

/// What a router's state must be.
pub trait AnyState: Clone + Send + Sync + 'static {}

impl<S: Clone + Send + Sync + 'static> AnyState for S {}

/// A parameter that reads the head of the request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of this route",
    label = "one of its parameters is neither a placeholder nor an extractor",
    note = "name the parameter like a placeholder of the path or of the query, or take a type that is `FromRequestParts<S>`, where `S` is the router's state",
    note = "a type that takes the body, such as `Json`, must be the last parameter",
    note = "`State<T>` needs a router whose state is `T`, or has a `T` in it (`FromRef`)"
)]
pub trait Extractor<S>: FromRequestParts<S> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, T: FromRequestParts<S> + Send + 'static> Extractor<S> for T {}

/// The last parameter, which may take the body too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of this route",
    label = "one of its parameters is neither a placeholder nor an extractor",
    note = "name the parameter like a placeholder of the path or of the query, or take a type that is `FromRequestParts<S>` or `FromRequest<S>`, where `S` is the router's state",
    note = "`State<T>` needs a router whose state is `T`, or has a `T` in it (`FromRef`)"
)]
pub trait LastExtractor<S, M>: FromRequest<S, M> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, M, T: FromRequest<S, M> + Send + 'static> LastExtractor<S, M> for T {}

/// A parameter that a capture fills.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a capture of the path",
    label = "cannot be made of the captured text",
    note = "implement `FromStr` for `{Self}`, with an error that is `Display`: the client is told what was wrong"
)]
pub trait Capture: Sized {
    /// Reads the capture, or says why it cannot be.
    #[allow(clippy::result_large_err)] // the refusal is the response itself, as in every extractor
    fn capture(parts: &Parts, name: &str) -> Result<Self, Response>;
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> Capture for T {
    fn capture(parts: &Parts, name: &str) -> Result<Self, Response> {
        Params::from_parts(parts).parse(name).map_err(IntoResponse::into_response)
    }
}

/// A parameter that the query fills. `M` tells the kinds apart, and is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the query",
    label = "cannot be made of the text of a query parameter",
    note = "take a type that is `FromStr`, with an error that is `Display`: the client is told what was wrong",
    note = "or an `Option` of one where the parameter may be missing, or a `Vec` of one where it may be repeated"
)]
pub trait FromQuery<M>: Sized {
    /// Reads the parameter, or says why it cannot be.
    #[allow(clippy::result_large_err)] // the refusal is the response itself, as in every extractor
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response>;
}

/// The parameter is there, once.
#[derive(Debug)]
pub enum Once {}

/// The parameter is there once, or not at all.
#[derive(Debug)]
pub enum Maybe {}

/// The parameter is there any number of times.
#[derive(Debug)]
pub enum Repeated {}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> FromQuery<Once> for T {
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response> {
        query.parse(name).map_err(ParamRejection::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> FromQuery<Maybe> for Option<T> {
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response> {
        query.parse_optional(name).map_err(ParamRejection::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> FromQuery<Repeated> for Vec<T> {
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response> {
        query.parse_all(name).map_err(ParamRejection::into_response)
    }
}

/// Reads a parameter from the head of the request.
pub async fn from_request_parts<T: Extractor<S>, S: AnyState>(parts: &mut Parts, state: &S) -> Result<T, Response> {
    T::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)
}

/// Reads the last parameter from the whole request.
pub async fn from_request<T: LastExtractor<S, M>, S: AnyState, M>(request: Request, state: &S) -> Result<T, Response> {
    T::from_request(request, state).await.map_err(IntoResponse::into_response)
}

/// The answer to a client that has seen the end of this name: 204 tells it not to come back.
pub fn ended(parts: &Parts, name: &str) -> Option<Response> {
    LastEventId::from_parts(parts).ended(name).then(|| StatusCode::NO_CONTENT.into_response())
}

/// What a route answers with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a route",
    label = "not a response",
    note = "return a type that is axum's `IntoResponse`, such as `String` or `StatusCode`; of a `Result` both types must be",
    note = "a function that emits events is an `#[sse_handler]` too"
)]
pub trait Answer {
    fn answer(self) -> Response;
}

#[diagnostic::do_not_recommend]
impl<R: IntoResponse> Answer for R {
    fn answer(self) -> Response {
        self.into_response()
    }
}

/// The answer of a route.
pub fn respond<R: Answer>(answer: R) -> Response {
    answer.answer()
}
