//! Bytes of HTTP/1.1's chunked coding.

use bytes::{BufMut, BytesMut};

use crate::event::Event;

/// What ends a body.
pub(super) const LAST: &[u8] = b"0\r\n\r\n";

/// Appends the bytes as one chunk. None would end the body, so nothing is no chunk.
pub(super) fn put(data: &[u8], buf: &mut BytesMut) {
    if data.is_empty() {
        return;
    }
    buf.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
    buf.put_slice(data);
    buf.put_slice(b"\r\n");
}

/// Appends an event of the server's own as one chunk, and gives its length on the wire.
pub(super) fn put_event(event: &Event, buf: &mut BytesMut) -> usize {
    let mut wire = BytesMut::new();
    event.encode(&mut wire);
    put(&wire, buf);
    wire.len()
}

/// The comment of a keep-alive, as a chunk, and its length without the chunk's own bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    pub(super) chunk: &'static [u8],
    pub(super) wire_len: usize,
}

impl KeepAlive {
    /// The line `:`, or with a blank line the block `:`.
    pub(super) const fn new(whole_block: bool) -> Self {
        if whole_block {
            Self { chunk: b"3\r\n:\n\n\r\n", wire_len: 3 }
        } else {
            Self { chunk: b"2\r\n:\n\r\n", wire_len: 2 }
        }
    }
}
