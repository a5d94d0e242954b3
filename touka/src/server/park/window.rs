//! [`Window`], the next events of a log, as the bytes of one write.

use bytes::{Bytes, BytesMut};

use crate::error::CloseReason;
use crate::event::Event;
use crate::server::io::chunk;
use crate::topic::{Ahead, Cursor, Encoded, Log, LogVersion, Mark, skipped};

/// The size at which a window is full. The same bound as that of a frame: a burst takes few writes, and a socket
/// that is full leaves little behind.
pub(super) const WINDOW_BYTES: usize = 16 * 1024;

/// The minimum size of a large event. A large event has a window of its own, which shares its bytes with the log:
/// nothing is copied for a client that takes only a part. Smaller events share a window, and an unwritten rest of
/// one is copied.
pub(super) const LARGE_EVENT: usize = 4 * 1024;

/// Successive events of one log, as chunks. The same bytes are written to every socket that is at the beginning of
/// the window or within it.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The position of a socket at the beginning of the window.
    pub(super) from: Mark,
    bytes: Bytes,
    pieces: Vec<Piece>,
    /// The version of the log when the window was built.
    pub(super) version: LogVersion,
}

/// One event in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The end of the chunk in the window's bytes.
    end: usize,
    /// The position of a socket that has this event.
    pub(super) mark: Mark,
    /// The length of the event, without the framing of the chunk.
    wire: usize,
    /// Whether the event was published, and is not the server's own.
    published: bool,
}

/// The result of a write from a window.
#[derive(Debug)]
pub(super) struct WindowWrite {
    /// The position of the socket after the write; an event that was written in part counts as seen.
    pub(super) seen: Mark,
    /// The unwritten rest of the last event: a slice of the window's bytes.
    pub(super) rest: Bytes,
    /// The number of published events that were written, at least in part.
    pub(super) events: u32,
    /// The length of all events that were written, at least in part.
    pub(super) bytes: usize,
}

impl Window {
    /// Builds the window after a position in the log, up to the size of one write. Returns `None` if there is no
    /// event, or if the next one is no longer retained.
    pub(super) fn after(from: Mark, log: &Log) -> Option<Self> {
        let mut after = log.after(from.offset).peekable();
        let first = *after.peek()?;
        if first.mark == log.head() {
            // Fast path: nearly always there is one event, whose bytes are shared.
            let bytes = first.event.chunk().clone();
            let mut window = Self { from, bytes, pieces: Vec::new(), version: log.version() };
            window.pieces.push(Piece {
                end: window.bytes.len(),
                mark: log.head(),
                wire: first.event.wire_len(),
                published: true,
            });
            return Some(window);
        }
        let mut building = Building::new(from, log.version());
        for entry in after {
            if !building.put_chunk(entry.event.chunk(), entry.event.wire_len(), entry.mark) || building.is_full() {
                break;
            }
        }
        Some(building.finish())
    }

    /// The position of a socket that has the whole window.
    pub(super) fn to(&self) -> Mark {
        self.pieces.last().map_or(self.from, |piece| piece.mark)
    }

    /// The bytes of all its events.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The bytes for a socket at this position, if the position is within the window.
    pub(super) fn bytes_after(&self, seen: Mark) -> Option<&[u8]> {
        if seen == self.from {
            return Some(&self.bytes);
        }
        let piece = self.pieces.iter().find(|piece| piece.mark == seen)?;
        self.bytes.get(piece.end..)
    }

    /// Returns the result of writing `length` bytes to a socket that was at `seen`.
    pub(super) fn written(&self, seen: Mark, length: usize) -> WindowWrite {
        // The first piece may be a gap to the mark at which the window begins, in another log.
        let at = self.pieces.iter().find(|piece| piece.mark == seen && seen != self.from);
        let start = at.map_or(0, |piece| piece.end);
        let mut written = WindowWrite { seen, rest: Bytes::new(), events: 0, bytes: 0 };
        let (mut from, until) = (start, start.saturating_add(length));
        for piece in self.pieces.iter().filter(|piece| piece.end > start) {
            if until <= from {
                break;
            }
            written.seen = piece.mark;
            written.events += u32::from(piece.published);
            written.bytes += piece.wire;
            if until < piece.end {
                written.rest = self.bytes.slice(until..piece.end);
            }
            from = piece.end;
        }
        written
    }
}

/// A builder of a [`Window`].
#[derive(Debug)]
pub(super) struct Building {
    from: Mark,
    bytes: BytesMut,
    /// The bytes of a large event, which has the window to itself.
    large: Option<Bytes>,
    pieces: Vec<Piece>,
    version: LogVersion,
}

