//! [`Stall`], the raw socket of one connection, which gives up on a client that takes nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use super::waiting::{Patience, last_try};
use crate::error::CloseReason;
use crate::server::state::connection_state::ConnectionState;

/// What a connection runs over: a socket, or what stands for one in a test.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The client may take nothing for this long: the kernel must not be less patient.
    fn set_patience(&self, longest: Duration);

    /// Writes without waiting, and without asking first whether the socket can be written to: for the
    /// [last try](last_try).
    fn write_now(&self, _: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// There is a bare TCP socket behind it.
    fn is_tcp(&self) -> bool {
        false
    }

    /// That socket.
    fn into_tcp(self) -> Option<TcpStream>
    where
        Self: Sized,
    {
        None
    }
}

/// A socket whose writes are watched. It stands below TLS, which would take a whole buffer in one
/// go and hide how slowly it drains.
#[derive(Debug)]
pub(crate) struct Stall<I> {
    io: I,
    conn: Arc<ConnectionState>,
    /// There while the client takes nothing. Boxed: most take what they get.
    patience: Option<Box<Patience>>,
    /// The client has taken something though the socket has not told so. Until it takes nothing more,
    /// it is written to without asking.
    filling: bool,
}

impl<I: Io> Stall<I> {
    pub(crate) fn new(io: I, conn: &Arc<ConnectionState>) -> Self {
        Self { io, conn: Arc::clone(conn), patience: None, filling: false }
    }

    pub(in crate::server) fn is_tcp(&self) -> bool {
        self.io.is_tcp()
    }

    pub(in crate::server) fn into_tcp(self) -> Option<TcpStream> {
        self.io.into_tcp()
    }

    /// Looks at what became of a write: any progress stops the clock, none lets it run.
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
            // The task has done enough for one turn. Nothing is known of the socket.
            return written;
        }
        // What a slow reader has left free is filled, or the next look would take it for progress.
        if self.filling
            && let Some(written) = self.fill(next)
        {
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| {
            self.conn.set_blocked(true);
            let longest = self.conn.write_time();
            if longest > self.conn.shared.limits.write_time {
                self.io.set_patience(longest);
            }
            Box::new(Patience::begin(Instant::now(), longest))
        });
        ready!(patience.poll_over(cx));
        self.filling = true;
        if let Some(written) = self.fill(next) {
            return written;
        }
        self.conn.close(CloseReason::Stalled);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }

    /// Writes to a socket that has not told that it can be written to; `None` if it takes nothing.
    fn fill(&mut self, next: &[io::IoSlice<'_>]) -> Option<Poll<io::Result<usize>>> {
        let Some(written) = last_try(|| self.io.write_now(next)) else {
            self.filling = false;
            return None;
        };
        Some(self.moved(Poll::Ready(written)))
    }

    fn moved(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.patience.take().is_some() {
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
