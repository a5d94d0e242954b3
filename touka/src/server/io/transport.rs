//! [`Transport`], the connection as hyper sees it.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::server::state::activity::Activity;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::request_end::{BodyEnd, HeadEnd};
use crate::sync::Mutex;

/// How long a client is kept after an overload response. Over HTTP/2 the client closes the connection, and few
/// such connections are allowed.
const OVERLOAD_IDLE: Duration = Duration::from_secs(1);

/// The connection that is given to hyper. It is returned when hyper is done, and times out a client that sends
/// no request.
///
/// hyper gets the bytes of one HTTP/1.1 request, and no more until the request is answered. So whenever a
/// request was read to its end, hyper holds no bytes of the connection, and bytes of the next requests are
/// buffered here.
///
/// hyper answers a request that it cannot parse by itself, with a bare status. Until the first request of an
/// HTTP/1.1 connection has reached the service, everything that hyper writes is such an answer: it is discarded
/// here, and the connection writes a response that names the error.
#[derive(Debug)]
pub(in crate::server) struct Transport<I> {
    /// Invariant: `Some` until this is dropped.
    stream: Option<I>,
    conn: Arc<ConnectionState>,
    returned: Returned<I>,
    /// Timer that runs while a request is awaited.
    timer: Option<(Phase, Pin<Box<Sleep>>)>,
    /// Number of requests at the time of the last bytes received between two requests.
    heard: Option<usize>,
    /// Bytes received that hyper must not get yet.
    ahead: BytesMut,
    /// Position of hyper in the current request.
    given: Given,
}

/// The part of an HTTP/1.1 request that hyper has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// A part of the head. The number counts the requests passed to the service before.
    Head(HeadEnd, usize),
    /// The head, and a part of the body.
    Body(BodyEnd),
}

/// Maximum number of bytes that are buffered while hyper writes a response. They are read to detect the end of
/// the connection, which comes after them.
const MAX_AHEAD: usize = 16 * 1024;

/// Slot for the connection once hyper drops the transport, and for the bytes that the client has sent of its
/// next requests.
pub(in crate::server) type Returned<I> = Arc<Mutex<Option<(I, Bytes)>>>;

/// The event that a timeout applies to while no request is in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of the connection.
    First,
    /// The rest of a head, after this many requests.
    Head(usize),
    /// The last bytes of the responses that HTTP/2 holds. The number counts the bytes written so far.
    Leaving(usize),
    /// The next request, after this many.
    Idle(usize),
}

impl<I: Unpin> Transport<I> {
    pub(in crate::server) fn new(stream: I, conn: Arc<ConnectionState>) -> (Self, Returned<I>) {
        let returned = Returned::default();
        let given = Given::Head(HeadEnd::default(), conn.calls());
        let transport = Self {
            stream: Some(stream),
            conn,
            returned: Arc::clone(&returned),
            timer: None,
            heard: None,
            ahead: BytesMut::new(),
            given,
        };
        (transport, returned)
    }

