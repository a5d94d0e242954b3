//! [`ServerBody`], the body of a response, which the server can end if it is an event stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::BoxError;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tracing::Span;

use super::content_type::is_event_stream;
use super::span::stream_span;
use super::watched::{WatchedStream, Watchers};
use crate::error::CloseReason;
use crate::server::state::call::Call;
use crate::stream::{Link, Panic, catch, log_panic};

pin_project! {
    /// The body of a response. An event stream ends when the server shuts down: after the current frame, with a
    /// `retry:` of the server's own. Without this, a shutdown would wait forever.
    ///
    /// Event streams are recognized by their content type, so streams of other libraries end as well.
    pub(in crate::server) struct ServerBody<B> {
        // Boxed: a frame is large, and most bodies have none here.
        first: Option<Box<Frame<Bytes>>>,
        #[pin]
        body: Option<B>,
        stream: Option<WatchedStream>,
        // The span of the stream, for what the handler's body logs.
        span: Span,
        // Dropped after the body, so that the request counts as in progress until the body is gone.
        call: Call,
    }

    impl<B> PinnedDrop for ServerBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let _entered = this.span.enter();
            drop_body(this.body);
            *this.stream = None;
        }
    }
}

impl<B: Body<Data = Bytes>> ServerBody<B> {
    /// Wraps the body of a response. `first` is a frame that the body has returned already.
    pub(in crate::server) fn wrap(
        response: Response<B>,
        first: Option<Frame<Bytes>>,
        mut call: Call,
        path: &str,
        connect: bool,
    ) -> Response<Self> {
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS || connect && parts.status.is_success() {
            call.set_upgraded();
        }
        let stream = is_event_stream(&parts.headers).then(|| WatchedStream::new(&parts, &mut call, path));
        let unwatched = stream.as_ref().filter(|_| parts.extensions.get::<Watchers>().is_none());
        let span = unwatched.map_or_else(Span::none, |stream| stream_span(&stream.link, path, call.peer));
        if let Some(stream) = &stream {
            Watchers::add(&mut parts.extensions, &stream.link, call.conn.shared.handle.streams.clone());
        }
        Response::from_parts(parts, Self { first: first.map(Box::new), body: Some(body), stream, span, call })
    }
}

impl<B> ServerBody<B> {
    /// The link between the server and the stream, if the body is an event stream.
    pub(in crate::server) fn link(&self) -> Option<&Link> {
        self.stream.as_ref().map(|stream| &stream.link)
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for ServerBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    /// Polls the body. A panic is an error: the response ends without its last chunk.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let _entered = this.span.enter();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(*first)));
        }
        let polled = match this.stream {
            Some(stream) => poll_stream(this.body.as_mut(), stream, this.call, cx),
            None => poll_body(this.body.as_mut(), cx),
        };
        match polled {
            Ok(polled) => polled.map_err(Into::into),
            Err(panic) => {
                log_panic("the body of a response", panic);
                if let Some(stream) = this.stream {
                    stream.link.close(CloseReason::Panicked);
                }
                drop_body(this.body);
                Poll::Ready(Some(Err("the body of the response panicked".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), B::size_hint);
        let first = self.first.as_ref().and_then(|first| first.data_ref()).map_or(0, Bytes::len) as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(hint.lower().saturating_add(first));
        hint
    }
}

type Polled<B> = Poll<Option<Result<Frame<Bytes>, <B as Body>::Error>>>;

/// Polls the body, which is another library's or the user's, and catches a panic.
fn poll_body<B: Body<Data = Bytes>>(body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Result<Polled<B>, Panic> {
    let Some(body) = body.as_pin_mut() else { return Ok(Poll::Ready(None)) };
    catch(|| body.poll_frame(cx))
}

/// Drops the body. A panic of its `Drop` is caught, so that the client still gets the end of the response.
fn drop_body<B>(mut body: Pin<&mut Option<B>>) {
    if let Err(panic) = catch(|| body.set(None)) {
        log_panic("the destructor of a body", panic);
    }
}

fn poll_stream<B: Body<Data = Bytes>>(
    mut body: Pin<&mut Option<B>>,
    stream: &mut WatchedStream,
    call: &Call,
    cx: &mut Context<'_>,
) -> Result<Polled<B>, Panic> {
    if body.is_none() {
        return Ok(Poll::Ready(None));
    }
    let end = stream.poll_end(cx, &call.conn.shared);
    if stream.may_poll(end.is_ready()) {
        let polled = poll_body(body.as_mut(), cx)?;
        let is_last = catch(|| body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream()))?;
        stream.record_block_end(&polled);
        stream.count(&polled, is_last);
        if end.is_pending() || polled.is_ready() {
            return Ok(polled);
        }
    }
    let Poll::Ready(reason) = end else { return Ok(Poll::Pending) };
    stream.link.close(reason);
    drop_body(body);
    Ok(Poll::Ready(stream.last_bytes(reason).map(|bytes| Ok(Frame::data(bytes)))))
}
