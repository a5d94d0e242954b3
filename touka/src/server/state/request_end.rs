//! Finds the end of the HTTP/1.1 request that hyper reads: of its head and of its body.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::sync::Mutex;

/// Finds the end of a head in bytes that arrive in pieces: an empty line, with or without carriage returns, as
/// hyper parses it. It also records whether a line names the body's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct HeadEnd {
    at: At,
    /// Set if a line has begun with [`CONTENT_LENGTH`].
    has_length: bool,
}

/// The position of the next byte within a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Within a line that does not begin with [`CONTENT_LENGTH`], or after that name.
    #[default]
    Line,
    /// Within a line whose first N bytes are those of [`CONTENT_LENGTH`].
    Name(u8),
    /// After a line feed: another one ends the head.
    Newline,
    /// After a line feed and a carriage return.
    Return,
}

const CONTENT_LENGTH: &[u8] = b"content-length";

impl HeadEnd {
    /// Returns the index just after the end of the head, if the head ends within these bytes.
    pub(in crate::server) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            self.at = match (self.at, byte) {
                (At::Newline | At::Return, b'\n') => {
                    self.at = At::Line;
                    return Some(at);
                }
                (At::Line | At::Name(_), b'\n') => At::Newline,
                (At::Newline, b'\r') => At::Return,
                (At::Newline, _) => self.name(0, byte),
                (At::Name(count), _) => self.name(count, byte),
                (At::Line | At::Return, _) => {
                    // The rest of the line is skipped.
                    let rest = bytes.get(at..).unwrap_or_default();
                    at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    At::Line
                }
            };
        }
        None
    }

    /// Whether a line of the head, so far, has named the body's length.
    pub(in crate::server) const fn has_length(self) -> bool {
        self.has_length
    }

    /// Matches the next byte of a name whose first `count` bytes are those of [`CONTENT_LENGTH`].
    fn name(&mut self, count: u8, byte: u8) -> At {
        if CONTENT_LENGTH.get(usize::from(count)) != Some(&byte.to_ascii_lowercase()) {
            return At::Line;
        }
        self.has_length |= usize::from(count) + 1 == CONTENT_LENGTH.len();
        At::Name(count + 1)
    }
}

/// The framing of a request's body, as hyper has parsed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) enum Framing {
    /// The request has no body.
    #[default]
    Empty,
    /// The body has this many bytes.
    Length(u64),
    /// The body is chunked.
    Chunked,
}

impl Framing {
    /// Returns the framing of a request's body.
    pub(in crate::server) fn of<B: http_body::Body>(body: &B) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        body.size_hint().exact().map_or(Self::Chunked, Self::Length)
    }
}

/// The framing of the most recent HTTP/1.1 request on a connection. Recorded from its bytes and by hyper, and
/// read when it is answered.
#[derive(Debug, Default)]
pub(in crate::server) struct LastRequest {
    framing: Mutex<Framing>,
    length_named: AtomicBool,
}

impl LastRequest {
    /// Records the framing of a request that is about to be answered.
    pub(in crate::server) fn set_framing(&self, framing: Framing) {
        *self.framing.lock() = framing;
    }

    pub(in crate::server) fn framing(&self) -> Framing {
        *self.framing.lock()
    }

    /// Records whether the head names the length of the body. hyper removes that header if the body is chunked.
    pub(in crate::server) fn set_length_named(&self, named: bool) {
        self.length_named.store(named, Ordering::Relaxed);
    }

    /// Whether the request declares both a length and chunked coding. hyper goes by the chunks and closes the
    /// connection afterwards: an intermediary may see another end.
    pub(in crate::server) fn is_ambiguous(&self) -> bool {
        self.length_named.load(Ordering::Relaxed) && self.framing() == Framing::Chunked
    }
}

/// Finds the end of a request's body in bytes that arrive in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum BodyEnd {
    /// This many bytes are missing.
    Length(u64),
    Chunks(Chunks),
}

/// The position of the next byte within a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Chunks {
    /// In the digits of a chunk's size, which is this number so far.
    Size(u64),
    /// In the extension after a chunk's size, on the same line.
    Extension(u64),
    /// In a chunk's data, or in the line end after it: this many bytes are missing.
    Data(u64),
    /// After the last chunk, in the trailers.
    Trailers(Trailers),
    /// After the last byte of the body.
    Over,
}

/// The position of the next byte within the trailers of a chunked body. A line of them ends with a carriage
/// return and a line feed, and an empty line ends the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Trailers {
    /// At the beginning of a line.
    Start,
    /// Within a line.
    Line,
    /// After a carriage return within a line.
    Return,
    /// After a carriage return at the beginning of a line.
    Last,
}

