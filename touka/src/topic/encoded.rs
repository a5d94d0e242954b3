//! [`Encoded`], one event as all subscribers get it.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::HubError;
use super::position::Position;
use crate::event::{EventId, IntoEvent};

/// The maximum size of an event in bytes. Events are kept in memory as a whole.
const MAX_EVENT: usize = 16 * 1024 * 1024;

/// An encoded event that is being published and has no position yet.
///
/// [`Draft::to_bytes`] is what an engine stores, and [`Stored::new`](super::stored::Stored::new) takes it back.
#[derive(Debug)]
pub struct Draft {
    wire: BytesMut,
    /// The range of the line with the event's own id. If it has none, the empty range where the id belongs: after a
    /// comment and a `retry`.
    id: Range<usize>,
}

impl Draft {
    /// Encodes the event. In a topic its position replaces its own id.
    ///
    /// # Errors
    /// The event cannot be encoded, or has more than [`MAX_EVENT`] bytes.
    pub(crate) fn of(event: impl IntoEvent) -> Result<Self, HubError> {
        let mut wire = BytesMut::with_capacity(256);
        event.encode_into(&mut wire).map_err(HubError::event)?;
        if wire.len() > MAX_EVENT {
            return Err(HubError::too_large(wire.len(), MAX_EVENT));
        }
        let id = id_line(&wire);
        Ok(Self { wire, id })
    }

    /// The event with this id.
    pub(super) fn with_id(&self, id: &EventId) -> Bytes {
        let id = id.to_string();
        let (before, after) = (&self.wire[..self.id.start], &self.wire[self.id.end..]);
        let mut wire = BytesMut::with_capacity(self.wire.len() + id.len() + 6);
        wire.put_slice(before);
        wire.put_slice(b"id: ");
        wire.put_slice(id.as_bytes());
        wire.put_u8(b'\n');
        wire.put_slice(if after.is_empty() { b"\n" } else { after });
        wire.freeze()
    }

    /// A draft from the bytes of an event without its id.
    pub(crate) fn stored(wire: &[u8]) -> Self {
        let id = id_line(wire);
        Self { wire: wire.into(), id }
    }

    /// The bytes of the event for storage, without its id: readers get the event with its position instead. An event has
    /// at most 16 MiB.
    pub fn to_bytes(&self) -> Bytes {
        let mut wire = BytesMut::with_capacity(self.wire.len() - self.id.len());
        wire.put_slice(&self.wire[..self.id.start]);
        wire.put_slice(&self.wire[self.id.end..]);
        wire.freeze()
    }

    /// The bytes before the id and those after it.
    #[cfg(any(feature = "disk", feature = "redis", feature = "nats"))]
    pub(crate) fn without_id(&self) -> (&[u8], &[u8]) {
        (&self.wire[..self.id.start], &self.wire[self.id.end..])
    }

    /// The length of the encoded event, in bytes.
    #[cfg(feature = "disk")]
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }
}

/// The range of the line with the id, or the empty range where it belongs.
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

/// One event with its position, encoded as a chunk of HTTP/1.1. The event itself is a range of the chunk.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    chunk: Bytes,
    /// The range of the event in the chunk.
    wire: Range<u32>,
    /// The range of the line with the id in the chunk.
    id: Range<u32>,
}

/// The maximum length of the line with the id: `id: 1.`, 8, 20 and 6 digits, two dots and the end of the line.
const MAX_ID_LINE: usize = 43;

/// The maximum length of a chunk's own bytes: 8 digits and CRLF before the event, and CRLF after it.
const MAX_FRAMING: usize = 12;

impl Encoded {
    pub(crate) fn new(draft: &Draft, position: Position) -> Self {
        let Draft { wire, id } = draft;
        let mut line = Line::default();
        // The line has the capacity for every position, so this cannot fail.
        let _ = writeln!(line, "id: {position}");
        let line = line.as_bytes();
        // An event without an id, a name or data has no blank line on the wire. With its position it needs one, so that
        // clients store the id.
        let rest = &wire[id.end..];
        let end: &[u8] = if rest.is_empty() { b"\n" } else { rest };
        let length = id.start + line.len() + end.len();
        let mut chunk = BytesMut::with_capacity(length + MAX_FRAMING);
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

    /// The number of bytes that the event with these bytes, which lack the id, takes in a log.
    #[cfg(feature = "disk")]
    pub(crate) fn len_of(wire: &[u8], offset: u64) -> usize {
        let line = MAX_ID_LINE - 20 + itoa::Buffer::new().format(offset).len();
        let blank_line = usize::from(self::id_line(wire).end == wire.len());
        let length = wire.len() + line + blank_line;
        length + format!("{length:x}").len() + 4
    }

    /// The event as a chunk.
    pub(crate) const fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The length of the event in bytes, without the chunk's own bytes.
    pub(crate) const fn wire_len(&self) -> usize {
        (self.wire.end - self.wire.start) as usize
    }

    /// The event itself. It shares the bytes of the chunk.
    #[inline]
    pub(crate) fn wire(&self) -> Bytes {
        self.chunk.slice(range(&self.wire))
    }

    /// Appends the event to `buf`, with another line for its id.
    pub(crate) fn put_with_id(&self, id: &[u8], buf: &mut BytesMut) {
        let (wire, own) = (range(&self.wire), range(&self.id));
        buf.put_slice(&self.chunk[wire.start..own.start]);
        buf.put_slice(id);
        buf.put_slice(&self.chunk[own.end..wire.end]);
    }

    /// The number of bytes that the event takes in a log.
    pub(crate) fn len(&self) -> usize {
        self.chunk.len()
    }
}

/// An offset in a chunk. The size of an event is bounded, so it is far below 4 GiB.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

const fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A buffer for one line, on the stack.
struct Line {
    text: [u8; MAX_ID_LINE + 5],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { text: [0; MAX_ID_LINE + 5], length: 0 }
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
        let free = self.text.get_mut(self.length..end).ok_or(std::fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
