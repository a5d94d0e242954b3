//! What stands for a socket: two ends in memory, and a valve between them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::server::Io;

/// The server's end.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: DuplexStream,
    valve: Arc<Valve>,
}

/// Two ends that hold at most so many bytes in each direction, and the valve of what the server
/// writes.
pub(super) fn pipe(capacity: usize) -> (Pipe, DuplexStream, Arc<Valve>) {
    let (server, client) = duplex(capacity);
    let valve = Arc::<Valve>::default();
    (Pipe { stream: server, valve: Arc::clone(&valve) }, client, valve)
}

/// Closed, it lets no byte of the server's pass: to the server, a client that takes nothing.
///
/// A client that only stopped to read would still have a whole pipe to fill, and a test would have
/// to write all of it before anything happens.
#[derive(Debug, Default)]
pub(super) struct Valve(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// The server, while it waits for the valve to open.
    writer: Option<Waker>,
}

impl Valve {
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    pub(super) fn open(&self) {
        let mut state = self.lock();
        state.closed = false;
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.closed {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io for Pipe {
    fn set_patience(&self, _: Duration) {}
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.valve.poll_open(cx));
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.valve.poll_open(cx));
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
