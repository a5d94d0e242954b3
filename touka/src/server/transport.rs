//! The socket under one connection, as hyper sees it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket that can be had back when hyper is done with it.
///
/// hyper answers a request that it cannot parse by itself, with a bare status. Until the first
/// request has reached the service, all that hyper writes is such an answer: it is swallowed here,
/// and the connection writes one that says what was wrong.
#[derive(Debug)]
pub(super) struct Transport<I> {
    /// There until it is dropped.
    stream: Option<I>,
    shared: Arc<Shared<I>>,
}

/// What the connection knows of its socket while hyper has it.
#[derive(Debug)]
pub(super) struct Shared<I> {
    /// A request has reached the service.
    called: AtomicBool,
    /// The socket, once hyper has dropped it.
    returned: Mutex<Option<I>>,
}

impl<I> Shared<I> {
    /// A request is about to reach the service: hyper's writes count from now on.
    pub(super) fn call(&self) {
        // Set and read by the connection's one task.
        self.called.store(true, Ordering::Relaxed);
    }

    /// No request has reached the service.
    pub(super) fn is_fresh(&self) -> bool {
        !self.called.load(Ordering::Relaxed)
    }

    /// The socket, after hyper has dropped the transport.
    pub(super) fn take(&self) -> Option<I> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<I: Unpin> Transport<I> {
    pub(super) fn new(stream: I) -> (Self, Arc<Shared<I>>) {
        let shared = Arc::new(Shared { called: AtomicBool::new(false), returned: Mutex::new(None) });
        (Self { stream: Some(stream), shared: Arc::clone(&shared) }, shared)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut I>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<I> Drop for Transport<I> {
    fn drop(&mut self) {
        *self.shared.returned.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Transport<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Transport<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.shared.is_fresh() {
            return Poll::Ready(Ok(buf.len()));
        }
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.shared.is_fresh() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shared.is_fresh() {
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(cx)
    }
}
