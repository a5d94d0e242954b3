//! A client's socket that can stop reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Passes bytes through until its [`Latch`] closes. From then on it reads nothing: the socket's window fills,
/// and stays full. Writes still pass.
#[derive(Debug)]
pub struct Gate<I> {
    io: I,
    latch: Latch,
}

/// Closes a [`Gate`], for good.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<AtomicBool>);

impl Latch {
    /// Stops reading.
    pub fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<I> Gate<I> {
    /// Wraps a socket, and returns the latch that closes the gate.
    pub fn new(io: I) -> (Self, Latch) {
        let latch = Latch::default();
        (Self { io, latch: latch.clone() }, latch)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Gate<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.latch.0.load(Ordering::SeqCst) {
            // The gate never opens again, so no waker is stored.
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gate<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
