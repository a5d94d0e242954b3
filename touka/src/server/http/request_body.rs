//! The body of a request, within its limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum_core::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;

use super::body_pace::Pace;
use crate::server::limits::body_budget::{BodyLimits, BodyShare, Whose, is_small};
use crate::server::state::call::Call;

/// A request body that fails if it is too large or too slow, or if a memory budget is exhausted.
#[derive(Debug)]
pub(in crate::server) struct RequestBody<B> {
    /// The size limit. axum's extractors answer its error with 413.
    inner: Limited<B>,
    pace: Pace,
    share: BodyShare,
    refused: Refused,
}

/// Whether a body failed because a memory budget was exhausted: the server's fault, not the client's.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Refused(Arc<AtomicBool>);

impl Refused {
    /// Whether the body was refused.
    pub(in crate::server) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<B> RequestBody<B> {
    /// Returns `None` if a memory budget is exhausted already.
    pub(in crate::server) fn new(body: B, call: &Call) -> Option<(Self, Refused)> {
        let shared = &call.conn.shared;
        let limits = &shared.limits;
        // The clients of a proxy share its HTTP/2 connection: one must not exhaust its budget for the others.
        let is_proxys = call.peer != call.conn.peer;
        let of_connection = if is_proxys { usize::MAX } else { limits.body_memory_per_connection };
        let most = BodyLimits {
            connection: limits.of_bodies(of_connection),
            peer: limits.of_bodies(limits.body_memory_per_peer),
            all: limits.of_bodies(limits.body_memory),
        };
        let share = BodyShare::new(call.conn.bodies(), shared.proxies.peer(call.peer), &shared.bodies, most);
        if share.is_used_up() {
            return None;
        }
        let refused = Refused::default();
        let body = Self {
            inner: Limited::new(body, limits.body_bytes),
            pace: Pace::new(limits.body_time, limits.body_rate),
            share,
            refused: refused.clone(),
        };
        Some((body, refused))
    }

    /// Charges the frame to the budgets, and copies it if it is small.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        // hyper counts trailers within the limit of a head.
        let Some(data) = frame.data_ref() else { return Ok(frame) };
        self.pace.record_bytes(data.len());
        match self.share.take(data.len()) {
            Ok(()) if is_small(data.len()) => Ok(Frame::data(Bytes::copy_from_slice(data))),
            Ok(()) => Ok(frame),
            Err(used_up) => {
                self.refused.0.store(true, Ordering::Relaxed);
                Err(match used_up {
                    Whose::Connection => "the request bodies of this connection exceed its memory limit".into(),
                    Whose::Peer(_) => "the request bodies of this client exceed its memory limit".into(),
                    Whose::Server => "the request bodies of all clients exceed the server's memory limit".into(),
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
