//! [`Source`], which produces the events of a stream.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::failure::Failure;
use super::frame_buffer::Out;
use super::guard::{Dropping, Panic, drop_guarded, guarded, log_panic};
use super::handler_error::HandlerError;
use crate::error::CloseReason;
use crate::event::Event;

/// The result of polling a source, besides the events that it leaves in an [`Out`].
pub(crate) enum Step<A> {
    /// The source has left events, and may have more.
    Event,
    /// The source has no more events.
    End,
    /// The source has no more events, for this reason.
    Abort(A),
}

impl Step<Failure> {
    /// The end of a stream that was ended from outside its body.
    pub(crate) fn closed(reason: CloseReason, last: Option<Event>) -> Self {
        match (reason, last) {
            (CloseReason::Completed, None) => Self::End,
            (reason, last) => Self::Abort(Failure::closed(reason, last.map(Box::new))),
        }
    }
}

/// A source of events whose error type is erased.
///
/// A pending source may still have left events in a frame; it has no more for now.
pub(crate) trait Source<T>: Send {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>>;

    /// Returns the subscription, for a server that serves it without a body. Only a subscription to one topic
    /// has one, and the source ends with this call.
    fn take_subscription(self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Whether polling runs a body of the user, which may work for long: the events before must be flushed
    /// first.
    fn runs_a_body(&self) -> bool {
        false
    }
}

/// A source that still has its error type: until the response has opened, the error can be returned.
pub(super) trait Fallible<T, E>: Send {
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Abort<E>>>;

    /// Erases the error type. From now on an error becomes an event.
    fn into_source(self: Pin<Box<Self>>) -> Pin<Box<dyn Source<T>>>;

    /// As [`Source::runs_a_body`].
    fn runs_a_body(&self) -> bool {
        false
    }
}

/// The end of a body that did not complete.
pub(crate) enum Abort<E> {
    Error(E),
    Panic(Panic),
}

impl<E: HandlerError> Abort<E> {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Error(error) => {
                // The conversion is user code.
                let failure = guarded("an error's into_response", || Failure::returned(error));
                let failure = failure.unwrap_or_else(Failure::panicked);
                tracing::debug!(target: "touka::stream", ?failure, "the handler returned an error");
                failure
            }
            Self::Panic(panic) => {
                log_panic("the handler", panic);
                Failure::panicked()
            }
        }
    }
}

/// Polls a body after the response has opened.
pub(super) fn poll_opened<T, E: HandlerError>(
    body: Pin<&mut impl Fallible<T, E>>,
    cx: &mut Context<'_>,
    out: &mut Out<'_, T>,
) -> Poll<Step<Failure>> {
    Poll::Ready(match ready!(body.poll_body(cx, out)) {
        Step::Event => Step::Event,
        Step::End => Step::End,
        Step::Abort(abort) => Step::Abort(abort.into_failure()),
    })
}

/// Makes the last event from an error.
pub(super) type OnError<E> = Box<dyn FnOnce(E) -> Event + Send>;

/// A source whose last event of an error is made by the user.
pub(super) struct WithOnError<T, E> {
    /// `None` only while it is dropped.
    body: Option<Pin<Box<dyn Fallible<T, E>>>>,
    on_error: Option<OnError<E>>,
}

impl<T, E> WithOnError<T, E> {
    pub(super) const fn new(body: Pin<Box<dyn Fallible<T, E>>>, on_error: Option<OnError<E>>) -> Self {
        Self { body: Some(body), on_error }
    }
}

impl<T, E> Drop for WithOnError<T, E> {
    fn drop(&mut self) {
        let mut dropping = Dropping::default();
        dropping.run(|| drop(self.body.take()));
        dropping.run(|| drop(self.on_error.take()));
        dropping.finish();
    }
}

impl<T, E: HandlerError> Source<T> for WithOnError<T, E> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Some(body) = &mut self.body else { return Poll::Ready(Step::End) };
        Poll::Ready(match ready!(body.as_mut().poll_body(cx, out)) {
            Step::Event => Step::Event,
            Step::End => Step::End,
            Step::Abort(abort) => Step::Abort(match (abort, self.on_error.take()) {
                (Abort::Error(error), Some(on_error)) => {
                    guarded("on_error", || Failure::with_event(on_error(error))).unwrap_or_else(Failure::panicked)
                }
                (abort, uncalled) => {
                    drop_guarded(uncalled);
                    abort.into_failure()
                }
            }),
        })
    }

    fn runs_a_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.runs_a_body())
    }
}
