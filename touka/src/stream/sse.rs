//! `sse!`, the body of a stream as an expression.

/// An [`EventStream`](crate::EventStream) from a body that emits, wherever an expression can stand.
///
/// For handlers that first decide what to answer with:
///
/// ```
/// use axum::Json;
/// use axum::response::{Html, IntoResponse, Response};
/// use http::{HeaderMap, StatusCode};
/// use touka::sse;
///
/// async fn report(headers: HeaderMap) -> Result<Response, StatusCode> {
///     // Before the block, `?` is the function's.
///     let accept = headers.get("accept").ok_or(StatusCode::NOT_ACCEPTABLE)?;
///     Ok(match accept.as_bytes() {
///         b"text/event-stream" => sse! {
///             for step in 1..=3 {
///                 yield format!("step {step}");
///             }
///         }
///         .into_response(),
///         b"application/json" => Json([1, 2, 3]).into_response(),
///         _ => Html("<h1>three steps</h1>").into_response(),
///     })
/// }
/// ```
///
/// # Grammar
/// `sse! {` the body of an async block `}`, in which `yield value;` and `emit!(value)` are words for
/// the same.
///
/// # Semantics
/// - `yield value` hands one event to the client and waits until the connection has taken it. It is
///   a statement, the end of a block, or the body of a `match` arm; also within the call of another
///   macro, such as `tokio::select!`. `emit!(value)` works wherever `.await` does.
/// - What the body mentions moves into the stream, as into an `async move` block. It runs when the
///   stream is first polled, and `return` ends it.
/// - The event type is the one that the place of the block asks for. Where it asks for none, the
///   stream is an `EventStream` without a type, which takes whatever is `Into<Event>`; an
///   `EventStream<T>` takes whatever is `Into<T>`.
///
/// ```
/// use touka::{Event, EventStream, IntoEvent, sse};
///
/// struct Tick(u64);
///
/// impl IntoEvent for Tick {
///     fn into_event(self) -> touka::Result<Event> {
///         Ok(Event::data(self.0.to_string()))
///     }
/// }
///
/// let ticks: EventStream<Tick> = sse! {
///     for number in 0.. {
///         yield Tick(number);
///     }
/// };
/// # drop(ticks);
/// ```
///
/// # What it generates
/// [`EventStream::generate`](crate::EventStream::generate) with the body, in which each `yield
/// value` is an `emit!(value)`. For the first block above, shortened by the paths and `#[allow]`s:
///
/// ```text
/// generate(move |emitter| async move {
///     let emitter = &emitter;
///     macro_rules! emit {
///         ($event:expr $(,)?) => {{ let event = event($event); _ = emitter.emit(event).await; }};
///         // …and two arms that explain themselves
///     }
///     let value: () = { for step in 1..=3 { emit!(format!("step {step}")); } };
///     return value;
/// })
/// ```
///
/// # Limits
/// - The block cannot fail: a `?` of its own is refused. What can fail before the first event is
///   decided before the block, where the failure is the function's answer. A stream that can fail
///   later is an [`sse_handler`](macro@crate::sse_handler) that returns `Result<EventStream, E>`,
///   or an [`EventStream::try_generate`](crate::EventStream::try_generate).
/// - `yield` gives nothing back, so it is no operand: `let x = yield y;` is refused.
/// - The body outlives the block, so it borrows from nothing outside, and what it holds across an
///   emit is `Send`.
/// - A `yield` within the calls of `sse!`, and of macros called `stream!`, `try_stream!`, `gen!` or
///   `quote!`, is that macro's own.
#[macro_export]
macro_rules! sse {
    ($($body:tt)*) => {
        $crate::__private::__sse!($crate $($body)*)
    };
}
