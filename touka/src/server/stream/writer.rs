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
use crate::stream::{catch, drop_guarded, frame_id, guarded, log_panic};

/// The maximum number of frames before the task yields to the other tasks of its thread.
const MAX_FRAMES: usize = 32;

/// Writes of up to this many bytes are copied into one piece.
const COPY_LIMIT: usize = 2 * 1024;

/// How long the body may run for these frames together before the task yields. Between two emits, a body can
/// occupy the thread for any time.
const MAX_BODY_TIME: Duration = Duration::from_millis(1);

/// A future that writes a response that has left hyper, and watches its connection. It completes when the stream
/// or the connection has ended.
pub(in crate::server) struct Writer<I, A>(Option<Live<I, A>>);

/// The state of a [`Writer`] until it completes.
struct Live<I, A> {
    /// Dropped at its end: what a handler holds is released before its client sees the end.
    body: Option<ServerBody<Body>>,
    state: WriterState,
    unwritten: Unwritten,
    wire: MaybeTls<I>,
    /// The bytes that the client has sent since its request: the beginning of the next one.
    sent: Vec<u8>,
    /// Serves the connection again when the stream has ended.
    again: Box<A>,
    /// The [`frame_id`] of the latest frame that is being written; 0 for none.
    frame: usize,
    /// Whether the unwritten bytes may wait for the next frame, because the body goes on at once.
    collects: bool,
    /// Whether the connection closes after the stream.
    closes: bool,
    /// Set while a write or the close of the connection is incomplete.
    blocked: bool,
    conn: Arc<ConnectionState>,
    /// The deadline of a shutdown, at which the connection is cut. Created when writes are blocked, since the
    /// body, which watches for a shutdown, is not polled then, and during a shutdown.
    deadline: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

#[derive(Debug)]
enum WriterState {
    /// The head waits for the first frame, to be written with it if the body has one at once.
    Opening,
    /// The body is polled for frames.
    Streaming,
    /// The last bytes are being written.
    Ending,
    /// All bytes are written, and the connection is being closed.
    Closing,
    /// The body has failed. Its earlier frames are being written, and the response ends without its last chunk, so
    /// that the client notices.
    Failing(io::Error),
}

/// The state of the connection after the last byte of a stream.
enum End {
    /// The connection can serve another request.
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
            state: WriterState::Opening,
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

/// `Unpin` for any parameters: no field is pinned, since each one that is polled can be moved.
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
                // A client that leaves in the middle of a stream is not an error: streams end this way.
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
        self.read_ahead(cx)?;
        let polled = self.poll_stream(cx);
        if polled.is_pending() && self.poll_deadline(cx).is_ready() {
            // Before anything is dropped: a stream that is dropped without a reason counts as left by its client.
            self.conn.close(CloseReason::Shutdown);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the shutdown has ended the stream")));
        }
        polled
    }

    /// Polls for the deadline of a shutdown, at which the connection must be cut.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.conn.shared;
        // The body watches for a shutdown, but is not polled while writes are blocked.
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

    /// Checks whether the client is still there, and buffers what it sends for the time after the stream. Bytes
    /// above the limit of a head stay in the socket: a write then finds that the client has left.
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let most = self.conn.shared.limits.head_bytes;
        while self.sent.len() < most {
            let mut buffer = [0; 256];
            let mut read = ReadBuf::new(&mut buffer);
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

    /// Writes frames until writes are blocked, the body has no frame, or the task must yield.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        let began = Instant::now();
        for turn in 0..MAX_FRAMES {
            let is_over = turn > 0 && began.elapsed() >= MAX_BODY_TIME;
            if is_over {
                self.collects = false;
            }
            if !matches!(self.state, WriterState::Opening) && !self.collects {
                self.blocked = true;
                ready!(self.poll_write(cx))?;
                self.blocked = false;
                let frame = mem::take(&mut self.frame);
                let link = self.body.as_ref().filter(|_| frame != 0).and_then(ServerBody::link);
                if let Some(link) = link {
                    link.set_written(frame);
                }
            }
            // All frames so far are written. A body that works for long between its frames has had its turn.
            if is_over {
                break;
            }
            let is_last = matches!(self.state, WriterState::Ending) && self.is_last();
            match &mut self.state {
                WriterState::Opening | WriterState::Streaming => ready!(self.poll_body(cx)),
                WriterState::Ending if is_last => self.state = WriterState::Closing,
                WriterState::Ending => return Poll::Ready(Ok(End::Next)),
                WriterState::Closing => {
                    self.blocked = true;
                    ready!(Pin::new(&mut self.wire).poll_shutdown(cx))?;
                    return Poll::Ready(Ok(End::Closed));
                }
                WriterState::Failing(error) => {
                    return Poll::Ready(Err(mem::replace(error, io::ErrorKind::Other.into())));
                }
            }
        }
        // Yields with `yield_now`, which lets the runtime poll its sockets first; a plain wake does not.
        let yields = pin!(yield_now()).poll(cx);
        debug_assert!(yields.is_pending(), "the task would not be woken");
        Poll::Pending
    }

    /// Writes and flushes all unwritten bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unwritten.is_empty() {
            let mut buffer = [0; COPY_LIMIT];
            let wire = Pin::new(&mut self.wire);
            let written = match self.unwritten.copied(&mut buffer) {
                Some(bytes) => wire.poll_write(cx, bytes),
                None => wire.poll_write_vectored(cx, &self.unwritten.slices()),
            };
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unwritten.advance(count);
        }
        // TLS buffers what its socket does not take.
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    /// Polls the body for its next frame, or its end.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let opens = matches!(mem::replace(&mut self.state, WriterState::Streaming), WriterState::Opening);
        let Some(body) = &mut self.body else { return Poll::Ready(()) };
        match Pin::new(&mut *body).poll_frame(cx) {
            // The unwritten bytes are written, and the body is polled once more.
            Poll::Pending if mem::take(&mut self.collects) || opens => {}
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers are dropped, since no head has announced them, and end the body.
                let data = frame.into_data().ok();
                let is_last = data.is_none() || body.is_end_stream();
                let data = data.unwrap_or_default();
                self.frame = frame_id(&data);
                let may_wait = body.link().is_some_and(|link| link.may_wait(self.frame));
                self.unwritten.put(data, is_last);
                self.collects = may_wait && self.unwritten.has_capacity();
                if is_last {
                    self.end(WriterState::Ending);
                }
            }
            Poll::Ready(None) => {
                self.unwritten.put_last();
                self.end(WriterState::Ending);
            }
            Poll::Ready(Some(Err(error))) => self.end(WriterState::Failing(io::Error::other(error))),
        }
        Poll::Ready(())
    }

    /// Drops the body, once its last bytes are queued. The stream is gone before they are written: a client that
    /// has read them may request the capacity that the stream held.
    fn end(&mut self, state: WriterState) {
        self.state = state;
        self.collects = false;
        drop_guarded(self.body.take());
    }

    /// Whether the connection closes after this response.
    fn is_last(&self) -> bool {
        self.closes || self.conn.shared.handle.is_shutting_down()
    }

    /// Serves the connection's next requests.
    fn go_on(self) {
        let Self { wire, sent, again, conn, .. } = self;
        guarded("serving a connection again", || again.again((wire, conn), sent.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::io::socket::Socket;

    /// The size matters: each open stream has a `Writer`.
    #[test]
    fn a_writer_is_small() {
        assert!(size_of::<Writer<Socket, ()>>() <= 704, "{}", size_of::<Writer<Socket, ()>>());
    }
}
