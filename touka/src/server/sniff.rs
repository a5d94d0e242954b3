//! Which HTTP a client speaks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What an HTTP/2 client says first (RFC 9113, 3.4). No request of HTTP/1.1 begins like it.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear whether the client speaks HTTP/2. What was read is not lost: it is what
/// the [`Rewound`] reads first. A client that leaves or says nothing more is taken for HTTP/1.1.
pub(super) async fn speaks_http2<I: AsyncRead + Unpin>(mut io: I) -> io::Result<(bool, Rewound<I>)> {
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    while length < read.len() && PREFACE.starts_with(&read[..length]) {
        match io.read(&mut read[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok((&read == PREFACE, Rewound { read, from: 0, to: length, io }))
}

/// A socket of which something was read already.
#[derive(Debug)]
pub(super) struct Rewound<I> {
    read: [u8; PREFACE.len()],
    from: usize,
    to: usize,
    io: I,
}

impl<I> Rewound<I> {
    /// A socket of which nothing was read.
    pub(super) const fn none(io: I) -> Self {
        Self { read: [0; PREFACE.len()], from: 0, to: 0, io }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Rewound<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from == this.to {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let taken = buf.remaining().min(this.to - this.from);
        buf.put_slice(&this.read[this.from..this.from + taken]);
        this.from += taken;
        // With the rest of the request, if that is there. hyper would double its buffer for it:
        // eight kilobytes more for as long as the connection lives. What is wrong with the socket
        // is as wrong at the next read.
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(_) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Rewound<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn sniffed(pieces: &[&'static [u8]]) -> (bool, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(64);
        let pieces = pieces.to_vec();
        let sends = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let (http2, mut io) = speaks_http2(server).await.unwrap();
        let mut all = Vec::new();
        io.read_to_end(&mut all).await.unwrap();
        sends.await.unwrap();
        (http2, all)
    }

    #[tokio::test]
    async fn the_preface_decides_and_nothing_is_lost() {
        for (pieces, http2) in [
            (&[&b"GET / HTTP/1.1\r\n\r\n"[..]][..], false),
            (&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest"], true),
            (&[b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n", b"rest"], true),
            (&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"], false),
            (&[b"PRI / HTTP/1.1\r\nhost: a\r\n\r\n"], false),
            (&[b"P", b"OST / HTTP/1.1\r\n\r\n"], false),
            (&[], false),
        ] {
            assert_eq!(sniffed(pieces).await, (http2, pieces.concat()));
        }
    }
}
