//! [`Writer`], the task that writes a stream to its socket.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum_core::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

use super::body::ServerBody;
use super::leave::Leaving;
use super::unwritten::Unwritten;
use crate::error::CloseReason;
use crate::server::io::maybe_tls::MaybeTls;
use crate::server::io::stall::Io;
use crate::server::state::again::Again;
use crate::server::state::connection_state::ConnectionState;
use crate::stream::{catch, drop_guarded, guarded, log_panic, mark};

/// How many frames are written in one go, before the other tasks of the thread have their turn.
const MOST_FRAMES: usize = 32;

/// So many bytes are written in one piece, as a copy.
const FEW: usize = 2 * 1024;

/// How long the body may run for them together. It may work in the thread, for as long as it likes, between
/// two emits.
const LONGEST: Duration = Duration::from_millis(1);

/// Writes the response that has left hyper, and watches its connection. It ends with the stream, or with
/// the connection.
pub(in crate::server) struct Writer<I, A>(Option<Live<I, A>>);

/// What it has until it ends.
struct Live<I, A> {
    /// There until its end: what a handler holds is free before its client sees the end.
    body: Option<ServerBody<Body>>,
    state: State,
    unwritten: Unwritten,
    wire: MaybeTls<I>,
    /// What the client has sent since its request: the beginning of the next one.
    sent: Vec<u8>,
    /// Serves the connection again when the stream has ended.
    again: Box<A>,
    /// The [`mark`] of the last frame that is being written; 0 for none.
    frame: usize,
    /// What is unwritten may wait for the next frame, which the body has at once.
    collects: bool,
    /// The connection closes with the stream.
    closes: bool,
    /// The client takes nothing now.
    blocked: bool,
    conn: Arc<ConnectionState>,
    /// When the connection is cut, whatever it does. Made only when nobody else looks at it.
    deadline: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

#[derive(Debug)]
enum State {
    /// The head waits for what the body has at once, to be written with it.
    Opening,
    /// The body gives frames.
    Streaming,
    /// The last bytes are to be written.
    Ending,
    /// All was written, and the connection is to be closed.
    Closing,
    /// The body has failed. What it gave before is to be written, and the response ends without its last chunk,
    /// so that the client knows.
    Failing(io::Error),
}

/// How a stream ends whose last byte was written.
enum End {
    /// The connection is good for another request.
    Next,
    /// The connection was closed.
    Closed,
}

impl<I: Io, A: Again<(MaybeTls<I>, Arc<ConnectionState>)>> Writer<I, A> {
    pub(in crate::server) fn new(
        leaving: Leaving,
        wire: MaybeTls<I>,
        sent: Bytes,
        conn: Arc<ConnectionState>,
        again: Box<A>,
    ) -> Self {
        let Leaving { head, body, closes } = leaving;
        Self(Some(Live {
            body: Some(body),
            state: State::Opening,
            unwritten: Unwritten::new(head),
            wire,
            sent: sent.into(),
            again,
            frame: 0,
            collects: false,
            closes,
            blocked: false,
            conn,
            deadline: None,
        }))
    }
}

/// No field is pinned: each that is polled can be moved.
impl<I, A> Unpin for Writer<I, A> {}

impl<I: Io, A: Again<(MaybeTls<I>, Arc<ConnectionState>)>> Future for Writer<I, A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(live) = &mut self.0 else { return Poll::Ready(()) };
        let ended = match catch(|| live.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(ended)) => ended,
            Err(panic) => {
                log_panic("a stream's code", panic);
                live.conn.close(CloseReason::Panicked);
                Ok(End::Closed)
            }
        };
        let Some(live) = self.0.take() else { return Poll::Ready(()) };
        match ended {
            Ok(End::Next) => live.go_on(),
            Ok(End::Closed) => _ = drop_guarded(live),
            Err(error) => {
                // A client that leaves in the middle of a stream is no error: it is how streams end.
                let log = || tracing::debug!(target: "touka::server", %error, "connection closed");
                guarded("logging", log);
                drop_guarded(live);
            }
        }
        Poll::Ready(())
    }
}

