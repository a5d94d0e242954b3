//! [`Encoded`], one event as all subscribers get it.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::HubError;
use super::position::Position;
use super::role::Role;
use crate::event::{EventId, IntoEvent};

/// The maximum size of an event in bytes. Events are kept in memory as a whole.
const MAX_EVENT: usize = 16 * 1024 * 1024;

/// An encoded event that is being published and has no position yet.
///
/// [`Draft::to_bytes`] is what an engine stores, and [`Stored::new`](super::stored::Stored::new) takes it back.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The event, after the bytes that stand for its [`Role`].
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
        Self::with_role(event, Role::Event)
    }

    /// [`Draft::of`] the event that closes its topic.
    pub(crate) fn last(event: impl IntoEvent) -> Result<Self, HubError> {
        Self::with_role(event, Role::Last)
    }

    fn with_role(event: impl IntoEvent, role: Role) -> Result<Self, HubError> {
        let mut wire = BytesMut::with_capacity(256);
        // An encoder of the user's may look at what is in the buffer, so it gets one of its own.
        let prefix = role.prefix();
        event.encode_into(&mut wire).map_err(HubError::event)?;
        if wire.len() > MAX_EVENT {
            return Err(HubError::too_large(wire.len(), MAX_EVENT));
        }
        if Role::of(&wire) != Role::Event {
            return Err(HubError::malformed_event());
        }
        if !prefix.is_empty() {
            wire = [prefix, &wire].concat().as_slice().into();
        }
        let id = id_line(&wire);
        Ok(Self { wire, id })
    }

    /// A note from one node to others.
    pub(crate) fn note(text: &str) -> Self {
        let wire: BytesMut = [Role::Note.prefix(), text.as_bytes()].concat().as_slice().into();
        let end = wire.len();
        Self { wire, id: end..end }
    }

    pub(crate) fn role(&self) -> Role {
        Role::of(&self.wire)
    }

    /// Whether this event closes its topic: see [`Topic::close`](crate::Topic::close). The engine keeps it like every other
    /// event, and rejects all that are published to the topic later, with [`HubError::closed`].
    pub fn is_last(&self) -> bool {
        self.role() == Role::Last
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
    /// at most 16 MiB. Whether it [is the last](Self::is_last) of its topic is a part of the bytes.
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
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }
}

/// The range of the line with the id, or the empty range where it belongs.
fn id_line(wire: &[u8]) -> Range<usize> {
    let role = Role::of(wire);
    if role == Role::Note {
        return wire.len()..wire.len();
    }
    let mut start = role.prefix().len();
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

/// One event with its position, encoded as a chunk of HTTP/1.1. The event itself is a range of the chunk. Of a note, its text.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    chunk: Bytes,
    /// The range of the line with the id in the chunk.
    id: Range<u32>,
    /// The offset of the event in the chunk.
    head: u8,
    role: Role,
}

/// The length of the end of a chunk.
const CHUNK_END: usize = 2;

/// The maximum length of the line with the id: `id: 1.`, 8, 20 and 6 digits, two dots and the end of the line.
const MAX_ID_LINE: usize = 43;

/// The maximum length of a chunk's own bytes: 8 digits and CRLF before the event, and CRLF after it.
const MAX_FRAMING: usize = 12;

impl Encoded {
    pub(crate) fn new(draft: &Draft, position: Position) -> Self {
        let Draft { wire, id } = draft;
        let role = draft.role();
        let prefix = role.prefix().len();
        if role == Role::Note {
            return Self { chunk: Bytes::copy_from_slice(&wire[prefix..]), id: 0..0, head: 0, role };
        }
        let mut line = Line::default();
        // The line has the capacity for every position, so this cannot fail.
        let _ = writeln!(line, "id: {position}");
        let line = line.as_bytes();
        // An event without an id, a name or data has no blank line on the wire. With its position it needs one, so that
        // clients store the id.
        let rest = &wire[id.end..];
        let end: &[u8] = if rest.is_empty() { b"\n" } else { rest };
        let start = &wire[prefix..id.start];
        let length = start.len() + line.len() + end.len();
        let mut chunk = BytesMut::with_capacity(length + MAX_FRAMING);
        let _ = write!(chunk, "{length:x}\r\n");
        // A chunk's own head has a few digits.
        let head = u8::try_from(chunk.len()).unwrap_or(u8::MAX);
        chunk.put_slice(start);
        let id_start = chunk.len();
        chunk.put_slice(line);
        let id_end = chunk.len();
        chunk.put_slice(end);
        chunk.put_slice(b"\r\n");
        Self { chunk: chunk.freeze(), id: short(id_start)..short(id_end), head, role }
    }

    /// The number of bytes that the event with these bytes, which lack the id, takes in a log.
    #[cfg(feature = "disk")]
    pub(crate) fn len_of(wire: &[u8], offset: u64) -> usize {
        if Role::of(wire) == Role::Note {
            return wire.len() - Role::Note.prefix().len();
        }
        let prefix = Role::of(wire).prefix().len();
        let line = MAX_ID_LINE - 20 + itoa::Buffer::new().format(offset).len();
        let blank_line = usize::from(self::id_line(wire).end == wire.len());
        let length = wire.len() - prefix + line + blank_line;
        length + format!("{length:x}").len() + 4
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// The text of a note.
    pub(crate) fn note(&self) -> Option<&str> {
        (self.role == Role::Note).then(|| str::from_utf8(&self.chunk).unwrap_or_default())
    }

    /// The event as a chunk. Not for notes.
    pub(crate) const fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The length of the event in bytes, without the chunk's own bytes.
    #[inline]
    pub(crate) const fn wire_len(&self) -> usize {
        self.chunk.len() - self.head as usize - CHUNK_END
    }

    /// The range of the event in the chunk.
    #[inline]
    fn range(&self) -> Range<usize> {
        usize::from(self.head)..self.chunk.len() - CHUNK_END
    }

    /// The event itself. It shares the bytes of the chunk. Not for notes.
    #[inline]
    pub(crate) fn wire(&self) -> Bytes {
        self.chunk.slice(self.range())
    }

    /// Appends the event to `buf`, with another line for its id.
    pub(crate) fn put_with_id(&self, id: &[u8], buf: &mut BytesMut) {
        let (wire, own) = (self.range(), range(&self.id));
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
