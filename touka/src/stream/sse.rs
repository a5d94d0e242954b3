//! `sse!`, the body of a stream as an expression.

/// Creates an [`EventStream`](crate::EventStream) from a body that emits, wherever an expression can stand.
///
/// This is for handlers that first decide what to answer with:
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
/// `sse! {` the body of an async block `}`, in which `yield value;` and `emit!(value)` mean the same.
///
/// # Semantics
/// - `yield value` emits one event and waits until the connection has taken it. It is a statement, the end of
///   a block, or the body of a `match` arm, also within the call of another macro such as `tokio::select!`.
///   `emit!(value)` works wherever `.await` does.
/// - Variables that the body uses move into the stream, as into an `async move` block. The body runs when the
///   stream is first polled, and `return` ends it.
/// - The event type is the one that the place of the block requires. Where it requires none, the stream is an
///   `EventStream` without a type, which takes any value that is `Into<Event>`; an `EventStream<T>` takes any
///   value that is `Into<T>`.
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
/// [`EventStream::generate`](crate::EventStream::generate) with the body, in which each `yield value` is an
/// `emit!(value)`. For the first block above, without the full paths and `#[allow]`s:
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
/// - The block cannot fail: a `?` of its own is a compile error. Work that can fail before the first event
///   goes before the block, where the failure is the function's answer. A stream that can fail later is an
///   [`sse_handler`](macro@crate::sse_handler) that returns `Result<EventStream, E>`, or an
///   [`EventStream::try_generate`](crate::EventStream::try_generate).
/// - `yield` has no value, so it is not an operand: `let x = yield y;` is a compile error.
/// - The body outlives the block, so it borrows nothing from outside, and variables that it holds across an
///   emit are `Send`.
/// - A `yield` within the calls of `sse!`, and of macros called `stream!`, `try_stream!`, `gen!` or `quote!`,
///   belongs to that macro.
#[cfg_attr(docsrs, doc(cfg(feature = "macros")))]
#[macro_export]
macro_rules! sse {
    ($($body:tt)*) => {
        $crate::__private::__sse!($crate $($body)*)
    };
}
