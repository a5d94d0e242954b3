//! What generated code may name. Not public API: it changes without notice.

use std::fmt;
use std::future::{Future, ready};
use std::str::FromStr;

pub use axum_core::extract::Request;
use axum_core::extract::{FromRequest, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
pub use http::Method;
use http::StatusCode;
use http::request::Parts;

use crate::event::{Event, IntoEvent};
pub use crate::extract::QueryParams;
use crate::extract::{LastEventId, ParamError, Params};
pub use crate::routing::Route;
pub use crate::stream::EventWriter;
use crate::stream::{Emitter, EventSender, EventStream, Opening};
#[cfg(feature = "macros")]
pub use touka_macros::__sse;

// ===== #[sse_handler] =====

/// The return types of a handler.
#[diagnostic::on_unimplemented(
    message = "an `#[sse_handler]` cannot return `{Self}`",
    label = "not a stream of events",
    note = "leave the return type out, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`"
)]
pub trait Returns: Sized {
    /// What `emit!` takes.
    type Item;
    /// What the body ends with.
    type Done;

    /// Runs a handler's body as the stream that the handler returns. The future is the wait until
    /// the response can open.
    fn start<F, B>(body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(Emitter<Self::Item>) -> B,
        B: Future<Output = Self::Done> + Send + 'static;

    /// The same, on a task of its own with a queue between.
    fn spawn<F, B>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<Self::Item>) -> B + Send + 'static,
        B: Future<Output = Self::Done> + Send + 'static;

    /// The same, with a plain function on the blocking pool.
    fn spawn_blocking<F>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<Self::Item>) -> Self::Done + Send + 'static;

    /// Applies settings to the stream.
    fn configure(returned: Self, set: impl FnOnce(EventStream<Self::Item>) -> EventStream<Self::Item>) -> Self;
}

impl<T: IntoEvent + Send + 'static> Returns for EventStream<T> {
    type Item = T;
    type Done = ();

    fn start<F, B>(body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(Emitter<T>) -> B,
        B: Future<Output = ()> + Send + 'static,
    {
        ready(Self::generate(body))
    }

    fn spawn<F, B>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<T>) -> B + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        ready(Self::spawn(length, body))
    }

    fn spawn_blocking<F>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<T>) + Send + 'static,
    {
        ready(Self::spawn_blocking(length, body))
    }

    fn configure(returned: Self, set: impl FnOnce(Self) -> Self) -> Self {
        set(returned)
    }
}

impl<T, E> Returns for Result<EventStream<T>, E>
where
    T: IntoEvent + Send + 'static,
    E: Refusal,
{
    type Item = T;
    type Done = Result<(), E>;

    fn start<F, B>(body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(Emitter<T>) -> B,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        EventStream::try_generate(body)
    }

    fn spawn<F, B>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<T>) -> B + Send + 'static,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        EventStream::try_spawn(length, body)
    }

    fn spawn_blocking<F>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<T>) -> Result<(), E> + Send + 'static,
    {
        EventStream::try_spawn_blocking(length, body)
    }

    fn configure(returned: Self, set: impl FnOnce(EventStream<T>) -> EventStream<T>) -> Self {
        returned.map(set)
    }
}

/// The return types of a handler that can fail, whose opening has settings.
#[diagnostic::on_unimplemented(
    message = "`open_after` and `on_error` are for a handler that can fail",
    label = "this handler cannot fail",
    note = "let it return a `Result`, as in `-> Result<EventStream, E>`"
)]
pub trait Opens: Returns {
    type Error;

    fn open_start<F, B>(body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(Emitter<Self::Item>) -> B,
        B: Future<Output = Self::Done> + Send + 'static;

    fn open_spawn<F, B>(length: usize, body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(EventSender<Self::Item>) -> B + Send + 'static,
        B: Future<Output = Self::Done> + Send + 'static;

    fn open_spawn_blocking<F>(length: usize, body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(EventSender<Self::Item>) -> Self::Done + Send + 'static;
}

impl<T, E> Opens for Result<EventStream<T>, E>
where
    T: IntoEvent + Send + 'static,
    E: Refusal,
{
    type Error = E;

    fn open_start<F, B>(body: F) -> Opening<T, E>
    where
        F: FnOnce(Emitter<T>) -> B,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        EventStream::try_generate(body)
    }

    fn open_spawn<F, B>(length: usize, body: F) -> Opening<T, E>
    where
        F: FnOnce(EventSender<T>) -> B + Send + 'static,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        EventStream::try_spawn(length, body)
    }

    fn open_spawn_blocking<F>(length: usize, body: F) -> Opening<T, E>
    where
        F: FnOnce(EventSender<T>) -> Result<(), E> + Send + 'static,
    {
        EventStream::try_spawn_blocking(length, body)
    }
}

/// Lets other tasks of the thread run, if this one has had its share.
pub async fn give_way() {
    tokio::task::coop::consume_budget().await;
}

/// The error of a handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    label = "the error of this handler is not a response",
    note = "implement axum's `IntoResponse` for `{Self}`: before the stream opens the error is the answer, with a status of its own"
)]
pub trait Refusal: IntoResponse + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<E: IntoResponse + Send + 'static> Refusal for E {}

