//! The body of a response that a shutdown can end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Link, spread};

/// Clients of a server that goes away come back after a time drawn from this range, so that they
/// do not all meet its successor in one instant.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

pin_project! {
    /// A body that, if it is an event stream, ends when the server shuts down: after the frame in
    /// hand, with a `retry:` of its own. Without this a shutdown would wait for ever.
    ///
    /// It goes by the content type, so streams of other libraries end as well.
    pub(super) struct Drain<B> {
        #[pin]
        body: Option<B>,
        stream: Option<EndlessStream>,
    }
}

struct EndlessStream {
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    link: Option<Link>,
    /// Bytes of ours would be garbage in the middle of a compressed body.
    plain: bool,
    ending: bool,
}

impl<B> Drain<B> {
    pub(super) fn wrap(response: Response<B>, shutdown: &CancellationToken) -> Response<Self> {
        let (parts, body) = response.into_parts();
        let stream = is_event_stream(&parts.headers).then(|| EndlessStream {
            shutdown: Box::pin(shutdown.clone().cancelled_owned()),
            link: parts.extensions.get().cloned(),
            plain: !parts.headers.contains_key(CONTENT_ENCODING),
            ending: false,
        });
        Response::from_parts(parts, Self { body: Some(body), stream })
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let essence = b"text/event-stream";
    let value = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    value.and_then(|value| value.get(..essence.len())).is_some_and(|start| start.eq_ignore_ascii_case(essence))
}

impl<B: Body<Data = Bytes>> Body for Drain<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(stream) = this.stream else { return body.poll_frame(cx) };
        if !stream.ending {
            if stream.shutdown.as_mut().poll(cx).is_pending() {
                return body.poll_frame(cx);
            }
            stream.ending = true;
            // What is ready now still goes out, once: a fast body is always ready.
            match body.poll_frame(cx) {
                Poll::Pending => {}
                last @ Poll::Ready(_) => return last,
            }
        }
        if let Some(link) = &stream.link {
            link.close(CloseReason::Shutdown);
        }
        this.body.set(None);
        Poll::Ready(stream.plain.then(|| Ok(Frame::data(farewell()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), B::size_hint)
    }
}

fn farewell() -> Bytes {
    let mut wire = BytesMut::new();
    Event::new().retry(spread(COME_BACK.0, COME_BACK.1)).encode(&mut wire);
    wire.freeze()
}
