//! Encoding of HTTP/1.1's chunked coding.

use bytes::{BufMut, BytesMut};

use crate::event::Event;

/// The last chunk, which ends a body.
pub(in crate::server) const LAST: &[u8] = b"0\r\n\r\n";

/// Maximum length of a chunk's size line: 64 bits in hexadecimal digits, and the line end.
const MAX_SIZE_LINE: usize = 18;

/// The size line of a chunk, or the part of it that is not written yet.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct Size {
    /// The line, right-aligned in this buffer.
    line: [u8; MAX_SIZE_LINE],
    length: u8,
}

impl Size {
    pub(in crate::server) fn new(mut size: usize) -> Self {
        let mut made = Self { line: [0; MAX_SIZE_LINE], length: 0 };
        made.put(b'\n');
        made.put(b'\r');
        loop {
            made.put(b"0123456789ABCDEF"[size % 16]);
            size /= 16;
            if size == 0 {
                return made;
            }
        }
    }

    /// Prepends a byte.
    fn put(&mut self, byte: u8) {
        self.length += 1;
        let at = MAX_SIZE_LINE - usize::from(self.length);
        self.line[at] = byte;
    }

    pub(in crate::server) fn bytes(&self) -> &[u8] {
        &self.line[MAX_SIZE_LINE - usize::from(self.length)..]
    }

    /// Removes up to `count` written bytes from the front, and returns how many were removed.
    pub(in crate::server) fn advance(&mut self, count: usize) -> usize {
        let own = count.min(self.length.into());
        self.length -= u8::try_from(own).unwrap_or(self.length);
        own
    }
}

/// Appends the bytes as one chunk. Empty data is skipped: an empty chunk would end the body.
pub(in crate::server) fn put(data: &[u8], buf: &mut BytesMut) {
    if data.is_empty() {
        return;
    }
    buf.put_slice(Size::new(data.len()).bytes());
    buf.put_slice(data);
    buf.put_slice(b"\r\n");
}

/// Appends an event as one chunk, and returns its encoded length without the chunk's framing.
pub(in crate::server) fn put_event(event: &Event, buf: &mut BytesMut) -> usize {
    let mut wire = BytesMut::new();
    event.encode(&mut wire);
    put(&wire, buf);
    wire.len()
}

/// A keep-alive comment as a chunk, and its length without the chunk's framing.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct KeepAlive {
    pub(in crate::server) chunk: &'static [u8],
    pub(in crate::server) wire_len: usize,
}

impl KeepAlive {
    /// Creates the line `:`; with `whole_block`, a blank line follows it.
    pub(in crate::server) const fn new(whole_block: bool) -> Self {
        if whole_block {
            Self { chunk: b"3\r\n:\n\n\r\n", wire_len: 3 }
        } else {
            Self { chunk: b"2\r\n:\n\r\n", wire_len: 2 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_hexadecimal_numbers() {
        for size in [0, 1, 9, 10, 15, 16, 255, 4096, 0xdead_beef, usize::MAX] {
            let mut line = Size::new(size);
            assert_eq!(line.bytes(), format!("{size:X}\r\n").as_bytes());
            let length = line.bytes().len();
            assert_eq!((line.advance(1), line.bytes().len()), (1, length - 1));
            assert_eq!((line.advance(1000), line.bytes()), (length - 1, &[][..]));
        }
    }
}