/// What a typed `emit!` was given, where only the emitter knows the type.
pub const fn item<T>(_: &Emitter<T>, event: T) -> T {
    event
}

/// What an untyped `emit!` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted here",
    label = "neither text nor an `Event`",
    note = "make an event of the value: `Event::json(&value)?`, or `Event::data(value.to_string())`",
    note = "or return `EventStream<T>`, where `T` is a type of yours that implements `IntoEvent`",
    note = "if it is a `Result`, put a `?` behind it"
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

/// What the body of a handler can end with.
#[diagnostic::on_unimplemented(
    message = "the body of this handler ends with `{Self}`",
    label = "expected nothing, `Ok(())`, or an `Err` of the handler's error type",
    note = "values are handed over with `emit!(…)`"
)]
pub trait Finish<Done> {
    fn finish(self) -> Done;
}

// Where the return type is an alias, nobody but the compiler knows that the body cannot fail.
#[diagnostic::do_not_recommend]
impl Finish<()> for () {
    fn finish(self) {}
}

#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for () {
    fn finish(self) -> Result<(), E> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for Result<(), E> {
    fn finish(self) -> Self {
        self
    }
}

/// A body that never ends, such as a `loop`. The type `!` cannot be named here, but what a
/// function pointer returns can be.
#[diagnostic::do_not_recommend]
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

// ===== sse! =====

/// Chooses the event type of an `sse!` block: that of the place where it stands, else `Event`.
///
/// A type parameter of a function has no default, but an integer literal has: it is an `i32` unless
/// something wants another type. Here nothing but an `Event` goes with an `i32`, and everything
/// with a `u8`. So a place that asks for an `EventStream<Tick>` makes the literal a `u8`, and where
/// none asks, the literal becomes an `i32` in the end, and the stream one of `Event`s.
pub trait Choice<T> {}

impl Choice<Event> for i32 {}

impl<T> Choice<T> for u8 {}

/// The stream of an `sse!` block.
pub fn block<T, C, B>(_: C, body: impl FnOnce(Emitter<T>) -> B) -> EventStream<T>
where
    T: IntoEvent + Send + 'static,
    C: Choice<T>,
    B: Future<Output = ()> + Send + 'static,
{
    EventStream::generate(body)
}

/// What an `sse!` block can emit.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted into an `EventStream<{T}>`",
    label = "not what this stream takes",
    note = "where no type is asked for, an `sse!` block takes text and `Event`s: make one of the value, as in `Event::data(value.to_string())`",
    note = "a block of values of your own is given their type, which is `IntoEvent`: `let stream: EventStream<Tick> = sse! {{ … }};`"
)]
pub trait Emitted<T> {
    fn emitted(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<V: Into<T>, T> Emitted<T> for V {
    fn emitted(self) -> T {
        self.into()
    }
}

/// What an `sse!` block emits, as its stream takes it.
pub fn emitted<T, V: Emitted<T>>(_: &Emitter<T>, value: V) -> T {
    value.emitted()
}

// ===== #[route] =====

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
        Params::of(parts).parse(name).map_err(IntoResponse::into_response)
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
        query.parse(name).map_err(ParamError::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> FromQuery<Maybe> for Option<T> {
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response> {
        query.parse_optional(name).map_err(ParamError::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromStr<Err: fmt::Display>> FromQuery<Repeated> for Vec<T> {
    fn from_query(query: &QueryParams, name: &str) -> Result<Self, Response> {
        query.parse_all(name).map_err(ParamError::into_response)
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
    LastEventId::of(parts).ended(name).then(|| StatusCode::NO_CONTENT.into_response())
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

// ===== #[derive(IntoEvent)] =====

#[cfg(feature = "macros")]
pub mod derived {
    pub use bytes::BytesMut;
    pub use serde;

    pub use crate::error::Result;
    pub use crate::event::sink::{
        Derived, IdValue, JsonValue, RefusedBySerde, RetryValue, SerializeFor, Sink, TextValue, through,
    };
    pub use crate::event::{Encoder, Event, EventName, IntoEvent};
}
