//! The socket under one connection, as hyper sees it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::error::CloseReason;
use crate::response::WriteTimeout;
use crate::stream::Link;

/// How long a client may take nothing of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket that can be had back when hyper is done with it, and that gives up on a client who
/// takes nothing.
///
/// hyper answers a request that it cannot parse by itself, with a bare status. Until the first
/// request has reached the service, all that hyper writes is such an answer: it is swallowed here,
/// and the connection writes one that says what was wrong.
#[derive(Debug)]
pub(super) struct Transport<I> {
    /// There until it is dropped.
    stream: Option<I>,
    shared: Arc<Shared<I>>,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
}

/// What the connection knows of its socket while hyper has it.
#[derive(Debug)]
pub(super) struct Shared<I> {
    /// A request has reached the service.
    called: AtomicBool,
    /// What is being answered.
    response: Mutex<Watched>,
    /// The socket, once hyper has dropped it.
    returned: Mutex<Option<I>>,
}

/// What the socket must know of the response that is being written.
#[derive(Clone, Debug, Default)]
struct Watched {
    link: Option<Link>,
    write_timeout: Option<Duration>,
}

/// Nothing that can panic runs under these locks, so a poisoned one is still in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A response is about to be written.
    pub(super) fn watch(&self, response: &Extensions) {
        let link = response.get().cloned();
        let write_timeout = response.get().map(|WriteTimeout(longest)| *longest);
        *lock(&self.response) = Watched { link, write_timeout };
    }

    /// The socket, after hyper has dropped the transport.
    pub(super) fn take(&self) -> Option<I> {
        lock(&self.returned).take()
    }
}

impl<I: Unpin> Transport<I> {
    pub(super) fn new(stream: I) -> (Self, Arc<Shared<I>>) {
        let shared =
            Arc::new(Shared { called: AtomicBool::new(false), response: Mutex::default(), returned: Mutex::new(None) });
        (Self { stream: Some(stream), shared: Arc::clone(&shared), stall: None }, shared)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut I>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Looks at what became of a write: any progress stops the clock, none lets it run.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.stall.take().is_some() {
                self.tell(|link| link.set_blocked(false));
            }
            return written;
        }
        if self.stall.is_none() {
            let longest = lock(&self.shared.response).write_timeout.unwrap_or(WRITE_TIMEOUT);
            self.stall = Some(Box::pin(sleep(longest)));
            self.tell(|link| link.set_blocked(true));
        }
        let stalled = self.stall.as_mut().is_some_and(|stall| stall.as_mut().poll(cx).is_ready());
        if stalled {
            self.tell(|link| link.close(CloseReason::Stalled));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
        }
        Poll::Pending
    }

    fn tell(&self, what: impl FnOnce(&Link)) {
        if let Some(link) = &lock(&self.shared.response).link {
            what(link);
        }
    }
}

impl<I> Drop for Transport<I> {
    fn drop(&mut self) {
        *lock(&self.shared.returned) = self.stream.take();
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
        let written = self.stream()?.poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.shared.is_fresh() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = self.stream()?.poll_write_vectored(cx, bufs);
        self.watch(cx, written)
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