/// The addition of one step of a cursor to a window.
pub(super) enum Added<'l> {
    /// A published event.
    Event(&'l Encoded),
    /// A `gap` event.
    Gap,
    /// No event for now, or the next one belongs in the next window.
    Nothing,
    /// The end of the stream, after this last event. It is not in the window.
    End(CloseReason, Option<Event>),
}

impl Building {
    pub(super) fn new(from: Mark, version: LogVersion) -> Self {
        Self { from, bytes: BytesMut::new(), large: None, pieces: Vec::new(), version }
    }

    pub(super) fn is_full(&self) -> bool {
        self.large.is_some() || self.bytes.len() >= WINDOW_BYTES
    }

    /// Takes the cursor one step through the log, and adds what is there.
    pub(super) fn step<'l>(&mut self, cursor: &mut Cursor, log: &'l Log) -> Added<'l> {
        let before = cursor.seen();
        match cursor.step(log) {
            Ahead::Event(event) if self.put_chunk(event.chunk(), event.wire_len(), cursor.seen()) => {
                Added::Event(event)
            }
            Ahead::Event(_) => {
                cursor.skip_to(before);
                Added::Nothing
            }
            Ahead::Skipped { from, to, reason } => {
                self.put_own(&skipped(log, from, to, reason), to);
                Added::Gap
            }
            Ahead::Nothing => Added::Nothing,
            // Only a stream can wait for the engine. The client comes back for the events with its id, and gets one.
            Ahead::Behind => Added::End(CloseReason::Lagged, None),
            Ahead::End(reason, last) => Added::End(reason, last),
        }
    }

    /// Adds an event. Returns `false` if it belongs in the next window: a large one that is not the first.
    fn put_chunk(&mut self, chunk: &Bytes, wire: usize, mark: Mark) -> bool {
        if chunk.len() < LARGE_EVENT {
            self.bytes.extend_from_slice(chunk);
        } else if self.pieces.is_empty() {
            self.large = Some(chunk.clone());
        } else {
            return false;
        }
        let end = if self.large.is_some() { chunk.len() } else { self.bytes.len() };
        self.pieces.push(Piece { end, mark, wire, published: true });
        true
    }

    /// Adds an event of the server's own.
    fn put_own(&mut self, event: &Event, mark: Mark) {
        let wire = chunk::put_event(event, &mut self.bytes);
        self.pieces.push(Piece { end: self.bytes.len(), mark, wire, published: false });
    }

    pub(super) fn finish(self) -> Window {
        let bytes = self.large.unwrap_or_else(|| self.bytes.freeze());
        Window { from: self.from, bytes, pieces: self.pieces, version: self.version }
    }
}

impl Window {
    /// An empty window at this position.
    pub(super) fn empty(at: Mark) -> Self {
        Self { from: at, bytes: Bytes::new(), pieces: Vec::new(), version: LogVersion::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn mark(offset: u64) -> Mark {
        Mark { offset, ..Mark::default() }
    }

    #[test]
    fn a_large_event_is_alone_and_its_bytes_are_not_copied() {
        let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![b'x'; LARGE_EVENT]));
        let mut building = Building::new(mark(0), LogVersion::default());
        assert!(building.put_chunk(&small, 5, mark(1)) && building.put_chunk(&small, 5, mark(2)));
        assert!(!building.put_chunk(&large, LARGE_EVENT, mark(3)), "a large event is copied");
        let window = building.finish();
        assert_eq!((window.bytes_after(mark(1)), window.to()), (Some(&b"small"[..]), mark(2)));
        let mut building = Building::new(mark(2), LogVersion::default());
        assert!(building.put_chunk(&large, LARGE_EVENT, mark(3)) && building.is_full());
        let window = building.finish();
        assert_eq!(window.bytes_after(mark(2)).unwrap().as_ptr(), large.as_ptr());
        let written = window.written(mark(2), 1);
        assert_eq!((written.seen, written.events, written.rest.as_ptr()), (mark(3), 1, large[1..].as_ptr()));
        // A gap to the same mark of another log is not behind the socket's position.
        let mut building = Building::new(mark(0), LogVersion::default());
        building.put_own(&Event::data("gap"), mark(0));
        assert!(building.put_chunk(&small, 5, mark(1)));
        let window = building.finish();
        let all = window.bytes_after(mark(0)).unwrap();
        let written = window.written(mark(0), all.len() - 2);
        assert_eq!((written.seen, written.events, &written.rest[..]), (mark(1), 1, &b"ll"[..]));
        // An event of the server's own is written like a small one.
        let mut building = Building::new(mark(2), LogVersion::default());
        building.put_own(&Event::data("gap"), mark(3));
        assert!(!building.put_chunk(&large, LARGE_EVENT, mark(4)));
    }
}
