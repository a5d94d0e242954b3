//! [`MaybeTls`], a connection with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

use super::stall::{Io, Stall};

/// A connection with or without TLS. One type for both, because the code that serves a connection is large and
/// would be compiled once for each.
#[derive(Debug)]
pub(in crate::server) enum MaybeTls<I> {
    Plain(Stall<I>),
    /// Boxed: a TLS session takes about a thousand bytes, which plain connections do not need.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<Stall<I>>>),
}

macro_rules! each {
    ($wire:expr, $inner:ident => $what:expr) => {
        match $wire {
            MaybeTls::Plain($inner) => $what,
            #[cfg(feature = "tls")]
            MaybeTls::Tls($inner) => $what,
        }
    };
}

/// The protocol of a client, as far as it is known before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS alone knows"))]
pub(in crate::server) enum Protocol {
    /// Unknown: the first bytes decide.
    Unknown,
    /// HTTP/1.1: negotiated by TLS, or TLS negotiated no protocol.
    Http1,
    /// HTTP/2, negotiated by TLS.
    Http2,
}

impl<I: Io> MaybeTls<I> {
    /// Returns the protocol that TLS negotiated by ALPN (RFC 7301).
    pub(in crate::server) fn protocol(&self) -> Protocol {
        match self {
            Self::Plain(_) => Protocol::Unknown,
            #[cfg(feature = "tls")]
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => Protocol::Http2,
            #[cfg(feature = "tls")]
            Self::Tls(_) => Protocol::Http1,
        }
    }

    /// Whether this is a TCP socket without TLS, so that written bytes reach the client unchanged.
    pub(in crate::server) fn is_bare(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_tcp(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// Returns the TCP socket, if the connection is not encrypted.
    pub(in crate::server) fn into_tcp(self) -> Option<TcpStream> {
        match self {
            Self::Plain(socket) => socket.into_tcp(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => None,
        }
    }
}

impl<I: Io> AsyncRead for MaybeTls<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, wire => Pin::new(wire).poll_read(cx, buf))
    }
}

impl<I: Io> AsyncWrite for MaybeTls<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(&mut *self, wire => Pin::new(wire).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(&mut *self, wire => Pin::new(wire).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, wire => wire.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, wire => Pin::new(wire).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, wire => Pin::new(wire).poll_shutdown(cx))
    }
}
