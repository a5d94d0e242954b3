//! [`Output`], the state of a parked connection's output.

use std::mem;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::window::LARGE_EVENT;
use crate::server::io::write_timer::WriteWait;

/// The state of a connection's output. An `Output` has no socket: the owner reports what the socket has taken.
///
/// Invariant: events, keep-alives and the end are written in order, each as a whole. A keep-alive can therefore
/// begin in one state only, and unwritten bytes are never replaced.
#[derive(Debug)]
pub(super) enum Output {
    /// Between two events: everything that was begun has been taken.
    Between,
    /// Within an event or comment, whose rest must be written next. The socket may or may not take bytes.
    Begun(Bytes),
    /// The socket takes nothing. The rest of what was begun must be written next; it is empty between events.
    Blocked { wait: WriteWait, rest: Bytes },
    /// The stream has ended. Boxed: streams that go on do not pay for its size.
    Ending(Box<Ending>),
}

/// The rest of what was begun, and then the last bytes of the stream.
#[derive(Debug)]
pub(super) struct Ending {
    rest: Bytes,
    last: Bytes,
    wait: Option<WriteWait>,
}

impl Output {
    /// Creates the output of a connection whose first bytes are unwritten.
    pub(super) const fn new(first: Bytes) -> Self {
        Self::Begun(first)
    }

    /// The bytes that must be written before anything else; empty if there are none.
    pub(super) fn pending(&self) -> &[u8] {
        match self {
            Self::Between => &[],
            Self::Begun(rest) | Self::Blocked { rest, .. } => rest,
            Self::Ending(ending) if ending.rest.is_empty() => &ending.last,
            Self::Ending(ending) => &ending.rest,
        }
    }

    pub(super) const fn is_between(&self) -> bool {
        matches!(self, Self::Between)
    }

    pub(super) const fn is_ending(&self) -> bool {
        matches!(self, Self::Ending(_))
    }

    /// Whether the stream has ended and its last byte was taken.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending() && self.pending().is_empty()
    }

    /// The current wait for a socket that takes nothing.
    pub(super) const fn write_wait(&self) -> Option<WriteWait> {
        match self {
            Self::Between | Self::Begun(_) => None,
            Self::Blocked { wait, .. } => Some(*wait),
            Self::Ending(ending) => ending.wait,
        }
    }

    /// Removes `length` of the [pending](Self::pending) bytes, which the socket has taken.
    pub(super) fn advance(&mut self, length: usize) {
        match self {
            Self::Between => {}
            Self::Begun(rest) | Self::Blocked { rest, .. } => {
                let rest = after(mem::take(rest), length);
                *self = if rest.is_empty() { Self::Between } else { Self::Begun(rest) };
            }
            Self::Ending(ending) => {
                ending.wait = None;
                let of = if ending.rest.is_empty() { &mut ending.last } else { &mut ending.rest };
                *of = after(mem::take(of), length);
            }
        }
    }

    /// Stores the rest of an event that was written from a window; empty if the socket took all of it.
    pub(super) fn begin(&mut self, begun: Bytes) {
        debug_assert!(self.pending().is_empty(), "unwritten bytes come first");
        match self {
            // Fast path: nearly always, the socket took all of it.
            Self::Between if begun.is_empty() => {}
            Self::Between | Self::Begun(_) | Self::Blocked { .. } => {
                *self = if begun.is_empty() { Self::Between } else { Self::Begun(kept(begun)) };
            }
            // Unreachable: no event is begun after the end.
            Self::Ending(_) => {}
        }
    }

    /// Records that the socket takes nothing now. Returns `true` if it was not blocked before.
    pub(super) fn block(&mut self, now: Instant) -> bool {
        match self {
            Self::Between => *self = Self::Blocked { wait: WriteWait::begin(now), rest: Bytes::new() },
            Self::Begun(rest) => *self = Self::Blocked { wait: WriteWait::begin(now), rest: mem::take(rest) },
            Self::Ending(ending) if ending.wait.is_none() => ending.wait = Some(WriteWait::begin(now)),
            Self::Blocked { .. } | Self::Ending(_) => return false,
        }
        true
    }

    /// Records that there is nothing to write: a socket that took nothing is not blocked then. Returns `true` if it was
    /// blocked. What the socket did not take has left the log, as when an engine has lost events.
    pub(super) fn clear(&mut self) -> bool {
        let is_cleared = matches!(self, Self::Blocked { rest, .. } if rest.is_empty());
        if is_cleared {
            *self = Self::Between;
        }
        is_cleared
    }

    /// Begins a keep-alive comment, if that is possible. Returns `false` within an event, while the socket is
    /// blocked, and after the end.
    pub(super) fn keep_alive(&mut self, comment: Bytes) -> bool {
        if !self.is_between() {
            return false;
        }
        *self = Self::Begun(comment);
        true
    }

    /// Ends the stream with these bytes, after what was begun. Later calls have no effect.
    pub(super) fn end(&mut self, last: Bytes) {
        let wait = self.write_wait();
        let rest = match self {
            Self::Between => Bytes::new(),
            Self::Begun(rest) | Self::Blocked { rest, .. } => mem::take(rest),
            Self::Ending(_) => return,
        };
        *self = Self::Ending(Box::new(Ending { rest, last, wait }));
    }
}

