//! The connection below HTTP, as hyper sees it.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::server::state::activity::Activity;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::request_end::{BodyEnd, HeadEnd};

/// How long a client that was told to come back later is kept. Over HTTP/2 it is the client who
/// closes, and there are few places for such as these.
const TOLD: Duration = Duration::from_secs(1);

/// A connection that can be had back when hyper is done with it, and that gives up on a client who
/// does not say what it wants.
///
/// hyper is given the bytes of one HTTP/1.1 request and no more until that is answered. So whenever a
/// request was read to its end, hyper holds nothing of the connection, and what the client has sent of
/// its next requests is here.
///
/// hyper answers a request that it cannot parse by itself, with a bare status. Until the first
/// request of an HTTP/1.1 connection has reached the service, all that hyper writes is such an
/// answer: it is swallowed here, and the connection writes one that says what was wrong.
#[derive(Debug)]
pub(in crate::server) struct Transport<I> {
    /// There until it is dropped.
    stream: Option<I>,
    conn: Arc<ConnectionState>,
    returned: Returned<I>,
    /// Runs while a request is waited for.
    patience: Option<(Phase, Pin<Box<Sleep>>)>,
    /// How many requests there had been when the client last said something between two of them.
    heard: Option<usize>,
    /// What the client has sent beyond what hyper is to have.
    ahead: BytesMut,
    /// What hyper is to have next.
    given: Given,
}

/// What hyper was given of an HTTP/1.1 request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// A part of its head, after so many requests that have reached the service.
    Head(HeadEnd, usize),
    /// Its head, and a part of its body.
    Body(BodyEnd),
}

/// How many bytes are read that hyper is not given yet, while it writes a response. They are read to
/// find the end of the connection, which stands behind them.
const MOST_AHEAD: usize = 16 * 1024;

/// Where the connection goes when hyper drops the transport, and what the client has sent of its next
/// requests.
pub(in crate::server) type Returned<I> = Arc<Mutex<Option<(I, Bytes)>>>;

/// What is waited for of a client that has no request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first word.
    First,
    /// The rest of a head, after so many requests.
    Head(usize),
    /// The end of what HTTP/2 holds of the last responses, of which so much has left.
    Leaving(usize),
    /// Another request, after so many.
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
            patience: None,
            heard: None,
            ahead: BytesMut::new(),
            given,
        };
        (transport, returned)
    }

    /// Has these bytes read before any others: what was looked at to know the protocol, or what the
    /// client sent while its connection was served by other means. hyper has read nothing yet.
    pub(in crate::server) fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // The client has begun a request: it has the time of a head for the rest.
        self.heard = Some(self.conn.calls());
        self.put_back(bytes);
        self.given = Given::Head(HeadEnd::default(), self.conn.calls());
    }

    /// Has these bytes read before all others that were not given to hyper.
    fn put_back(&mut self, bytes: &[u8]) {
        let mut all = BytesMut::with_capacity(bytes.len() + self.ahead.len());
        all.extend_from_slice(bytes);
        all.extend_from_slice(&self.ahead);
        self.ahead = all;
    }

    /// All that comes is hyper's: the connection is not HTTP/1.1, or will not be.
    fn is_open_to_hyper(&self) -> bool {
        self.conn.speaks_http2() || self.conn.is_upgraded()
    }

    /// Notes how far hyper has come by itself. False if it has all of the request that is under way.
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

    /// How many of these bytes hyper is to have now.
    fn share(&mut self, bytes: &[u8]) -> usize {
        if self.is_open_to_hyper() {
            return bytes.len();
        }
        match &mut self.given {
            // What comes after an end of a head is a body, or another head if hyper has not seen one in what it
            // was given: empty lines before a request.
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

    /// All that hyper would write is an answer of its own.
    fn swallows(&self) -> bool {
        self.conn.calls() == 0 && !self.conn.speaks_http2()
    }

    fn phase(&self, activity: Activity) -> Phase {
        let calls = self.conn.calls();
        if let Activity::Leaving(departed) = activity {
            return Phase::Leaving(departed);
        }
        // Over HTTP/2 what is heard may be anything: the answer to a ping, a window.
        if self.heard == Some(calls) && !self.conn.speaks_http2() {
            Phase::Head(calls)
        } else if calls == 0 && !self.conn.has_returned() {
            Phase::First
        } else {
            Phase::Idle(calls)
        }
    }

    /// Looks at what became of a read. One that waits for a request does not wait for ever.
    fn watch_read(&mut self, cx: &mut Context<'_>, read: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        let activity = self.conn.poll_activity(cx);
        if activity == Activity::Busy {
            self.patience = None;
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
            Phase::Leaving(_) | Phase::Idle(_) if self.conn.overloaded => TOLD,
            Phase::Leaving(_) => self.conn.write_time(),
            Phase::Idle(_) => limits.idle_time,
        };
        if self.patience.as_ref().is_none_or(|(of, _)| *of != phase) {
            self.patience = Some((phase, Box::pin(sleep(longest))));
        }
        let over = self.patience.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
        if over {
            if matches!(phase, Phase::Head(_)) {
                self.conn.set_late();
            }
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client asks for nothing")));
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> Transport<I> {
    /// Looks for the end of the connection while hyper does not: it stops reading when it has a byte of a
    /// body that nobody reads, and is not given more than a request. A client that has left must not keep
    /// its handler.
    ///
    /// Called with each flush, which is each time that hyper's connection is polled.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_open_to_hyper() || !self.conn.is_busy() {
            return Ok(());
        }
        let before = self.ahead.len();
        while self.ahead.len() < MOST_AHEAD {
            let mut room = [0; 512];
            let mut read = ReadBuf::new(&mut room);
            match self.stream()?.poll_read(cx, &mut read) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client has left"));
                }
                Poll::Ready(Ok(())) => self.ahead.extend_from_slice(read.filled()),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if self.ahead.len() > before && self.may_give() {
            // hyper may wait for these bytes, and nothing else will wake it.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Gives hyper what there is of its request, and keeps the rest.
    fn give(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let again = buf.remaining().min(self.ahead.len());
        if again > 0 {
            buf.put_slice(&self.ahead.split_to(again));
        }
        if self.ahead.is_empty() {
            // An empty rest of the buffer would keep all of it.
            self.ahead = BytesMut::new();
        }
        if again == 0 || buf.remaining() > 0 {
            // With the rest of the request, if that is there. hyper would double its buffer for it:
            // eight kilobytes more for as long as the connection lives.
            let read = self.stream()?.poll_read(cx, buf);
            // What is wrong with the socket is as wrong at the next read.
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
        // A waker keeps the memory of its task, and the client may live on for as long as a stream.
        self.conn.forget_idler();
        let ahead = mem::take(&mut self.ahead).freeze();
        // Nothing that can panic runs under this lock.
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        *returned = self.stream.take().map(|stream| (stream, ahead));
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Transport<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_open_to_hyper() && !self.may_give() {
            // A client that has sent whole requests and says that it has no others is to be answered.
            if self.ahead.is_empty() {
                self.look_ahead(cx)?;
            }
            // The end of the answer wakes it, and it asks again.
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
        // hyper asks for this only when all that it holds was written.
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
