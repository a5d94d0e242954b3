//! The body of a request, within its limits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use tokio::time::{Sleep, sleep};

use super::limits::Limits;

/// A body that fails where it is too large, or stands still for too long.
#[derive(Debug)]
pub(super) struct RequestBody<B> {
    /// Its error is the one that axum's extractors answer with a 413.
    inner: Limited<B>,
    longest: Duration,
    /// Runs while the handler waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, limits: &Limits) -> Self {
        Self { inner: Limited::new(body, limits.body_bytes), longest: limits.body_time, stall: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_ready() {
            this.stall = None;
            return polled;
        }
        let longest = this.longest;
        let stall = this.stall.get_or_insert_with(|| Box::pin(sleep(longest)));
        if stall.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(format!("the request's body stood still for {longest:?}").into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