impl BodyEnd {
    pub(in crate::server) const fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::Size(0)),
        }
    }

    pub(in crate::server) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunks(Chunks::Over))
    }

    /// Returns how many of the next bytes belong to the body. For chunks that hyper cannot parse the count may
    /// be wrong: hyper closes the connection.
    pub(in crate::server) fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Length(missing) => {
                let taken = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
                *missing -= taken as u64;
                taken
            }
            Self::Chunks(chunks) => chunks.take(bytes),
        }
    }
}

impl Chunks {
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while *self != Self::Over
            && let Some(&byte) = bytes.get(at)
        {
            *self = match *self {
                Self::Size(size) | Self::Extension(size) if byte == b'\n' => match size {
                    0 => Self::Trailers(Trailers::Start),
                    size => Self::Data(size.saturating_add(2)),
                },
                Self::Size(size) => match char::from(byte).to_digit(16) {
                    Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(digit.into())),
                    None => Self::Extension(size),
                },
                Self::Data(missing) => {
                    let left = bytes.len() - at;
                    let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(left);
                    at += taken;
                    *self = match missing - taken as u64 {
                        0 => Self::Size(0),
                        missing => Self::Data(missing),
                    };
                    continue;
                }
                Self::Trailers(Trailers::Last) => Self::Over,
                Self::Trailers(at) => Self::Trailers(match (at, byte) {
                    (Trailers::Start, b'\r') => Trailers::Last,
                    (Trailers::Line, b'\r') => Trailers::Return,
                    (Trailers::Return, b'\n') => Trailers::Start,
                    _ => Trailers::Line,
                }),
                in_a_line => in_a_line,
            };
            at += 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces may be cut anywhere.
    #[test]
    fn an_empty_line_ends_a_head() {
        for (head, end) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", Some(27)),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\nG", Some(27)),
            ("GET / HTTP/1.1\nhost: a\n\n", Some(24)),
            ("GET / HTTP/1.1\nhost: a\n\nGET", Some(24)),
            ("GET / HTTP/1.1\nhost: a\n\r\nG", Some(25)),
            ("GET / HTTP/1.1\r\nhost: a\r\r\n", None),
            ("GET / HTTP/1.1\r\nhost: a\r\n", None),
            ("\r\n\r\nGET / HTTP/1.1", Some(4)),
        ] {
            assert_eq!(HeadEnd::default().find(head.as_bytes()), end, "{head:?}");
            for cut in 0..head.len() {
                let (first, second) = head.as_bytes().split_at(cut);
                let mut state = HeadEnd::default();
                let found = state.find(first).or_else(|| state.find(second).map(|found| cut + found));
                assert_eq!(found, end, "{head:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_length_is_seen_in_any_pieces() {
        for (head, has_length) in [
            ("POST / HTTP/1.1\r\nhost: a\r\nContent-LENGTH: 5\r\n\r\n", true),
            ("POST / HTTP/1.1\ncontent-length:5\n\n", true),
            (
                "POST /content-length: HTTP/1.1\r\nx-content-length: 5\r\ncontent-lengt: 5\r\ncontent-type: a\r\n\r\n",
                false,
            ),
        ] {
            for cut in 0..head.len() {
                let (first, second) = head.as_bytes().split_at(cut);
                let mut end = HeadEnd::default();
                assert!(end.find(first).or_else(|| end.find(second)).is_some());
                assert_eq!(end.has_length(), has_length, "{head:?} cut at {cut}");
            }
        }
    }

    /// The pieces may be cut anywhere.
    #[test]
    fn a_body_ends_at_its_length_or_last_chunk() {
        for (framing, body) in [
            (Framing::Empty, ""),
            (Framing::Length(3), "abc"),
            (Framing::Chunked, "0\r\n\r\n"),
            (Framing::Chunked, "3\r\nabc\r\n0\r\n\r\n"),
            (Framing::Chunked, "0000b;name=\"value\"\r\nhello\r\n0\r\n\r\r\n0\r\n\r\n"),
            (Framing::Chunked, "A\r\n0123456789\r\n1 \r\n\n\r\n0;last\r\nname: value\r\nother: 0\n\n\r\n\r\n"),
        ] {
            let all = format!("{body}GET / HTTP/1.1");
            for cut in 0..=all.len() {
                let (first, second) = all.as_bytes().split_at(cut);
                let mut end = BodyEnd::new(framing);
                let mut taken = end.take(first);
                if taken == first.len() {
                    taken += end.take(second);
                }
                assert!(end.is_over(), "{body:?} cut at {cut}");
                assert_eq!(taken, body.len(), "{body:?} cut at {cut}");
                assert_eq!(end.take(b"GET"), 0);
            }
        }
    }

    #[test]
    fn lengths_that_no_body_has_are_survived() {
        let mut end = BodyEnd::new(Framing::Chunked);
        let line = format!("{}\r\n", "f".repeat(40));
        assert_eq!(end.take(line.as_bytes()), line.len());
        assert_eq!(end.take(b"more"), 4);
        assert_eq!(BodyEnd::new(Framing::Length(u64::MAX)).take(b"more"), 4);
    }
}
