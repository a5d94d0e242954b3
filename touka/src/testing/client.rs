//! The client's end of one connection: hyper's client, driven by whoever reads the body.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::response::Parts;
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::task::coop::unconstrained;

use super::pipe::Valve;
use super::watch::Alive;

/// How much [`Link::arrive`] takes at most: far more than can have arrived, and yet an end where
/// another thread writes as fast as this one reads.
const MOST_ARRIVED: usize = 1024 * 1024;

/// A response's body and the connection that it comes over.
///
/// No task reads it: bytes move only while a test waits for them or looks at them. So a handler
/// that never pauses meets back-pressure instead of filling the memory, and a paused clock can
/// stand still.
pub(super) struct Link {
    /// Gone when the body has ended.
    wire: Option<Wire>,
    /// Arrived and not yet read.
    arrived: VecDeque<Bytes>,
    /// How the body broke off, if it did.
    broken: Option<String>,
    valve: Arc<Valve>,
}

struct Wire {
    body: Incoming,
    connection: Connection,
    /// Without it hyper closes the connection once it has nothing to do.
    _requests: SendRequest<Full<Bytes>>,
    _alive: Alive,
}

/// hyper's connection; `None` once it has ended.
struct Connection(Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>);

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>) {
        // Its error also reaches the response or the body, with whoever waits for them.
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(cx).is_ready()
        {
            self.0 = None;
        }
    }
}

impl Link {
    /// Sends a request and reads the head of its response.
    pub(super) async fn open(
        stream: DuplexStream,
        valve: Arc<Valve>,
        alive: Alive,
        request: http::Request<Full<Bytes>>,
    ) -> hyper::Result<(Parts, Self)> {
        let (mut requests, connection) = handshake(TokioIo::new(stream)).await?;
        let mut connection = Connection(Some(Box::pin(connection)));
        let response = {
            let mut response = pin!(requests.send_request(request));
            poll_fn(|cx| {
                connection.poll(cx);
                response.as_mut().poll(cx)
            })
            .await?
        };
        let (head, body) = response.into_parts();
        let wire = Wire { body, connection, _requests: requests, _alive: alive };
        let mut link = Self { wire: Some(wire), arrived: VecDeque::new(), broken: None, valve };
        // A short response has come with its head. Its connection ends here, so that nothing of it
        // is left while the test still looks at it.
        link.arrive();
        Ok((head, link))
    }

    /// The next piece of the body; `None` at its end; an error, each time, where it broke off.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        if let Some(piece) = self.arrived.pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        self.poll_wire(cx)
    }

    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            let Some(wire) = &mut self.wire else {
                return Poll::Ready(self.broken.clone().map(Err));
            };
            let frame = match Pin::new(&mut wire.body).poll_frame(cx) {
                Poll::Pending => {
                    // The body has said that it wants bytes: the connection reads them for it.
                    wire.connection.poll(cx);
                    ready!(Pin::new(&mut wire.body).poll_frame(cx))
                }
                Poll::Ready(frame) => frame,
            };
            match frame {
                // Trailers are of no interest here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.broken = Some(describe(&error));
                    self.wire = None;
                }
                None => self.wire = None,
            }
        }
    }

    /// Takes what has come until now, without waiting.
    pub(super) fn arrive(&mut self) {
        let mut room = MOST_ARRIVED;
        while room > 0 {
            let piece = {
                // tokio's budget would make a full pipe look empty in a test that does much at once.
                let piece = pin!(unconstrained(poll_fn(|cx| self.poll_wire(cx))));
                piece.poll(&mut Context::from_waker(Waker::noop()))
            };
            let Poll::Ready(Some(Ok(piece))) = piece else { return };
            room = room.saturating_sub(piece.len());
            self.arrived.push_back(piece);
        }
    }

    /// What [`Link::arrive`] has taken.
    pub(super) fn arrived(&mut self) -> impl Iterator<Item = Bytes> {
        self.arrived.drain(..)
    }

    pub(super) fn valve(&self) -> &Valve {
        &self.valve
    }
}

/// hyper's errors tell the cause only in their source.
pub(super) fn describe(error: &hyper::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
