//! [`EventStream`], what a handler returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_core::Stream;

use super::emitter::Emitter;
use super::failure::Failure;
use super::generator::{Generator, Source};
use super::keep_alive::KeepAlive;
use super::lifecycle::Lifecycle;
use super::opening::Opening;
use crate::error::CloseReason;
use crate::event::Event;

/// A stream of events: a [`Stream`] for whoever reads it here, a response for whoever serves it.
///
/// `EventStream` without a type takes anything that is `Into<Event>`; `EventStream<T>` takes
/// values of one [`IntoEvent`](crate::IntoEvent) type.
///
/// Its body runs inside the connection, pulled by it: when the client reads slowly, the body waits
/// at its emit; when the client leaves, the body is dropped. No task is spawned.
///
/// ```
/// use touka::{Event, EventStream};
///
/// // In an axum app, in touka's router, or by hand: an async fn that returns it is a handler.
/// async fn numbers() -> EventStream {
///     EventStream::generate(|out| async move {
///         for number in 0..3 {
///             out.emit(Event::data(number.to_string()).id(number)).await;
///         }
///     })
/// }
/// ```
///
/// # On the wire
/// Status 200 with `content-type: text/event-stream`, `cache-control: no-cache, no-transform` and
/// `x-accel-buffering: no`; then the events. Events that are ready together leave together, in
/// frames of about 16 KiB; one alone leaves at once. After 15 silent seconds a comment keeps the
/// connection open.
pub struct EventStream<T = Event> {
    /// Emitted before the response opened.
    first: Option<T>,
    /// Gone when the stream has ended, and with it all that the body held.
    source: Option<Pin<Box<dyn Source<T>>>>,
    lifecycle: Lifecycle,
    keep_alive: Option<Duration>,
}

impl<T: Send + 'static> EventStream<T> {
    /// A stream from an async body that cannot fail. It runs when the stream is first polled.
    pub fn generate<B>(body: impl FnOnce(Emitter<T>) -> B) -> Self
    where
        B: Future<Output = ()> + Send + 'static,
    {
        let generator = Generator::new(|out| {
            let body = body(out);
            async move {
                body.await;
                Ok::<(), std::convert::Infallible>(())
            }
        });
        Self::from_source(None, Some(Box::pin(generator)))
    }

    /// A stream from an async body that can fail. Await it: it is ready when it is known whether
    /// the response is a stream or the error.
    ///
    /// The head is held until the first emit, the end, or one second
    /// ([`Opening::open_after`] changes that). An error before is the `Err`, and so a real HTTP
    /// response; an error after it closes the stream with an `error` event that carries the
    /// error's status.
    ///
    /// ```
    /// use http::StatusCode;
    /// use touka::{Event, EventStream};
    ///
    /// async fn lines(path: &str) -> Result<EventStream, StatusCode> {
    ///     let text = std::fs::read_to_string(path).map_err(|_| StatusCode::NOT_FOUND);
    ///     EventStream::try_generate(|out| async move {
    ///         for line in text?.lines() {
    ///             out.emit(line).await;
    ///         }
    ///         Ok(())
    ///     })
    ///     .await
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert_eq!(lines("/no/such/file").await.unwrap_err(), StatusCode::NOT_FOUND);
    /// # });
    /// ```
    pub fn try_generate<E, B>(body: impl FnOnce(Emitter<T>) -> B) -> Opening<T, E>
    where
        E: IntoResponse + Send + 'static,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        Opening::new(Generator::new(body))
    }
}

impl<T> EventStream<T> {
    pub(super) fn from_source(first: Option<T>, source: Option<Pin<Box<dyn Source<T>>>>) -> Self {
        Self { first, source, lifecycle: Lifecycle::new(), keep_alive: Some(KeepAlive::DEFAULT) }
    }

    /// Sets after how much silence a comment keeps the connection open: 15 s by default, give or
    /// take a tenth. `None` turns it off, and with it the means to notice a client that left
    /// without a word.
    #[must_use]
    pub fn keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = interval.into();
        self
    }

    pub(crate) const fn keep_alive_interval(&self) -> Option<Duration> {
        self.keep_alive
    }

    pub(crate) const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The next event, or why there is none.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Failure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let polled = ready!(source.as_mut().poll_event(cx));
        match &polled {
            Some(Ok(_)) => {}
            Some(Err(failure)) => self.end(failure.reason),
            None => self.end(CloseReason::Completed),
        }
        Poll::Ready(polled)
    }

    /// Ends the stream and frees its body.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        self.lifecycle.end(reason);
        self.source = None;
    }
}

// The event in `first` is moved, never pinned; the source is in a box of its own.
impl<T> Unpin for EventStream<T> {}

/// Yields what the handler emits. The `error` event of a failed handler is part of the response,
/// not of this: here the stream just ends.
impl<T> Stream for EventStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_event(cx).map(|event| event.and_then(Result::ok))
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.source.is_none()).finish_non_exhaustive()
    }
}
