//! What generated code may name. Not public API: it changes without notice.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::str::FromStr;

pub use axum_core::extract::Request;
use axum_core::extract::{FromRequest, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
pub use http::Method;
use http::request::Parts;

use crate::event::{Event, IntoEvent};
use crate::extract::Params;
use crate::stream::{Emitter, EventStream, Opening};

// ===== #[sse_handler] =====

/// The return types of a handler.
#[diagnostic::on_unimplemented(
    message = "an `#[sse_handler]` cannot return `{Self}`",
    label = "this is not a stream of events",
    note = "leave the return type out, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`"
)]
pub trait Returns: Sized {
    /// What `emit!` takes.
    type Item;
    /// What the body ends with.
    type Done;
    /// The wait until the response can open.
    type Start<B>: Future<Output = Self>;

    fn start<F, B>(body: F) -> Self::Start<B>
    where
        F: FnOnce(Emitter<Self::Item>) -> B,
        B: Future<Output = Self::Done> + Send + 'static;
}

impl<T: IntoEvent + Send + 'static> Returns for EventStream<T> {
    type Item = T;
    type Done = ();
    type Start<B> = Ready<Self>;

    fn start<F, B>(body: F) -> Ready<Self>
    where
        F: FnOnce(Emitter<T>) -> B,
        B: Future<Output = ()> + Send + 'static,
    {
        ready(Self::generate(body))
    }
}

impl<T, E> Returns for Result<EventStream<T>, E>
where
    T: IntoEvent + Send + 'static,
    E: IntoResponse + Send + 'static,
{
    type Item = T;
    type Done = Result<(), E>;
    type Start<B> = Opening<T, E>;

    fn start<F, B>(body: F) -> Opening<T, E>
    where
        F: FnOnce(Emitter<T>) -> B,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        EventStream::try_generate(body)
    }
}

/// Runs a handler's body as the stream that the handler returns.
pub fn start<R, F, B>(body: F) -> R::Start<B>
where
    R: Returns,
    F: FnOnce(Emitter<R::Item>) -> B,
    B: Future<Output = R::Done> + Send + 'static,
{
    R::start(body)
}

/// What an untyped `emit!` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted by an untyped handler",
    label = "this is not `Into<Event>`",
    note = "build an event of it, say with `Event::json(&value)`, or return `EventStream<{Self}>` and implement `IntoEvent` for it"
)]
pub trait Emittable {
    fn into_event(self) -> Event;
}

#[diagnostic::do_not_recommend]
impl<V: Into<Event>> Emittable for V {
    fn into_event(self) -> Event {
        self.into()
    }
}

/// What an untyped `emit!` was given, as an event.
pub fn event<V: Emittable>(value: V) -> Event {
    value.into_event()
}

/// What the body of a fallible handler can end with.
#[diagnostic::on_unimplemented(
    message = "the body of this handler ends with `{Self}`",
    label = "expected nothing, or `Ok(())`",
    note = "a handler hands its values over with `emit!(…)`; its body ends with nothing, or with `Ok(())` where it returns a `Result`"
)]
pub trait Finish<Done> {
    fn finish(self) -> Done;
}

impl<E> Finish<Result<(), E>> for () {
    fn finish(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E> Finish<Result<(), E>> for Result<(), E> {
    fn finish(self) -> Self {
        self
    }
}

/// A body that never ends, such as a `loop`. The type `!` cannot be named here, but what a
/// function pointer returns can be.
impl<E> Finish<Result<(), E>> for <fn() -> ! as Returned>::Output {
    fn finish(self) -> Result<(), E> {
        self
    }
}

/// What a function pointer returns.
pub trait Returned {
    type Output;
}

impl<T> Returned for fn() -> T {
    type Output = T;
}

/// The end of a body, as its stream takes it.
pub fn finish<Done, V: Finish<Done>>(value: V) -> Done {
    value.finish()
}

// ===== #[route] =====

/// What a router's state must be.
pub trait AnyState: Clone + Send + Sync + 'static {}

impl<S: Clone + Send + Sync + 'static> AnyState for S {}

/// A parameter that reads the head of the request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor for a router whose state is `{S}`",
    label = "neither a capture of the path nor an extractor",
    note = "name the parameter like a capture, or take a type that is `FromRequestParts<{S}>`; one that takes the body (`FromRequest`) stands last"
)]
pub trait Extractor<S>: FromRequestParts<S> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, T: FromRequestParts<S> + Send + 'static> Extractor<S> for T {}

/// The last parameter, which may take the body too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor for a router whose state is `{S}`",
    label = "neither a capture of the path nor an extractor",
    note = "name the parameter like a capture, or take a type that is `FromRequestParts<{S}>` or `FromRequest<{S}>`"
)]
pub trait LastExtractor<S, M>: FromRequest<S, M> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<S, M, T: FromRequest<S, M> + Send + 'static> LastExtractor<S, M> for T {}

/// Reads a capture, or says why it cannot be.
pub fn capture<T>(parts: &Parts, name: &str) -> Result<T, Response>
where
    T: FromStr<Err: fmt::Display>,
{
    Params::of(parts).parse(name).map_err(IntoResponse::into_response)
}

/// Reads a parameter from the head of the request.
pub async fn from_request_parts<T: Extractor<S>, S: AnyState>(parts: &mut Parts, state: &S) -> Result<T, Response> {
    T::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)
}

/// Reads the last parameter from the whole request.
pub async fn from_request<T: LastExtractor<S, M>, S: AnyState, M>(request: Request, state: &S) -> Result<T, Response> {
    T::from_request(request, state).await.map_err(IntoResponse::into_response)
}

/// The answer of a handler.
pub fn respond(answer: impl IntoResponse) -> Response {
    answer.into_response()
}
