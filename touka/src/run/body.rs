//! [`Body`], the body of a run, without the type of its events.

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use super::status::End;
use crate::event::IntoEvent;
use crate::stream::{EventStream, Failure, Out, Step, catch, drop_guarded, guarded, log_panic};
use crate::topic::{Draft, HubError};

/// The outcome of polling a body.
pub(super) enum Said {
    /// The body has decided to be a stream.
    Opened,
    /// The body has failed before its first event. There is no run.
    Refused(Response),
    Event(Result<Draft, HubError>),
    Ended(End),
}

/// The body of a run.
pub(super) trait Body: Send {
    /// Starts the body, or lets it go on. A panic of it is its end. Must not be polled again after its end.
    fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<Said>;
}

/// A body that is not started, if it is dropped unused.
pub(super) struct Unstarted<F, B, T> {
    start: Option<F>,
    events: PhantomData<fn() -> (B, T)>,
}

/// A body that runs.
pub(super) struct Running<B, T>(State<B, T>);

enum State<B, T> {
    /// The body may still become a stream or an error.
    Opening(Pin<Box<B>>),
    Open(Box<EventStream<T>>),
    Over,
}

impl<F, B, T> Unstarted<F, B, T> {
    pub(super) const fn new(start: F) -> Self {
        Self { start: Some(start), events: PhantomData }
    }
}

impl<F, B, T> Unstarted<F, B, T>
where
    F: FnOnce() -> B,
    B: Future<Output = Result<EventStream<T>, Response>> + Send,
    T: IntoEvent,
{
    /// Calls the function that makes the body. `None` if it panics.
    pub(super) fn start(mut self) -> Option<Running<B, T>> {
        let start = self.start.take()?;
        guarded("the start of a run", start).map(|body| Running(State::Opening(Box::pin(body))))
    }
}

impl<F, B, T> Drop for Unstarted<F, B, T> {
    fn drop(&mut self) {
        drop_guarded(self.start.take());
    }
}

impl<B, T> Running<B, T> {
    /// Drops what is left of the body, whose destructor may panic.
    fn end(&mut self) {
        drop_guarded(mem::replace(&mut self.0, State::Over));
    }
}

impl<B, T> Drop for Running<B, T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<B, T> Body for Running<B, T>
where
    B: Future<Output = Result<EventStream<T>, Response>> + Send,
    T: IntoEvent + Send,
{
    fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<Said> {
        match &mut self.0 {
            State::Opening(body) => {
                // Polled in its place: if it panics, it must not be dropped before the panic is caught.
                match catch(|| body.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(Ok(stream))) => {
                        self.end();
                        self.0 = State::Open(Box::new(stream));
                        Poll::Ready(Said::Opened)
                    }
                    Ok(Poll::Ready(Err(response))) => {
                        self.end();
                        Poll::Ready(Said::Refused(response))
                    }
                    Err(panic) => {
                        log_panic("the body of a run", panic);
                        self.end();
                        Poll::Ready(Said::Refused(StatusCode::INTERNAL_SERVER_ERROR.into_response()))
                    }
                }
            }
            State::Open(stream) => {
                let mut event = None;
                let step = match catch(|| stream.poll_event(cx, &mut Out::One(&mut event))) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(step)) => step,
                    Err(panic) => {
                        log_panic("the body of a run", panic);
                        drop_guarded(event);
                        self.end();
                        return Poll::Ready(Said::Ended(End::Failed(None)));
                    }
                };
                let said = match (event, step) {
                    (Some(event), _) => {
                        // The encoding is user code.
                        let draft = guarded("the encoding of an event", || Draft::of(event));
                        return Poll::Ready(draft.map_or(Said::Ended(End::Failed(None)), Said::Event));
                    }
                    (None, Step::Event) => {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    (None, Step::End) => Said::Ended(End::Done(stream.options().ending())),
                    (None, Step::Abort(Failure { event: Some(event), by_user: true, .. })) => {
                        Said::Ended(End::FailedWith(*event))
                    }
                    (None, Step::Abort(Failure { event, .. })) => Said::Ended(End::Failed(event.map(|event| *event))),
                };
                self.end();
                Poll::Ready(said)
            }
            State::Over => Poll::Pending,
        }
    }
}
