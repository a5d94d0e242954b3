//! [`TestClient`], the client's end of one connection: hyper's client, polled by the reader of the body.

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

/// The most bytes that [`TestClient::receive`] takes: far more than can have arrived, but a bound where another
/// thread writes as fast as this one reads.
const MAX_ARRIVED: usize = 1024 * 1024;

/// A response's body and the connection that it comes over.
///
/// No task reads the body: bytes move only while a test waits for them or looks at them. So a handler that
/// never pauses gets back-pressure instead of filling the memory, and a paused clock can advance.
pub(super) struct TestClient {
    /// `None` when the body has ended.
    wire: Option<LiveBody>,
    /// Pieces that have arrived and are not read yet.
    arrived: VecDeque<Bytes>,
    /// The error that ended the body, if there was one.
    broken: Option<String>,
    valve: Arc<Valve>,
}

struct LiveBody {
    body: Incoming,
    connection: Connection,
    /// hyper closes an idle connection whose sender is dropped.
    _requests: SendRequest<Full<Bytes>>,
    _alive: Alive,
}

/// hyper's connection; `None` once it has ended.
struct Connection(Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>);

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>) {
        // The error also reaches the response or the body.
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(cx).is_ready()
        {
            self.0 = None;
        }
    }
}

impl TestClient {
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
        let wire = LiveBody { body, connection, _requests: requests, _alive: alive };
        let mut link = Self { wire: Some(wire), arrived: VecDeque::new(), broken: None, valve };
        // A short response has arrived with its head. The connection ends here, so that nothing of it counts
        // as alive while the test still has the response.
        link.receive();
        Ok((head, link))
    }

    /// Polls for the next piece of the body: `None` at its end; an error, on each call, if it broke off.
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
                    // The body has asked for bytes: the connection reads them.
                    wire.connection.poll(cx);
                    ready!(Pin::new(&mut wire.body).poll_frame(cx))
                }
                Poll::Ready(frame) => frame,
            };
            match frame {
                // Trailers are ignored.
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

    /// Reads what has arrived so far, without waiting.
    pub(super) fn receive(&mut self) {
        let mut left = MAX_ARRIVED;
        while left > 0 {
            let piece = {
                // tokio's budget would make a full pipe look empty in a test that does much without a pause.
                let piece = pin!(unconstrained(poll_fn(|cx| self.poll_wire(cx))));
                piece.poll(&mut Context::from_waker(Waker::noop()))
            };
            let Poll::Ready(Some(Ok(piece))) = piece else { return };
            left = left.saturating_sub(piece.len());
            self.arrived.push_back(piece);
        }
    }

    /// Returns the pieces that [`TestClient::receive`] has read.
    pub(super) fn take_received(&mut self) -> impl Iterator<Item = Bytes> {
        self.arrived.drain(..)
    }

    pub(super) fn valve(&self) -> &Valve {
        &self.valve
    }
}

/// Describes an error of hyper's, whose cause is only in its source.
pub(super) fn describe(error: &hyper::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
