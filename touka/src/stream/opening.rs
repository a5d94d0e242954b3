//! [`Opening`], the future of a stream whose body can fail before its response opens.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::event_stream::EventStream;
use super::frame_buffer::Out;
use super::guard::drop_guarded;
use super::handler_error::HandlerError;
use super::lifecycle::Lifecycle;
use super::link::Link;
use super::source::{Abort, Fallible, OnError, Step, WithOnError};
use crate::error::CloseReason;
use crate::event::Event;

/// The default time for which the head is held for a body that neither emits nor ends: long enough for a
/// database to refuse, short enough that `onopen` still shows the user that the server is there.
const OPEN_AFTER: Duration = Duration::from_secs(1);

/// The future of a stream that can fail. Ready when it is decided whether the response is a stream or an
/// error.
///
/// Dropping the future drops the body: a client that leaves while the head is held cancels the work.
///
/// ```
/// use std::time::Duration;
/// use touka::response::StatusCode;
/// use touka::{Event, EventStream};
///
/// async fn report(name: String) -> Result<EventStream, StatusCode> {
///     EventStream::try_generate(|out| async move {
///         if name != "july" {
///             return Err(StatusCode::NOT_FOUND);
///         }
///         out.emit("12 sales").await;
///         Ok(())
///     })
///     .open_after(Duration::from_secs(5))
///     .on_error(|status| Event::data(status.as_str()).event("failed"))
///     .await
/// }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # assert_eq!(report("june".into()).await.unwrap_err(), StatusCode::NOT_FOUND);
/// # assert!(report("july".into()).await.is_ok());
/// # });
/// ```
#[must_use = "the body runs only when this is awaited"]
pub struct Opening<T, E> {
    body: Option<Pin<Box<dyn Fallible<T, E>>>>,
    /// Reports the end also of a stream that never opens. `None` once it has opened.
    lifecycle: Option<Lifecycle>,
    open_after: Duration,
    on_error: Option<OnError<E>>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T, E> Opening<T, E> {
    pub(super) fn new(body: Pin<Box<dyn Fallible<T, E>>>) -> Self {
        Self::with_link(body, Link::default())
    }

    pub(super) const fn with_link(body: Pin<Box<dyn Fallible<T, E>>>, link: Link) -> Self {
        let lifecycle = Some(Lifecycle::new(link));
        Self { body: Some(body), lifecycle, open_after: OPEN_AFTER, on_error: None, timer: None }
    }

    /// Sets how long the head is held for a body that neither emits nor ends, 1 s by default. After that an
    /// error can no longer set the status.
    pub const fn open_after(mut self, delay: Duration) -> Self {
        self.open_after = delay;
        self
    }

    /// Sets the function that makes the last event of an error after the response has opened, in place of the
    /// `error` event with its status. The client sees all of the event.
    pub fn on_error(mut self, event: impl FnOnce(E) -> Event + Send + 'static) -> Self {
        self.on_error = Some(Box::new(event));
        self
    }
}

impl<T, E> Opening<T, E>
where
    T: 'static,
    E: HandlerError,
{
    fn open(&mut self, first: Option<T>) -> Poll<Result<EventStream<T>, E>> {
        let lifecycle = self.lifecycle.take().unwrap_or_else(|| Lifecycle::new(Link::default()));
        let source = self.body.take().map(|body| match self.on_error.take() {
            None => body.into_source(),
            on_error => Box::pin(WithOnError::new(body, on_error)),
        });
        Poll::Ready(Ok(EventStream::opened(first, source, lifecycle)))
    }
}

impl<T, E> Opening<T, E> {
    /// Ends a stream that has not opened. The destructor of its body may panic.
    fn close(&mut self, reason: Option<CloseReason>) {
        let (body, on_error) = (self.body.take(), self.on_error.take());
        let (body, on_error) = (drop_guarded(body), drop_guarded(on_error));
        let panicked = (!(body && on_error)).then_some(CloseReason::Panicked);
        if let Some(lifecycle) = self.lifecycle.take()
            && let Some(reason) = reason.or(panicked)
        {
            lifecycle.link().close(reason);
        }
    }
}

impl<T, E> Drop for Opening<T, E> {
    fn drop(&mut self) {
        self.close(None);
    }
}

// All futures in it are boxed.
impl<T, E> Unpin for Opening<T, E> {}

impl<T, E> Future for Opening<T, E>
where
    T: 'static,
    E: HandlerError,
{
    type Output = Result<EventStream<T>, E>;

    /// # Panics
    /// The body has panicked before the response opened: the panic is resumed, and the server answers it.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Pending };
        let mut first = None;
        match body.as_mut().poll_body(cx, &mut Out::One(&mut first)) {
            Poll::Ready(Step::Event | Step::End) => this.open(first),
            Poll::Ready(Step::Abort(Abort::Error(error))) => {
                this.close(Some(CloseReason::Failed));
                Poll::Ready(Err(error))
            }
            Poll::Ready(Step::Abort(Abort::Panic(panic))) => {
                this.close(Some(CloseReason::Panicked));
                resume_unwind(panic)
            }
            // A timer would take up to a millisecond.
            Poll::Pending if this.open_after.is_zero() => this.open(None),
            Poll::Pending => {
                let delay = this.open_after;
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(delay)));
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => this.open(None),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<T, E> fmt::Debug for Opening<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("open_after", &self.open_after).finish_non_exhaustive()
    }
}
