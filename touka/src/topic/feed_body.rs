//! [`FeedBody`], the body of a feed, and [`SpareBody`], one in reserve.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::feed_result::FeedResult;
use crate::stream::{Abort, Failure, catch, drop_guarded};
use crate::sync::Mutex;

/// The body of a feed. Dropping it never panics: it may be dropped by the task of another client, and during a panic.
pub(super) struct FeedBody(Body);

enum Body {
    /// The body has not started.
    New(Box<dyn FnOnce() -> Running + Send>),
    Running(Running),
    /// The body has ended, or has panicked: what a panic left half done is only dropped.
    Over,
}

/// The body of a feed, until it ends by itself.
type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl FeedBody {
    pub(super) fn new<B, O>(body: impl FnOnce() -> B + Send + 'static) -> Self
    where
        B: Future<Output = O> + Send + 'static,
        O: FeedResult,
    {
        Self(Body::New(Box::new(|| {
            let body = body();
            Box::pin(async move { body.await.into_result().map_err(|error| Abort::Error(error).into_failure()) })
        })))
    }

    /// Starts the body, or lets it go on. A panic of it is its end. Must not be polled again after its end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let polled = catch(|| {
            self.0 = match mem::replace(&mut self.0, Body::Over) {
                Body::New(start) => Body::Running(start()),
                body => body,
            };
            // Polled in its place: if it panics, it must not be dropped before the panic is caught.
            match &mut self.0 {
                Body::Running(body) => body.as_mut().poll(cx),
                Body::New(_) | Body::Over => Poll::Pending,
            }
        });
        match polled {
            Ok(polled) => polled,
            Err(panic) => {
                drop_guarded(mem::replace(&mut self.0, Body::Over));
                Poll::Ready(Err(Abort::<Infallible>::Panic(panic).into_failure()))
            }
        }
    }
}

impl Drop for FeedBody {
    fn drop(&mut self) {
        drop_guarded(mem::replace(&mut self.0, Body::Over));
    }
}

impl fmt::Debug for FeedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedBody").finish_non_exhaustive()
    }
}

/// A body in reserve, and the number of the feed that may run it.
#[derive(Debug, Default)]
pub(super) struct SpareBody(Mutex<Option<(u64, FeedBody)>>);

impl SpareBody {
    /// Keeps a body for the feed of this number. Returns an earlier one.
    pub(super) fn put(&self, feed: u64, body: FeedBody) -> Option<FeedBody> {
        self.0.lock().replace((feed, body)).map(|(_, body)| body)
    }

    /// Takes the body, if it is for this feed.
    pub(super) fn take(&self, feed: u64) -> Option<FeedBody> {
        self.0.lock().take_if(|(kept_for, _)| *kept_for == feed).map(|(_, body)| body)
    }
}
