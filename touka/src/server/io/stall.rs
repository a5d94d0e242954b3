//! [`Stall`], the raw socket of one connection with its write timeout.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use super::write_timer::{WriteTimer, last_try};
use crate::error::CloseReason;
use crate::server::state::connection_state::ConnectionState;

/// The transport of a connection: a socket, or a stand-in for one in tests.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Sets the kernel's timeout to more than this write timeout.
    fn set_user_timeout(&self, write_time: Duration);

    /// Writes without waiting, even if the socket is not reported as writable: for the [last try](last_try).
    fn write_now(&self, _: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether this is a plain TCP socket.
    fn is_tcp(&self) -> bool {
        false
    }

    /// Returns the TCP socket, if this is one.
    fn into_tcp(self) -> Option<TcpStream>
    where
        Self: Sized,
    {
        None
    }
}

/// A socket with a write timeout. It is below TLS, which would accept a whole buffer at once and hide how
/// slowly it drains.
#[derive(Debug)]
pub(crate) struct Stall<I> {
    io: I,
    conn: Arc<ConnectionState>,
    /// `Some` while writes are blocked. Boxed, because most connections are not blocked.
    timer: Option<Box<WriteTimer>>,
    /// Set after the socket has taken bytes without being reported as writable. Until it takes no more, it is
    /// written to directly.
    filling: bool,
}

impl<I: Io> Stall<I> {
    pub(crate) fn new(io: I, conn: &Arc<ConnectionState>) -> Self {
        Self { io, conn: Arc::clone(conn), timer: None, filling: false }
    }

    pub(in crate::server) fn is_tcp(&self) -> bool {
        self.io.is_tcp()
    }

    pub(in crate::server) fn into_tcp(self) -> Option<TcpStream> {
        self.io.into_tcp()
    }

    /// Checks the result of a write: progress stops the timer, a blocked write starts it.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        next: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            return self.moved(written);
        }
        if !has_budget_remaining() {
            // The task has used up its budget, so the result says nothing about the socket.
            return written;
        }
        // The buffer space that a slow reader has freed is filled, or the next check would count it as
        // progress.
        if self.filling
            && let Some(written) = self.fill(next)
        {
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| {
            self.conn.set_blocked(true);
            let longest = self.conn.write_time();
            if longest > self.conn.shared.limits.write_time {
                self.io.set_user_timeout(longest);
            }
            Box::new(WriteTimer::begin(Instant::now(), longest))
        });
        ready!(timer.poll_expired(cx));
        self.filling = true;
        if let Some(written) = self.fill(next) {
            return written;
        }
        self.conn.close(CloseReason::Stalled);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "writes to the client were blocked for too long")))
    }

    /// Writes to a socket that is not reported as writable; `None` if it takes nothing.
    fn fill(&mut self, next: &[io::IoSlice<'_>]) -> Option<Poll<io::Result<usize>>> {
        let Some(written) = last_try(|| self.io.write_now(next)) else {
            self.filling = false;
            return None;
        };
        Some(self.moved(Poll::Ready(written)))
    }

    fn moved(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.timer.take().is_some() {
            self.conn.set_blocked(false);
        }
        written
    }
}

impl<I: Io> AsyncRead for Stall<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.conn.heard();
        }
        read
    }
}

impl<I: Io> AsyncWrite for Stall<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(cx, written, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(cx, written, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
