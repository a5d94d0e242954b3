//! The body of a request, within its limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum_core::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;

use super::body_budget::{BodyShare, UsedUp, is_small};
use super::client::Client;
use super::pace::Pace;

/// A body that fails where it is too large, comes too slowly, or finds a budget used up.
#[derive(Debug)]
pub(super) struct RequestBody<B> {
    /// Its error is the one that axum's extractors answer with a 413.
    inner: Limited<B>,
    pace: Pace,
    share: BodyShare,
    refused: Refused,
}

/// Whether a body has found a budget used up: the server's fault and not the client's.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<AtomicBool>);

impl Refused {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, client: &Client) -> (Self, Refused) {
        let limits = &client.serving.limits;
        let refused = Refused::default();
        let body = Self {
            inner: Limited::new(body, limits.body_bytes),
            pace: Pace::new(limits.body_time, limits.body_rate),
            share: client.body_share(),
            refused: refused.clone(),
        };
        (body, refused)
    }

    /// Takes what the frame costs, and copies it if it is small.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        // Trailers are part of a head's limit, in hyper.
        let Some(data) = frame.data_ref() else { return Ok(frame) };
        self.pace.came(data.len());
        match self.share.take(data.len()) {
            Ok(()) if is_small(data.len()) => Ok(Frame::data(Bytes::copy_from_slice(data))),
            Ok(()) => Ok(frame),
            Err(used_up) => {
                self.refused.0.store(true, Ordering::Relaxed);
                Err(match used_up {
                    UsedUp::Connection => {
                        "the bodies of this connection's requests take too much memory at once".into()
                    }
                    UsedUp::Server => "the bodies of requests take too much of the server's memory".into(),
                })
            }
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(this.take(frame))),
            Poll::Ready(end) => Poll::Ready(end),
            Poll::Pending => this.pace.poll_late(cx).map(|()| Some(Err(this.pace.fault().into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
