//! Detection of the HTTP version that a client speaks.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The connection preface of HTTP/2 (RFC 9113, 3.4). No HTTP/1.1 request begins with it.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear whether the client speaks HTTP/2. Also returns the bytes read, which the caller must
/// parse again. A client that closes the connection before that counts as HTTP/1.1.
pub(in crate::server) async fn speaks_http2<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<(bool, Bytes)> {
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    while length < read.len() && PREFACE.starts_with(&read[..length]) {
        match io.read(&mut read[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok((&read == PREFACE, Bytes::copy_from_slice(&read[..length])))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sniffed(pieces: &[&'static [u8]]) -> (bool, Vec<u8>) {
        let (mut conn, mut server) = tokio::io::duplex(64);
        let pieces = pieces.to_vec();
        let sends = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            for piece in pieces {
                conn.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let (http2, read) = speaks_http2(&mut server).await.unwrap();
        let mut all = read.to_vec();
        server.read_to_end(&mut all).await.unwrap();
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
