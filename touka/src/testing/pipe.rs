//! [`Pipe`], an in-memory replacement for a socket, and the [`Valve`] in it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::server::Io;
use crate::sync::Mutex;

/// The server's end of the connection.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: DuplexStream,
    valve: Arc<Valve>,
}

/// Creates a connection: the server's end, the client's end, and the valve for what the server writes. It
/// buffers `capacity` bytes in each direction.
pub(super) fn pipe(capacity: usize) -> (Pipe, DuplexStream, Arc<Valve>) {
    let (server, client) = duplex(capacity);
    let valve = Arc::<Valve>::default();
    (Pipe { stream: server, valve: Arc::clone(&valve) }, client, valve)
}

/// Blocks the server's writes while it is closed, as a client that does not read does.
///
/// If the client only stopped reading, the server would first have to fill the whole pipe.
#[derive(Debug, Default)]
pub(super) struct Valve(Mutex<ValveState>);

#[derive(Debug, Default)]
struct ValveState {
    closed: bool,
    /// The server's waker, while it waits for the valve to open.
    writer: Option<Waker>,
}

impl Valve {
    pub(super) fn close(&self) {
        self.0.lock().closed = true;
    }

    pub(super) fn open(&self) {
        let mut state = self.0.lock();
        state.closed = false;
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.closed {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl Io for Pipe {
    fn set_user_timeout(&self, _: Duration) {}
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
