//! [`Unwritten`], the bytes that are still to be written to a socket.

use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::server::io::chunk;

/// A head, one chunk and its end, until the socket has taken them. The data of the frames is shared with the body,
/// not copied.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// The response's head.
    head: Bytes,
    /// The line before a chunk.
    size: chunk::Size,
    /// The data of up to two frames. Two in one write are much cheaper than two writes; a third would gain little,
    /// and a client that takes nothing keeps them in memory.
    data: [Bytes; 2],
    /// The bytes after the data.
    end: &'static [u8],
}

/// The end of a chunk's data, and that of the last chunk's.
const LINE: &[u8] = b"\r\n";
const LINE_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

impl Unwritten {
    pub(super) fn new(head: Bytes) -> Self {
        Self { head, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        // Invariant: there is no chunk without an `end`.
        self.end.is_empty() && self.head.is_empty()
    }

    /// Whether another frame can be added.
    pub(super) fn has_capacity(&self) -> bool {
        self.data.iter().any(Bytes::is_empty)
    }

    /// Adds a frame, in one chunk with the frame that is here already, of which nothing was written yet. A frame
    /// without data is left out: an empty chunk would end the body.
    pub(super) fn put(&mut self, data: Bytes, is_last: bool) {
        debug_assert!(self.has_capacity(), "the frame would be lost");
        if let Some(buffer) = self.data.iter_mut().find(|buffer| buffer.is_empty()) {
            *buffer = data;
        }
        let length: usize = self.data.iter().map(Bytes::len).sum();
        if length > 0 {
            self.size = chunk::Size::new(length);
        }
        self.end = match (length, is_last) {
            (0, false) => &[],
            (0, true) => chunk::LAST,
            (_, false) => LINE,
            (_, true) => LINE_AND_LAST,
        };
    }

    /// Adds the end of the body.
    pub(super) fn put_last(&mut self) {
        self.put(Bytes::new(), true);
    }

    /// The bytes, in order. Some of the slices may be empty.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 5] {
        let [first, second] = &self.data;
        [&self.head, self.size.bytes(), first, second, self.end].map(IoSlice::new)
    }

    /// Copies the bytes into the buffer, if they fit. For few bytes, one copy is cheaper than a vectored write.
    pub(super) fn copied<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let slices = self.slices();
        let buffer = buffer.get_mut(..slices.iter().map(|slice| slice.len()).sum())?;
        let mut rest = &mut *buffer;
        for slice in &slices {
            let (target, after) = rest.split_at_mut(slice.len());
            target.copy_from_slice(slice);
            rest = after;
        }
        Some(buffer)
    }

    /// Removes this many bytes, which the socket has taken.
    pub(super) fn advance(&mut self, mut count: usize) {
        take(&mut self.head, &mut count);
        count -= self.size.advance(count);
        for data in &mut self.data {
            take(data, &mut count);
        }
        self.end = self.end.get(count..).unwrap_or_default();
    }
}

/// Removes up to `count` bytes from the front, and subtracts them from `count`.
fn take(bytes: &mut Bytes, count: &mut usize) {
    if *count < bytes.len() {
        bytes.advance(*count);
        *count = 0;
    } else {
        *count -= bytes.len();
        // An empty slice would keep the buffer in memory.
        *bytes = Bytes::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all bytes, up to `at_a_time` of them in one step.
    fn all(mut unwritten: Unwritten, at_a_time: usize) -> String {
        let mut all = Vec::new();
        while !unwritten.is_empty() {
            let bytes = unwritten.slices().map(|slice| slice.to_vec()).concat();
            let mut buffer = [0; 100];
            assert_eq!(unwritten.copied(&mut buffer), Some(&*bytes));
            assert_eq!(unwritten.copied(&mut buffer[..bytes.len() - 1]), None);
            let count = bytes.len().min(at_a_time);
            all.extend_from_slice(&bytes[..count]);
            unwritten.advance(count);
        }
        assert!(unwritten.slices().iter().all(|slice| slice.is_empty()));
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn bytes_are_the_same_however_they_are_taken() {
        for at_a_time in 1..60 {
            let made = |data: &'static str, is_last| {
                let mut unwritten = Unwritten::new(Bytes::from_static(b"head\r\n\r\n"));
                unwritten.put(Bytes::from_static(data.as_bytes()), is_last);
                all(unwritten, at_a_time)
            };
            assert_eq!(made("a body of 18 bytes", false), "head\r\n\r\n12\r\na body of 18 bytes\r\n");
            assert_eq!(made("a body of 18 bytes", true), "head\r\n\r\n12\r\na body of 18 bytes\r\n0\r\n\r\n");
            assert_eq!(made("", false), "head\r\n\r\n");
            assert_eq!(made("", true), "head\r\n\r\n0\r\n\r\n");
            let mut last = Unwritten::default();
            last.put_last();
            assert_eq!(all(last, at_a_time), "0\r\n\r\n");
            let two = |first: &'static str, second: &'static str, is_last| {
                let mut unwritten = Unwritten::default();
                unwritten.put(Bytes::from_static(first.as_bytes()), false);
                assert!(unwritten.has_capacity());
                unwritten.put(Bytes::from_static(second.as_bytes()), is_last);
                all(unwritten, at_a_time)
            };
            assert_eq!(two("a body ", "of 18 bytes", false), "12\r\na body of 18 bytes\r\n");
            assert_eq!(two("a body ", "of 18 bytes", true), "12\r\na body of 18 bytes\r\n0\r\n\r\n");
            assert_eq!(two("a body", "", false), "6\r\na body\r\n");
            assert_eq!(two("a body", "", true), "6\r\na body\r\n0\r\n\r\n");
            assert_eq!(two("", "a body", false), "6\r\na body\r\n");
            assert_eq!(two("", "", true), "0\r\n\r\n");
        }
    }
}
