//! [`Pieces`], a response's body in pieces of a bounded size.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

#[cfg(feature = "http2")]
use crate::server::state::http2_response::Http2Response;
use crate::server::state::leftover::Leftover;
use crate::server::state::sent::Sent;

/// The largest piece of a body that hyper gets at once: the default maximum size of an HTTP/2 frame.
///
/// hyper keeps a whole frame until the client has taken it, and considers a response complete once it has the
/// last one. With small pieces, a response ends when its last bytes are about to leave.
const MAX_PIECE: usize = 16 * 1024;

pin_project! {
    /// The outermost body of a response.
    pub(in crate::server) struct Pieces<B> {
        // The rest of the latest frame of the body.
        rest: Bytes,
        // HTTP/2 only: over HTTP/1.1, the socket itself shows what has left.
        sent: Option<Arc<Sent>>,
        // The rest of the request's body, which is read while the response is sent.
        leftover: Option<Box<Leftover>>,
        #[pin]
        body: B,
    }
}

impl<B> Pieces<B> {
    pub(in crate::server) fn new(body: B, sent: Option<Arc<Sent>>, leftover: Option<Box<Leftover>>) -> Self {
        #[cfg(feature = "http2")]
        if let Some(sent) = &sent {
            Http2Response::count(sent);
        }
        Self { rest: Bytes::new(), sent, leftover, body }
    }
}

impl<B: Body<Data = Bytes>> Body for Pieces<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.project();
        if let Some(leftover) = this.leftover {
            leftover.poll_drain(cx);
        }
        #[cfg(feature = "http2")]
        Http2Response::set_waiting(false);
        let frame = if this.rest.is_empty() {
            match ready!(this.body.poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        } else {
            Frame::data(mem::take(this.rest))
        };
        #[cfg(feature = "http2")]
        Http2Response::set_waiting(true);
        let frame = frame.map_data(|mut bytes| {
            if bytes.len() > MAX_PIECE {
                *this.rest = bytes.split_off(MAX_PIECE);
            }
            Piece::new(bytes, this.sent.as_ref())
        });
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

/// Bytes of a response on their way to the socket.
#[derive(Debug)]
pub(in crate::server) struct Piece {
    bytes: Bytes,
    sent: Option<Arc<Sent>>,
}

impl Piece {
    fn new(bytes: Bytes, sent: Option<&Arc<Sent>>) -> Self {
        if let Some(sent) = sent {
            sent.add(bytes.len());
        }
        Self { bytes, sent: sent.cloned() }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(sent) = &self.sent {
            sent.remove_written(count);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(sent) = &self.sent {
            sent.remove(self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use http::HeaderMap;
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    async fn lengths<B: Body<Data = Bytes, Error = Infallible>>(body: B) -> Vec<(usize, bool, Option<u64>)> {
        let mut pieces = Box::pin(Pieces::new(body, None, None));
        let mut seen = Vec::new();
        while let Some(frame) = pieces.frame().await {
            let length = frame.unwrap().into_data().map_or(0, |data| data.remaining());
            seen.push((length, pieces.is_end_stream(), pieces.size_hint().exact()));
        }
        seen
    }

    #[tokio::test]
    async fn only_the_last_piece_ends_the_body() {
        let body = Full::new(Bytes::from(vec![0; 2 * MAX_PIECE + 5]));
        assert_eq!(
            lengths(body).await,
            [(MAX_PIECE, false, Some(MAX_PIECE as u64 + 5)), (MAX_PIECE, false, Some(5)), (5, true, Some(0))]
        );
        assert_eq!(lengths(Full::new(Bytes::from(vec![0; MAX_PIECE]))).await, [(MAX_PIECE, true, Some(0))]);
        assert_eq!(lengths(Full::new(Bytes::new())).await, []);
    }

    #[tokio::test]
    async fn frames_and_trailers_keep_their_order() {
        let frames = [MAX_PIECE + 1, 0, 7].map(|length| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0; length]))));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let body = body.with_trailers(ready(Some(Ok(HeaderMap::new()))));
        let lengths: Vec<_> = lengths(body).await.into_iter().map(|(length, ..)| length).collect();
        assert_eq!(lengths, [MAX_PIECE, 1, 0, 7, 0]);
    }

    /// Pieces are views of one buffer.
    #[tokio::test]
    async fn nothing_is_copied() {
        let whole = Bytes::from(vec![0; 3 * MAX_PIECE]);
        let start = whole.as_ptr();
        let mut pieces = Box::pin(Pieces::new(Full::new(whole), None, None));
        for number in 0..3 {
            let piece = pieces.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(piece.chunk().as_ptr(), start.wrapping_add(number * MAX_PIECE));
        }
    }
}