impl<I: Io, A: Again<(MaybeTls<I>, Arc<ConnectionState>)>> Live<I, A> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        self.listen(cx)?;
        let polled = self.poll_stream(cx);
        if polled.is_pending() && self.poll_deadline(cx).is_ready() {
            // Before anything is dropped, which would look as if the client had left.
            self.conn.close(CloseReason::Shutdown);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the shutdown has ended the stream")));
        }
        polled
    }

    /// Ready when the connection is to be cut, because a shutdown has taken as long as it may.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.conn.shared;
        // The body watches for a shutdown, but nobody polls it while the client takes nothing.
        if !self.blocked && !shared.handle.is_shutting_down() {
            self.deadline = None;
            return Poll::Pending;
        }
        let deadline = self.deadline.get_or_insert_with(|| {
            let shared = Arc::clone(shared);
            Box::pin(async move { shared.deadline().await })
        });
        deadline.as_mut().poll(cx)
    }

    /// Looks whether the client is still there, and keeps what it sends for the time after the stream. What
    /// is more than a head may have waits in the socket: then a write finds that the client has left.
    fn listen(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let most = self.conn.shared.limits.head_bytes;
        while self.sent.len() < most {
            let mut room = [0; 256];
            let mut read = ReadBuf::new(&mut room);
            match Pin::new(&mut self.wire).poll_read(cx, &mut read) {
                Poll::Pending => break,
                Poll::Ready(read) => read?,
            }
            if read.filled().is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client has left"));
            }
            self.sent.extend_from_slice(read.filled());
        }
        Ok(())
    }

    /// Goes on until the client takes no more, or the body has nothing more.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        let began = Instant::now();
        for turn in 0..MOST_FRAMES {
            let is_over = turn > 0 && began.elapsed() >= LONGEST;
            if is_over {
                self.collects = false;
            }
            if !matches!(self.state, State::Opening) && !self.collects {
                self.blocked = true;
                ready!(self.poll_write(cx))?;
                self.blocked = false;
                let frame = mem::take(&mut self.frame);
                let link = self.body.as_ref().filter(|_| frame != 0).and_then(ServerBody::link);
                if let Some(link) = link {
                    link.set_written(frame);
                }
            }
            // What it has given is written. A body that works for long between its frames has had its turn.
            if is_over {
                break;
            }
            let is_last = matches!(self.state, State::Ending) && self.is_last();
            match &mut self.state {
                State::Opening | State::Streaming => ready!(self.poll_body(cx)),
                State::Ending if is_last => self.state = State::Closing,
                State::Ending => return Poll::Ready(Ok(End::Next)),
                State::Closing => {
                    self.blocked = true;
                    ready!(Pin::new(&mut self.wire).poll_shutdown(cx))?;
                    return Poll::Ready(Ok(End::Closed));
                }
                State::Failing(error) => return Poll::Ready(Err(mem::replace(error, io::ErrorKind::Other.into()))),
            }
        }
        // Not woken at once: the runtime looks at its sockets before.
        let yields = pin!(yield_now()).poll(cx);
        debug_assert!(yields.is_pending(), "nobody wakes this task");
        Poll::Pending
    }

    /// Writes what there is to be written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unwritten.is_empty() {
            let mut room = [0; FEW];
            let wire = Pin::new(&mut self.wire);
            let written = match self.unwritten.copied(&mut room) {
                Some(bytes) => wire.poll_write(cx, bytes),
                None => wire.poll_write_vectored(cx, &self.unwritten.slices()),
            };
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unwritten.took(count);
        }
        // TLS holds back what its socket does not take.
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    /// Asks the body for what comes next.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let opens = matches!(mem::replace(&mut self.state, State::Streaming), State::Opening);
        let Some(body) = &mut self.body else { return Poll::Ready(()) };
        match Pin::new(&mut *body).poll_frame(cx) {
            // What there is is written, and the body is asked once more.
            Poll::Pending if mem::take(&mut self.collects) || opens => {}
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers go nowhere, for no head has announced them, and nothing comes after them.
                let data = frame.into_data().ok();
                let is_last = data.is_none() || body.is_end_stream();
                let data = data.unwrap_or_default();
                self.frame = mark(&data);
                let may_wait = body.link().is_some_and(|link| link.may_wait(self.frame));
                self.unwritten.put(data, is_last);
                self.collects = may_wait && self.unwritten.has_room();
                if is_last {
                    self.end(State::Ending);
                }
            }
            Poll::Ready(None) => {
                self.unwritten.put_last();
                self.end(State::Ending);
            }
            Poll::Ready(Some(Err(error))) => self.end(State::Failing(io::Error::other(error))),
        }
        Poll::Ready(())
    }

    /// The last bytes are there. The stream is gone before they are written: who has read them may ask for
    /// its place.
    fn end(&mut self, state: State) {
        self.state = state;
        self.collects = false;
        drop_guarded(self.body.take());
    }

    /// The connection closes after this response.
    fn is_last(&self) -> bool {
        self.closes || self.conn.shared.handle.is_shutting_down()
    }

    /// Has the connection's next requests served.
    fn go_on(self) {
        let Self { wire, sent, again, conn, .. } = self;
        guarded("serving a connection again", || again.again((wire, conn), sent.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::io::socket::Socket;

    /// Each open stream has one.
    #[test]
    fn what_a_stream_keeps_beside_its_handler_is_small() {
        assert!(size_of::<Writer<Socket, ()>>() <= 704, "{}", size_of::<Writer<Socket, ()>>());
    }
}
