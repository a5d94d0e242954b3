//! [`Encoded`], one event as every subscriber gets it.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::HubError;
use super::position::Position;
use crate::event::IntoEvent;

/// An event is held whole, and sent whole, to every subscriber.
const MOST_EVENT: usize = 16 * 1024 * 1024;

/// An event that is to be published: encoded, but without its place.
#[derive(Debug)]
pub(crate) struct Draft {
    wire: BytesMut,
    /// Where the id belongs: after a comment and a `retry`. In the range stands the id that the
    /// event had of its own, if it had one.
    id: Range<usize>,
}

impl Draft {
    /// Encodes the event. An id of its own is left out: in a topic the id is the place.
    ///
    /// # Errors
    /// It cannot be encoded, or has more than [`MOST_EVENT`] bytes.
    pub(crate) fn of(event: impl IntoEvent) -> Result<Self, HubError> {
        let mut wire = BytesMut::with_capacity(256);
        event.encode_into(&mut wire).map_err(HubError::event)?;
        if wire.len() > MOST_EVENT {
            return Err(HubError::too_large(wire.len(), MOST_EVENT));
        }
        let id = id_line(&wire);
        Ok(Self { wire, id })
    }

    /// An event that was encoded before, and has lost its id since.
    #[cfg(feature = "disk")]
    pub(crate) fn stored(wire: &[u8]) -> Self {
        let id = id_line(wire);
        Self { wire: wire.into(), id }
    }

    /// What stands before the id and after it.
    #[cfg(feature = "disk")]
    pub(crate) fn without_id(&self) -> (&[u8], &[u8]) {
        (&self.wire[..self.id.start], &self.wire[self.id.end..])
    }

    /// The length of the encoded event, in bytes.
    #[cfg(feature = "disk")]
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }

    /// The memory that the encoded event takes, in bytes.
    #[cfg(feature = "disk")]
    pub(crate) fn capacity(&self) -> usize {
        self.wire.capacity()
    }
}

/// Where the line of the id is, or would be.
fn id_line(wire: &[u8]) -> Range<usize> {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &wire[start..]) {
        let line = &wire[start..start + length];
        if line.starts_with(b"id: ") {
            return start..start + length + 1;
        }
        if !line.starts_with(b":") && !line.starts_with(b"retry: ") {
            break;
        }
        start += length + 1;
    }
    start..start
}

/// One event with its place, encoded once: as a chunk of HTTP/1.1, with the plain event in it.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    chunk: Bytes,
    /// Where the event is in the chunk.
    wire: Range<u32>,
    /// Where the line of the id is in the chunk.
    id: Range<u32>,
}

/// The longest line of an id: `id: 1.`, 8 digits, 20, 6, two dots and the line end.
const MOST_ID: usize = 43;

/// The longest head of a chunk, 8 digits and CRLF, and its CRLF at the end.
const MOST_FRAMING: usize = 12;

impl Encoded {
    pub(crate) fn new(draft: &Draft, position: Position) -> Self {
        let Draft { wire, id } = draft;
        let mut line = Line::default();
        // The line has room for every position, so this cannot fail.
        let _ = writeln!(line, "id: {position}");
        let line = line.as_bytes();
        // An event without an id, a name or data has no blank line on the wire. With its position it is a checkpoint,
        // which needs one.
        let rest = &wire[id.end..];
        let end: &[u8] = if rest.is_empty() { b"\n" } else { rest };
        let length = id.start + line.len() + end.len();
        let mut chunk = BytesMut::with_capacity(length + MOST_FRAMING);
        let _ = write!(chunk, "{length:x}\r\n");
        let head = chunk.len();
        chunk.put_slice(&wire[..id.start]);
        let id_start = chunk.len();
        chunk.put_slice(line);
        let id_end = chunk.len();
        chunk.put_slice(end);
        let wire = short(head)..short(chunk.len());
        chunk.put_slice(b"\r\n");
        Self { chunk: chunk.freeze(), wire, id: short(id_start)..short(id_end) }
    }

    /// The event as a whole chunk.
    pub(crate) const fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The length of the event without the chunk's own bytes.
    pub(crate) const fn wire_len(&self) -> usize {
        (self.wire.end - self.wire.start) as usize
    }

    /// The event, sharing its bytes.
    pub(crate) fn wire(&self) -> Bytes {
        self.chunk.slice(range(&self.wire))
    }

    /// What stands before the id and after it.
    #[cfg(feature = "disk")]
    pub(crate) fn without_id(&self) -> (&[u8], &[u8]) {
        let (wire, own) = (range(&self.wire), range(&self.id));
        (&self.chunk[wire.start..own.start], &self.chunk[own.end..wire.end])
    }

    /// The event with another line for its id, appended to `buf`.
    pub(crate) fn put_with_id(&self, id: &[u8], buf: &mut BytesMut) {
        let (wire, own) = (range(&self.wire), range(&self.id));
        buf.put_slice(&self.chunk[wire.start..own.start]);
        buf.put_slice(id);
        buf.put_slice(&self.chunk[own.end..wire.end]);
    }

    /// Bytes that it takes in a log.
    pub(crate) fn len(&self) -> usize {
        self.chunk.len()
    }
}

/// A draft is bounded, so everything in its chunk is far below 4 GiB.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

const fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A line on the stack.
struct Line {
    text: [u8; MOST_ID + 5],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { text: [0; MOST_ID + 5], length: 0 }
    }
}

impl Line {
    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let place = self.text.get_mut(self.length..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
