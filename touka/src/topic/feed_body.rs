//! [`FeedBody`], the body of a feed that has not started, and [`SpareBody`], one in reserve.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::feed_result::FeedResult;
use crate::stream::{Abort, Failure};
use crate::sync::Mutex;

/// The body of a feed, ready to start.
pub(super) struct FeedBody(Box<dyn FnOnce() -> Running + Send>);

/// The body of a feed, until it ends by itself.
type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl FeedBody {
    pub(super) fn new<B, O>(body: impl FnOnce() -> B + Send + 'static) -> Self
    where
        B: Future<Output = O> + Send + 'static,
        O: FeedResult,
    {
        Self(Box::new(|| {
            let body = body();
            Box::pin(async move { body.await.into_result().map_err(|error| Abort::Error(error).into_failure()) })
        }))
    }

    /// Runs the body. A panic of its function is one of this future.
    pub(super) async fn run(self) -> Result<(), Failure> {
        (self.0)().await
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
