//! [`Leftover`], the unread rest of a request's body.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Version, header::EXPECT};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep, timeout};

use super::connection_state::ConnectionState;

use crate::sync::{Mutex, MutexGuard};

/// How long a short response waits for the rest of its request's body.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads and drops the rest of an HTTP/1.1 request's body once its handler has dropped the body.
///
/// hyper detects the end of a connection, or a next request, only after a body that was read to its end. The
/// rest has the bounds of the body: at most [`max_body_size`](crate::Server::max_body_size) bytes in all,
/// within [`body_timeout`](crate::Server::body_timeout). Past these bounds the connection closes after the
/// response.
#[derive(Debug)]
pub(in crate::server) struct Leftover {
    state: BodyRest,
    conn: Arc<ConnectionState>,
}

impl Drop for Leftover {
    fn drop(&mut self) {
        if matches!(self.state, BodyRest::Draining { .. }) {
            self.give_up();
        }
    }
}

#[derive(Debug)]
enum BodyRest {
    /// The handler holds the body.
    Handled(Arc<Mutex<Shared>>),
    /// The rest is being read.
    Draining { body: Incoming, bytes: u64, deadline: Pin<Box<Sleep>> },
    /// The body has ended, or its rest is not read.
    Over,
}

#[derive(Debug, Default)]
struct Shared {
    dropped: Dropped,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
enum Dropped {
    /// The handler holds the body.
    #[default]
    No,
    /// The body was dropped before its end, after this many bytes.
    Unread(Incoming, u64),
    /// The body was read to its end.
    Read,
    /// The client waits for `100 Continue`, and the handler did not read the body.
    NeverAsked,
}

impl Leftover {
    /// Wraps the body of a request, so that its rest can be read once the handler drops it.
    pub(in crate::server) fn of(
        request: Request<Incoming>,
        conn: &Arc<ConnectionState>,
    ) -> (Request<Handled>, Option<Box<Self>>) {
        // Over HTTP/2 an unread body blocks only its own stream.
        let matters = request.version() <= Version::HTTP_11 && !request.body().is_end_stream();
        let shared = matters.then(Arc::<Mutex<Shared>>::default);
        let awaits_continue = expects_continue(request.headers());
        let leftover = shared.clone().map(|shared| {
            // Boxed, so that a connection does not pay for it when there is none.
            Box::new(Self { state: BodyRest::Handled(shared), conn: Arc::clone(conn) })
        });
        (request.map(|body| Handled { body: Some(body), shared, bytes: 0, is_read: false, awaits_continue }), leftover)
    }

    /// Reads and drops the available bytes of the rest.
    pub(in crate::server) fn poll_drain(&mut self, cx: &mut Context<'_>) {
        self.take(Some(cx));
        let BodyRest::Draining { body, bytes, deadline } = &mut self.state else { return };
        let most = self.conn.shared.limits.body_bytes as u64;
        loop {
            // A body whose declared length exceeds the limit is not read at all.
            if bytes.saturating_add(body.size_hint().lower()) > most {
                break;
            }
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending if deadline.as_mut().poll(cx).is_pending() => return,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => *bytes += frame.data_ref().map_or(0, Bytes::len) as u64,
                Poll::Ready(Some(Err(_)) | None) => {
                    self.state = BodyRest::Over;
                    return;
                }
            }
        }
        self.give_up();
    }

    /// Reads the rest for a moment, before a short response is written. The connection can then be kept, and a
    /// client that sends all of its body before it reads is not reset.
    pub(in crate::server) async fn finish(&mut self) {
        let finished = poll_fn(|cx| {
            self.poll_drain(cx);
            if matches!(self.state, BodyRest::Draining { .. }) { Poll::Pending } else { Poll::Ready(()) }
        });
        if timeout(FINISH_TIMEOUT, finished).await.is_err() {
            self.give_up();
        }
    }

    /// Whether the connection must close after the response. Called before the head is written.
    pub(in crate::server) fn closes(&mut self) -> bool {
        self.take(None);
        let most = self.conn.shared.limits.body_bytes as u64;
        match &self.state {
            BodyRest::Draining { body, bytes, .. } => bytes.saturating_add(body.size_hint().lower()) > most,
            BodyRest::Handled(_) | BodyRest::Over => self.conn.is_unread(),
        }
    }

    /// Whether no rest of the body is left to read.
    pub(in crate::server) fn is_over(&mut self) -> bool {
        self.take(None);
        matches!(self.state, BodyRest::Over)
    }

    /// Stops reading. hyper then stops as well, and closes the connection after the response.
    fn give_up(&mut self) {
        self.conn.set_unread();
        self.state = BodyRest::Over;
    }

    /// Takes the body over if its handler has dropped it.
    fn take(&mut self, cx: Option<&Context<'_>>) {
        let BodyRest::Handled(shared) = &self.state else { return };
        let mut shared = lock(shared);
        let state = match std::mem::take(&mut shared.dropped) {
            Dropped::No => {
                if let Some(cx) = cx
                    && !shared.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
                {
                    shared.waker = Some(cx.waker().clone());
                }
                return;
            }
            Dropped::Unread(body, bytes) => {
                let deadline = Box::pin(sleep(self.conn.shared.limits.body_time));
                BodyRest::Draining { body, bytes, deadline }
            }
            Dropped::Read => BodyRest::Over,
            Dropped::NeverAsked => {
                // The client may send the body without being asked.
                self.conn.set_unread();
                BodyRest::Over
            }
        };
        drop(shared);
        self.state = state;
    }
}

/// Whether the client sends its body only after `100 Continue`, which hyper sends when the body is first
/// polled.
fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Poisoning is ignored: no code under the lock panics.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock()
}

/// The body of a request, which passes its rest to [`Leftover`] when it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Handled {
    /// Invariant: `Some` until this is dropped.
    body: Option<Incoming>,
    /// `None` if the rest is not needed.
    shared: Option<Arc<Mutex<Shared>>>,
    bytes: u64,
    /// Set at the end of the body: a chunked body does not report its end by itself.
    is_read: bool,
    /// Set while the client waits for `100 Continue`.
    awaits_continue: bool,
}

impl Body for Handled {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.awaits_continue = false;
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.bytes += frame.data_ref().map_or(0, Bytes::len) as u64,
            Poll::Ready(None) => this.is_read = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Handled {
    fn drop(&mut self) {
        let (Some(shared), Some(body)) = (self.shared.take(), self.body.take()) else { return };
        let dropped = if self.is_read || body.is_end_stream() {
            Dropped::Read
        } else if self.awaits_continue {
            Dropped::NeverAsked
        } else {
            Dropped::Unread(body, self.bytes)
        };
        let mut shared = lock(&shared);
        shared.dropped = dropped;
        let waker = shared.waker.take();
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
    }
}
