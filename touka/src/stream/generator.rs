//! A stream whose events come from an async body, polled by whoever reads the stream.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::response::IntoResponse;
use pin_project_lite::pin_project;

use super::emitter::Emitter;
use super::failure::Failure;
use super::slot::Slot;
use crate::error::panic_text;

/// Where a stream's events come from, once the type of its body is forgotten.
pub(super) trait Source<T>: Send {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Failure>>>;
}

/// How a body ended when it did not run to its end.
pub(super) enum Abort<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

pin_project! {
    pub(super) struct Generator<T, E, B> {
        slot: Arc<Slot<T>>,
        // Dropped as soon as it ends, so that what it holds is free while the last bytes drain.
        #[pin]
        body: Option<B>,
        abort: Option<Abort<E>>,
    }

    impl<T, E, B> PinnedDrop for Generator<T, E, B> {
        fn drop(this: Pin<&mut Self>) {
            // An emitter that went to another task must not wait for ever.
            this.slot.close();
        }
    }
}

impl<T, E, B> Generator<T, E, B>
where
    B: Future<Output = Result<(), E>>,
{
    pub(super) fn new(body: impl FnOnce(Emitter<T>) -> B) -> Self {
        let slot = Arc::new(Slot::new());
        let body = body(Emitter::new(Arc::clone(&slot)));
        Self { slot, body: Some(body), abort: None }
    }

    /// The next event, or how the body aborted, or its end.
    pub(super) fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Abort<E>>>> {
        let mut this = self.project();
        if let Some(body) = this.body.as_mut().as_pin_mut() {
            this.slot.begin();
            // The body is not polled again after a panic, so what the panic left half done is
            // only ever dropped.
            let polled = catch_unwind(AssertUnwindSafe(|| body.poll(cx)));
            let ended = match polled {
                Ok(Poll::Pending) => None,
                Ok(Poll::Ready(Ok(()))) => Some(None),
                Ok(Poll::Ready(Err(error))) => Some(Some(Abort::Error(error))),
                Err(panic) => Some(Some(Abort::Panic(panic))),
            };
            if let Some(abort) = ended {
                this.body.set(None);
                *this.abort = abort;
            }
        }
        // An event whose emit was cancelled may still be here after the body's end: it counts.
        if let Some(event) = this.slot.take(cx) {
            return Poll::Ready(Some(Ok(event)));
        }
        if this.body.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(this.abort.take().map(Err))
    }
}

impl<T, E, B> Source<T> for Generator<T, E, B>
where
    T: Send,
    E: IntoResponse + Send,
    B: Future<Output = Result<(), E>> + Send,
{
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Failure>>> {
        Poll::Ready(match ready!(self.poll_body(cx)) {
            None => None,
            Some(Ok(event)) => Some(Ok(event)),
            Some(Err(Abort::Error(error))) => {
                let failure = Failure::returned(error);
                tracing::debug!(target: "touka::stream", ?failure, "the handler returned an error");
                Some(Err(failure))
            }
            Some(Err(Abort::Panic(panic))) => {
                tracing::error!(target: "touka::stream", panic = panic_text(&*panic), "the handler panicked");
                Some(Err(Failure::PANICKED))
            }
        })
    }
}