/// Returns the bytes after the first `length` ones.
fn after(mut bytes: Bytes, length: usize) -> Bytes {
    if length >= bytes.len() {
        // An empty slice would keep the whole buffer in memory.
        return Bytes::new();
    }
    let was_large = bytes.len() >= LARGE_EVENT;
    bytes.advance(length);
    if was_large { kept(bytes) } else { bytes }
}

/// Returns the rest as it is stored: a large rest shares the bytes of its event with the log and all other
/// clients; a small one is copied, so that it does not keep a large event in memory.
fn kept(rest: Bytes) -> Bytes {
    if rest.len() >= LARGE_EVENT { rest } else { Bytes::copy_from_slice(&rest) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const COMMENT: Bytes = Bytes::from_static(b"comment");

    fn pending(output: &Output) -> &str {
        std::str::from_utf8(output.pending()).unwrap()
    }

    #[test]
    fn a_keep_alive_never_replaces_the_rest_of_an_event() {
        let now = Instant::now();
        let mut output = Output::new(Bytes::from_static(b"head"));
        assert!(!output.keep_alive(COMMENT));
        output.advance(4);
        assert!(output.is_between());
        // Half of an event, and then another client's turn: it is unknown whether the socket is full.
        output.begin(Bytes::from_static(b"half"));
        assert!(!output.keep_alive(COMMENT));
        output.advance(1);
        assert!(!output.keep_alive(COMMENT));
        assert!(output.block(now));
        assert!(!output.keep_alive(COMMENT));
        assert_eq!(pending(&output), "alf");
        output.advance(3);
        assert!(output.keep_alive(COMMENT));
        assert!(!output.keep_alive(COMMENT));
        assert_eq!(pending(&output), "comment");
    }

    #[test]
    fn the_end_comes_after_what_was_begun_and_only_once() {
        let mut output = Output::new(Bytes::new());
        output.begin(Bytes::from_static(b"rest"));
        output.end(Bytes::from_static(b"last"));
        output.end(Bytes::from_static(b"another"));
        assert!(!output.keep_alive(COMMENT) && !output.is_over());
        let mut all = String::new();
        while !output.is_over() {
            all.push_str(&pending(&output)[..1]);
            output.advance(1);
        }
        assert_eq!(all, "restlast");
    }

    #[test]
    fn the_time_of_a_block_counts_from_the_last_byte_taken() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut output = Output::new(Bytes::from_static(b"head"));
        assert!(output.block(start) && !output.block(later));
        assert_eq!(output.write_wait(), Some(WriteWait::begin(start)));
        output.end(Bytes::from_static(b"last"));
        assert_eq!(output.write_wait(), Some(WriteWait::begin(start)));
        output.advance(1);
        assert_eq!(output.write_wait(), None);
        assert!(output.block(later));
        assert_eq!(output.write_wait(), Some(WriteWait::begin(later)));
        // Between two events as well.
        let mut output = Output::Between;
        assert!(output.block(start));
        output.begin(Bytes::new());
        assert!(output.is_between());
    }

    #[test]
    fn a_large_rest_is_shared_and_a_small_one_is_copied() {
        let event = Bytes::from(vec![b'x'; 1024 * 1024]);
        let shares = |output: &Output| event.as_ptr_range().contains(&output.pending().as_ptr());
        let mut output = Output::Between;
        output.begin(event.slice(1..));
        assert!(shares(&output));
        output.advance(event.len() - 1 - LARGE_EVENT);
        assert!(shares(&output));
        output.advance(1);
        assert_eq!(output.pending().len(), LARGE_EVENT - 1);
        assert!(!shares(&output), "a small rest keeps a whole event in memory");
        output.advance(LARGE_EVENT - 1);
        assert!(output.is_between());
    }
}
