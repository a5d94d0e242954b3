//! [`Socket`], a TCP or a Unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::stall::Io;

/// How long the kernel retries unacknowledged bytes before it closes the connection. Its own default is about a
/// quarter of an hour.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Margin of the kernel's timeout over the write timeout. A connected client that does not read also runs into
/// the kernel's timeout. The write timeout must come first, because only it reports the reason.
const USER_TIMEOUT_MARGIN: Duration = Duration::from_secs(15);

/// The longest user timeout that the kernel accepts, about 24 days.
const MAX_USER_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

#[derive(Debug)]
pub(in crate::server) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

macro_rules! each {
    ($socket:expr, $inner:ident => $what:expr) => {
        match $socket {
            Socket::Tcp($inner) => $what,
            #[cfg(unix)]
            Socket::Unix($inner) => $what,
        }
    };
}

impl Socket {
    /// Wraps a TCP connection and sets its socket options. Failures are only logged: the connection works
    /// without the options.
    pub(in crate::server) fn from_tcp(stream: TcpStream, write_time: Duration) -> Self {
        // Events are small and must not wait for the acknowledgement of the previous one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "touka::server", %error, "cannot set up a connection's socket");
        }
        let socket = Self::Tcp(stream);
        socket.set_user_timeout(write_time);
        socket
    }
}

/// Sets the kernel's timeout for unacknowledged bytes, longer than the write timeout.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
pub(in crate::server) fn set_user_timeout(stream: &TcpStream, write_time: Duration) {
    // The kernel takes a signed number of milliseconds, and rejects larger values.
    let longest = USER_TIMEOUT.max(write_time.saturating_add(USER_TIMEOUT_MARGIN)).min(MAX_USER_TIMEOUT);
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(longest)) {
        tracing::debug!(target: "touka::server", %error, "cannot set up a connection's socket");
    }
}

/// Writes even if the socket is not reported as writable: see [`Io::write_now`].
pub(in crate::server) fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket2::SockRef::from(stream).send(bytes)
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
pub(in crate::server) fn set_user_timeout(_: &TcpStream, _: Duration) {
    let _ = (USER_TIMEOUT, USER_TIMEOUT_MARGIN, MAX_USER_TIMEOUT);
}

impl Io for Socket {
    fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    fn into_tcp(self) -> Option<TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    fn write_now(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        each!(self, socket => socket2::SockRef::from(socket).send_vectored(bufs))
    }

    fn set_user_timeout(&self, write_time: Duration) {
        if let Self::Tcp(stream) = self {
            set_user_timeout(stream, write_time);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(&mut *self, socket => Pin::new(socket).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(&mut *self, socket => Pin::new(socket).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, socket => socket.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, socket => Pin::new(socket).poll_shutdown(cx))
    }
}