    /// Puts bytes back to be read before all others: those read to detect the protocol, or those that the
    /// client sent while its connection was served without hyper. Called before hyper reads anything.
    pub(in crate::server) fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // The client has begun a request: the timeout of a head applies to the rest.
        self.heard = Some(self.conn.calls());
        self.put_back(bytes);
        self.given = Given::Head(HeadEnd::default(), self.conn.calls());
    }

    /// Puts bytes back before all others that hyper was not given.
    fn put_back(&mut self, bytes: &[u8]) {
        let mut all = BytesMut::with_capacity(bytes.len() + self.ahead.len());
        all.extend_from_slice(bytes);
        all.extend_from_slice(&self.ahead);
        self.ahead = all;
    }

    /// Whether hyper gets all bytes: the connection is not HTTP/1.1, or will not be.
    fn is_open_to_hyper(&self) -> bool {
        self.conn.speaks_http2() || self.conn.is_upgraded()
    }

    /// Updates hyper's position. False if hyper has all of the request in progress.
    fn may_give(&mut self) -> bool {
        if let Given::Head(_, calls) = self.given
            && calls != self.conn.calls()
        {
            self.given = Given::Body(BodyEnd::new(self.conn.request.framing()));
        }
        match &self.given {
            Given::Body(end) if end.is_over() && self.conn.is_busy() => return false,
            Given::Body(end) if end.is_over() => {
                self.given = Given::Head(HeadEnd::default(), self.conn.calls());
            }
            Given::Head(..) | Given::Body(_) => {}
        }
        true
    }

    /// Returns how many of these bytes hyper is to get now.
    fn share(&mut self, bytes: &[u8]) -> usize {
        if self.is_open_to_hyper() {
            return bytes.len();
        }
        match &mut self.given {
            // A body follows the end of a head. Another head follows if hyper has not parsed one yet: empty
            // lines before a request.
            Given::Head(end, _) => {
                let found = end.find(bytes);
                if found.is_some() {
                    self.conn.request.set_length_named(end.has_length());
                }
                found.unwrap_or(bytes.len())
            }
            Given::Body(end) => end.take(bytes),
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut I>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether everything that hyper writes is an answer of its own, to be discarded.
    fn swallows(&self) -> bool {
        self.conn.calls() == 0 && !self.conn.speaks_http2()
    }

    fn phase(&self, activity: Activity) -> Phase {
        let calls = self.conn.calls();
        if let Activity::Leaving(departed) = activity {
            return Phase::Leaving(departed);
        }
        // Over HTTP/2 received bytes may be anything: the answer to a ping, a window update.
        if self.heard == Some(calls) && !self.conn.speaks_http2() {
            Phase::Head(calls)
        } else if calls == 0 && !self.conn.has_returned() {
            Phase::First
        } else {
            Phase::Idle(calls)
        }
    }

    /// Checks the result of a read, and applies the timeout while a request is awaited.
    fn watch_read(&mut self, cx: &mut Context<'_>, read: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        let activity = self.conn.poll_activity(cx);
        if activity == Activity::Busy {
            self.timer = None;
            return read;
        }
        if read.is_ready() {
            self.heard = Some(self.conn.calls());
            return read;
        }
        let phase = self.phase(activity);
        let limits = &self.conn.shared.limits;
        let longest = match phase {
            Phase::First | Phase::Head(_) => limits.head_time,
            Phase::Leaving(_) | Phase::Idle(_) if self.conn.overloaded => OVERLOAD_IDLE,
            Phase::Leaving(_) => self.conn.write_time(),
            Phase::Idle(_) => limits.idle_time,
        };
        if self.timer.as_ref().is_none_or(|(of, _)| *of != phase) {
            self.timer = Some((phase, Box::pin(sleep(longest))));
        }
        let over = self.timer.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
        if over {
            if matches!(phase, Phase::Head(_)) {
                self.conn.set_head_timed_out();
            }
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request arrived in time")));
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> Transport<I> {
    /// Detects the end of the connection while hyper does not read: hyper stops when it holds a byte of a body
    /// that is not read, and gets no more than one request. A client that has left must not keep its handler
    /// running.
    ///
    /// Called with each flush, so each time that hyper's connection is polled.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_open_to_hyper() || !self.conn.is_busy() {
            return Ok(());
        }
        let before = self.ahead.len();
        while self.ahead.len() < MAX_AHEAD {
            let mut buffer = [0; 512];
            let mut read = ReadBuf::new(&mut buffer);
            match self.stream()?.poll_read(cx, &mut read) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client closed the connection"));
                }
                Poll::Ready(Ok(())) => self.ahead.extend_from_slice(read.filled()),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if self.ahead.len() > before && self.may_give() {
            // hyper may wait for these bytes, and no other event would wake it.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Gives hyper the available bytes of its request, and buffers the rest.
    fn give(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let again = buf.remaining().min(self.ahead.len());
        if again > 0 {
            buf.put_slice(&self.ahead.split_to(again));
        }
        if self.ahead.is_empty() {
            // An empty remainder would keep the whole allocation.
            self.ahead = BytesMut::new();
        }
        if again == 0 || buf.remaining() > 0 {
            // The rest of the request is read in the same call, if it is there. hyper would otherwise double
            // its buffer for it: 8 KiB more for as long as the connection lives.
            let read = self.stream()?.poll_read(cx, buf);
            // After a partial read an error is ignored: the next read returns it again.
            if again == 0 {
                ready!(read)?;
            }
        }
        let new = buf.filled().get(before..).unwrap_or_default();
        let share = self.share(new);
        if let Some(rest) = new.get(share..).filter(|rest| !rest.is_empty()) {
            self.put_back(rest);
            buf.set_filled(before + share);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I> Drop for Transport<I> {
    fn drop(&mut self) {
        // A waker keeps the memory of its task, and the client may stay for as long as a stream lives.
        self.conn.forget_idle_waker();
        let ahead = mem::take(&mut self.ahead).freeze();
        // Poisoning is ignored: no code under the lock panics.
        let mut returned = self.returned.lock();
        *returned = self.stream.take().map(|stream| (stream, ahead));
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Transport<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_open_to_hyper() && !self.may_give() {
            // Skipped when further requests are buffered: a client that has pipelined requests and closed its
            // side for writing still gets its responses.
            if self.ahead.is_empty() {
                self.look_ahead(cx)?;
            }
            // The end of the response wakes this task, which reads again.
            return self.watch_read(cx, Poll::Pending);
        }
        let read = self.give(cx, buf);
        self.watch_read(cx, read)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.swallows() {
            return Poll::Ready(Ok(buf.len()));
        }
        self.conn.set_unflushed(true);
        let written = self.stream()?.poll_write(cx, buf);
        if written.is_pending() {
            self.look_ahead(cx)?;
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.swallows() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        self.conn.set_unflushed(true);
        let written = self.stream()?.poll_write_vectored(cx, bufs);
        if written.is_pending() {
            self.look_ahead(cx)?;
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream()?.poll_flush(cx);
        // hyper flushes only after it has written everything that it holds.
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.conn.set_unflushed(false);
        }
        self.look_ahead(cx)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.swallows() {
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(cx)
    }
}
