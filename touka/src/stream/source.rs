//! Where a stream's events come from.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::batch::Out;
use super::failure::Failure;
use super::guard::{Dropping, Panic, drop_guarded, guarded, log_panic};
use super::handler_error::HandlerError;
use crate::error::CloseReason;
use crate::event::Event;

/// What a source has to say, beside the events that it leaves in an [`Out`].
pub(crate) enum Step<A> {
    /// It has left something, and may have more.
    Event,
    /// There is no other.
    End,
    /// There is no other, for this reason.
    Abort(A),
}

impl Step<Failure> {
    /// How a stream ends that somebody else has ended.
    pub(crate) fn closed(reason: CloseReason, last: Option<Event>) -> Self {
        match (reason, last) {
            (CloseReason::Completed, None) => Self::End,
            (reason, last) => Self::Abort(Failure { reason, event: last.map(Box::new) }),
        }
    }
}

/// A source of events, once the type of its error is forgotten.
///
/// One that is pending may still have left something in a batch: it has no more for now.
pub(crate) trait Source<T>: Send {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>>;

    /// Gives what the source is made of to one who serves it without a body of its own. Only a
    /// subscription to one topic has that, and comes to its end with it.
    fn take_subscription(self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Polling it runs a body of the user's, which may work for long: what has left it already must
    /// be flushed before.
    fn runs_a_body(&self) -> bool {
        false
    }
}

/// A source whose error still has its type: until the response has opened, it can be returned.
pub(super) trait Fallible<T, E>: Send {
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Abort<E>>>;

    /// Forgets the type. An error becomes an event from now on.
    fn into_source(self: Pin<Box<Self>>) -> Pin<Box<dyn Source<T>>>;

    /// As [`Source::runs_a_body`].
    fn runs_a_body(&self) -> bool {
        false
    }
}

/// How a body ended when it did not run to its end.
pub(crate) enum Abort<E> {
    Error(E),
    Panic(Panic),
}

impl<E: HandlerError> Abort<E> {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Error(error) => {
                // The conversion is the user's code.
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

/// Polls a body whose response has opened.
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

/// What makes the last event of an error.
pub(super) type OnError<E> = Box<dyn FnOnce(E) -> Event + Send>;

/// A source with an `error` event of the user's.
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
                    guarded("on_error", || Failure::told(on_error(error))).unwrap_or_else(Failure::panicked)
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
