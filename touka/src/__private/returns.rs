//! Support for `#[sse_handler]`: the types that a handler can return, and how each mode starts it.

use std::future::{Future, ready};

use axum_core::response::Response;

use crate::event::IntoEvent;
use crate::stream::{Emitter, EventSender, EventStream, HandlerError, Opening};

// rustc quotes the line of a bound that is not met, so those on a body have the remedy beside them.

/// The return types of a handler.
#[diagnostic::on_unimplemented(
    message = "an `#[sse_handler]` cannot return `{Self}`",
    label = "not a stream of events",
    note = "omit the return type, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`"
)]
pub trait Returns: Sized {
    /// The type that `emit!` takes.
    type Item;
    /// The type that the body ends with.
    type Done;

    /// Runs a handler's body as the stream that the handler returns. The future is ready when the response
    /// can open.
    fn start<F, B>(body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(Emitter<Self::Item>) -> B,
        B: Future<Output = Self::Done> + Send + 'static; // drop locks and what is not `Send` before an emit

    /// Runs the body in a task of its own, with a queue between.
    fn spawn<F, B>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<Self::Item>) -> B + Send + 'static,
        B: Future<Output = Self::Done> + Send + 'static; // drop locks and what is not `Send` before an emit

    /// Runs a blocking function on a thread of its own, with a queue between.
    fn spawn_blocking<F>(length: usize, body: F) -> impl Future<Output = Self> + Send
    where
        F: FnOnce(EventSender<Self::Item>) -> Self::Done + Send + 'static;

    /// The stream, or the response that the error is.
    #[allow(clippy::result_large_err)] // the response is that of the handler
    fn opened(self) -> Result<EventStream<Self::Item>, Response>;

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

    fn opened(self) -> Result<Self, Response> {
        Ok(self)
    }

    fn configure(returned: Self, set: impl FnOnce(Self) -> Self) -> Self {
        set(returned)
    }
}

impl<T, E> Returns for Result<EventStream<T>, E>
where
    T: IntoEvent + Send + 'static,
    E: HandlerError,
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

    fn opened(self) -> Result<EventStream<T>, Response> {
        self.map_err(HandlerError::into_error_response)
    }

    fn configure(returned: Self, set: impl FnOnce(EventStream<T>) -> EventStream<T>) -> Self {
        returned.map(set)
    }
}

/// The return types of a handler that can fail, whose opening has settings.
#[diagnostic::on_unimplemented(
    message = "`open_after` and `on_error` need a handler that can fail",
    label = "this handler cannot fail",
    note = "return a `Result`, as in `-> Result<EventStream, E>`"
)]
pub trait Opens: Returns {
    type Error;

    fn open_start<F, B>(body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(Emitter<Self::Item>) -> B,
        B: Future<Output = Self::Done> + Send + 'static; // drop locks and what is not `Send` before an emit

    fn open_spawn<F, B>(length: usize, body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(EventSender<Self::Item>) -> B + Send + 'static,
        B: Future<Output = Self::Done> + Send + 'static; // drop locks and what is not `Send` before an emit

    fn open_spawn_blocking<F>(length: usize, body: F) -> Opening<Self::Item, Self::Error>
    where
        F: FnOnce(EventSender<Self::Item>) -> Self::Done + Send + 'static;
}

impl<T, E> Opens for Result<EventStream<T>, E>
where
    T: IntoEvent + Send + 'static,
    E: HandlerError,
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

/// Yields to other tasks of the thread when the task's budget is used up.
pub async fn give_way() {
    tokio::task::coop::consume_budget().await;
}
