//! Support for `#[route]`: the sources of parameters, and the answer of the function.

use std::fmt;
use std::str::FromStr;

use axum_core::extract::{FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::extract::{LastEventId, ParamRejection, Params, QueryParams};

/// The bounds of a router's state.
pub trait AnyState: Clone + Send + Sync + 'static {}

impl<S: Clone + Send + Sync + 'static> AnyState for S {}

/// A parameter that is read from the head of the request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of this route",
    label = "one of its parameters is neither a placeholder nor an extractor",
    note = "give the parameter the name of a capture or of a query parameter, or take a type that is `FromRequestParts<S>`, where `S` is the router's state",
    note = "a type that takes the body, such as `Json`, must be the last parameter",
    note = "`State<T>` needs a router whose state is `T` or contains a `T` (`FromRef`), as in `Router::<T>::new()`; the state is given by `with_state`"
)]
pub trait Extractor<S>: FromRequestParts<S> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, T: FromRequestParts<S> + Send + 'static> Extractor<S> for T {}

/// The last parameter, which may take the body too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of this route",
    label = "one of its parameters is neither a placeholder nor an extractor",
    note = "give the parameter the name of a capture or of a query parameter, or take a type that is `FromRequestParts<S>` or `FromRequest<S>`, where `S` is the router's state",
    note = "`State<T>` needs a router whose state is `T` or contains a `T` (`FromRef`), as in `Router::<T>::new()`; the state is given by `with_state`"
)]
pub trait LastExtractor<S, M>: FromRequest<S, M> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, M, T: FromRequest<S, M> + Send + 'static> LastExtractor<S, M> for T {}

/// A parameter that is read from a capture of the path.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a capture of the path",
    label = "cannot be parsed from the captured text",
    note = "implement `FromStr` for `{Self}`, with an error that is `Display`: its text is sent to the client"
)]
pub trait Capture: Sized {
    /// Reads the capture. The error is the response that says why it is not valid.
    #[allow(clippy::result_large_err)] // the refusal is the response itself, as in every extractor
    fn capture(parts: &Parts, name: &str) -> Result<Self, Response>;
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> Capture for T {
    fn capture(parts: &Parts, name: &str) -> Result<Self, Response> {
        Params::from_parts(parts).parse(name).map_err(IntoResponse::into_response)
    }
}

/// A parameter that is read from the query. `M` distinguishes the kinds and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the query",
    label = "cannot be parsed from a query parameter",
    note = "take a type that is `FromStr`, with an error that is `Display`: its text is sent to the client",
    note = "take an `Option` of such a type if the parameter may be missing, or a `Vec` if it may be repeated"
)]
pub trait FromQuery<M>: Sized {
    /// Reads the parameter. The error is the response that says why it is not valid.
    #[allow(clippy::result_large_err)] // the refusal is the response itself, as in every extractor
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response>;
}

/// Marks a parameter that is required once.
#[derive(Debug)]
pub enum Once {}

/// Marks a parameter that may be missing.
#[derive(Debug)]
pub enum Maybe {}

/// Marks a parameter that may be repeated.
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

/// Returns the answer to a client whose last event id is this name: 204, which makes it stop reconnecting.
pub fn ended(parts: &Parts, name: &str) -> Option<Response> {
    LastEventId::from_parts(parts).ended(name).then(|| StatusCode::NO_CONTENT.into_response())
}

/// A type that can be the answer of a route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a route",
    label = "not a response",
    note = "return a type that is axum's `IntoResponse`, such as `String` or `StatusCode`; both types of a `Result` must be, so its error cannot be `Box<dyn Error>`",
    note = "a subscription is a response once it is awaited: `topic.subscribe(from).await`",
    note = "a function that emits events needs `#[sse_handler]` too"
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

/// Converts the answer of a route to a response.
pub fn respond<R: Answer>(answer: R) -> Response {
    answer.answer()
}
