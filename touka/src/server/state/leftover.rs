//! [`Leftover`], what a handler has not read of its request's body.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Version, header::EXPECT};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep, timeout};

use super::connection_state::ConnectionState;

/// How long a short response waits for the rest of its request's body.
const MOMENT: Duration = Duration::from_secs(1);

/// Reads and drops the rest of an HTTP/1.1 request's body once its handler has dropped the body.
///
/// hyper looks for the end of a connection, and for a next request, behind a body that was read to its
/// end only. The rest is bounded as the body is: no more bytes than
/// [`max_body_size`](crate::Server::max_body_size) in all, no longer than
/// [`body_timeout`](crate::Server::body_timeout). Past these bounds the connection closes after the
/// response.
#[derive(Debug)]
pub(in crate::server) struct Leftover {
    state: State,
    conn: Arc<ConnectionState>,
}

impl Drop for Leftover {
    fn drop(&mut self) {
        if matches!(self.state, State::Draining { .. }) {
            self.give_up();
        }
    }
}

#[derive(Debug)]
enum State {
    /// The handler has the body.
    Handled(Arc<Mutex<Shared>>),
    /// The rest is being read.
    Draining { body: Incoming, bytes: u64, deadline: Pin<Box<Sleep>> },
    /// There is no rest, or nobody reads it.
    Over,
}

#[derive(Debug, Default)]
struct Shared {
    dropped: Dropped,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
enum Dropped {
    /// The handler has the body.
    #[default]
    No,
    /// It was dropped before its end. The number is how many bytes were read of it.
    Unread(Incoming, u64),
    /// It was read to its end.
    Read,
    /// Nobody has asked the client for it.
    Unasked,
}

impl Leftover {
    /// Takes the body out of a request, as its handler shall have it.
    pub(in crate::server) fn of(
        request: Request<Incoming>,
        conn: &Arc<ConnectionState>,
    ) -> (Request<Handled>, Option<Box<Self>>) {
        // Over HTTP/2 a body that is not read hinders nothing but itself.
        let matters = request.version() <= Version::HTTP_11 && !request.body().is_end_stream();
        let shared = matters.then(Arc::<Mutex<Shared>>::default);
        let waits = is_asked_first(request.headers());
        let leftover = shared.clone().map(|shared| {
            // Boxed, so that a connection does not pay for it when there is none.
            Box::new(Self { state: State::Handled(shared), conn: Arc::clone(conn) })
        });
        (request.map(|body| Handled { body: Some(body), shared, bytes: 0, is_read: false, waits }), leftover)
    }

    /// Reads what there is now of the rest.
    pub(in crate::server) fn poll_drain(&mut self, cx: &mut Context<'_>) {
        self.take(Some(cx));
        let State::Draining { body, bytes, deadline } = &mut self.state else { return };
        let most = self.conn.shared.limits.body_bytes as u64;
        loop {
            // What says that it is too long is not begun.
            if bytes.saturating_add(body.size_hint().lower()) > most {
                break;
            }
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending if deadline.as_mut().poll(cx).is_pending() => return,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => *bytes += frame.data_ref().map_or(0, Bytes::len) as u64,
                Poll::Ready(Some(Err(_)) | None) => {
                    self.state = State::Over;
                    return;
                }
            }
        }
        self.give_up();
    }

    /// Reads the rest before a short response is written, for a moment: the connection can then be
    /// kept, and no client is reset that sends all of its body before it reads.
    pub(in crate::server) async fn finish(&mut self) {
        let finished = poll_fn(|cx| {
            self.poll_drain(cx);
            if matches!(self.state, State::Draining { .. }) { Poll::Pending } else { Poll::Ready(()) }
        });
        if timeout(MOMENT, finished).await.is_err() {
            self.give_up();
        }
    }

    /// The connection has to close after the response, which is known before its head is written.
    pub(in crate::server) fn closes(&mut self) -> bool {
        self.take(None);
        let most = self.conn.shared.limits.body_bytes as u64;
        match &self.state {
            State::Draining { body, bytes, .. } => bytes.saturating_add(body.size_hint().lower()) > most,
            State::Handled(_) | State::Over => self.conn.is_unread(),
        }
    }

    /// The body was read to its end.
    pub(in crate::server) fn is_over(&mut self) -> bool {
        self.take(None);
        matches!(self.state, State::Over)
    }

    /// Reads no more. hyper stops reading as well, and closes the connection after the response.
    fn give_up(&mut self) {
        self.conn.set_unread();
        self.state = State::Over;
    }

    /// Takes over the body if its handler has dropped it.
    fn take(&mut self, cx: Option<&Context<'_>>) {
        let State::Handled(shared) = &self.state else { return };
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
                State::Draining { body, bytes, deadline }
            }
            Dropped::Read => State::Over,
            Dropped::Unasked => {
                // The client may send it all the same.
                self.conn.set_unread();
                State::Over
            }
        };
        drop(shared);
        self.state = state;
    }
}

/// The client sends its body only when it is asked to, which reading does.
fn is_asked_first(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Nothing under the lock panics.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of a request, which leaves its rest behind when it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Handled {
    /// There until it is dropped.
    body: Option<Incoming>,
    /// None if nobody is interested in the rest.
    shared: Option<Arc<Mutex<Shared>>>,
    bytes: u64,
    /// It has come to its end. One in chunks does not say so by itself.
    is_read: bool,
    /// The client waits to be asked for the body.
    waits: bool,
}

impl Body for Handled {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.waits = false;
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
        } else if self.waits {
            Dropped::Unasked
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
