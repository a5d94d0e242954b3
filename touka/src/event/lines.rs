//! [`Lines`], which encodes text of several lines.

use std::fmt;

use bytes::{BufMut, BytesMut};

/// Writes each line of a text as a line with a prefix, split exactly as a client's parser splits: at CRLF, LF
/// and a lone CR. `str::lines` does not: it keeps a lone CR, which would let a value forge fields, and it
/// drops an empty last line.
///
/// The text may be written in pieces, cut anywhere.
pub(super) struct Lines<'a> {
    buf: &'a mut BytesMut,
    prefix: &'static [u8],
    /// Set when the last piece ended with a CR: an LF after it belongs to the same line end.
    after_cr: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(buf: &'a mut BytesMut, prefix: &'static [u8]) -> Self {
        buf.put_slice(prefix);
        Self { buf, prefix, after_cr: false }
    }

    pub(super) fn push(&mut self, piece: &str) {
        let mut rest = piece.as_bytes();
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
            self.buf.put_slice(&rest[..end]);
            self.buf.put_u8(b'\n');
            self.buf.put_slice(self.prefix);
            let cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.after_cr = cr && rest.is_empty();
            if cr {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.buf.put_slice(rest);
    }

    pub(super) fn end(self) {
        self.buf.put_u8(b'\n');
    }
}

impl fmt::Write for Lines<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.push(piece);
        Ok(())
    }
}
