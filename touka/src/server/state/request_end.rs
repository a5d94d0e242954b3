//! Where the request ends that hyper reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Looks for the end of a head in bytes that come piece by piece: an empty line, with or without
/// carriage returns, as hyper takes it. On the way it looks whether a line names the body's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct HeadEnd {
    at: At,
    /// A line has begun with [`LENGTH`].
    has_length: bool,
}

/// Where in a head the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Within a line, behind what could be a name of interest.
    #[default]
    Line,
    /// Within a line that has begun with so many bytes of [`LENGTH`].
    Name(u8),
    /// After a line's end: another one here ends the head.
    Newline,
    /// After a line's end and a carriage return.
    Return,
}

const LENGTH: &[u8] = b"content-length";

impl HeadEnd {
    /// Where in the next bytes the head ends, just behind its last one.
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
                    // What is left of the line is of no interest.
                    let rest = bytes.get(at..).unwrap_or_default();
                    at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    At::Line
                }
            };
        }
        None
    }

    /// A line of the head, so far, has named the body's length.
    pub(in crate::server) const fn has_length(self) -> bool {
        self.has_length
    }

    /// The next byte of a name that has begun with so many bytes of [`LENGTH`].
    fn name(&mut self, count: u8, byte: u8) -> At {
        if LENGTH.get(usize::from(count)) != Some(&byte.to_ascii_lowercase()) {
            return At::Line;
        }
        self.has_length |= usize::from(count) + 1 == LENGTH.len();
        At::Name(count + 1)
    }
}

/// How hyper has understood the body of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) enum Framing {
    /// There is none.
    #[default]
    Empty,
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

impl Framing {
    /// What hyper has made of a request.
    pub(in crate::server) fn of<B: http_body::Body>(body: &B) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        body.size_hint().exact().map_or(Self::Chunked, Self::Length)
    }
}

/// What is known of the HTTP/1.1 request that came last on a connection: its bytes and hyper tell it, and
/// those who answer it ask.
#[derive(Debug, Default)]
pub(in crate::server) struct LastRequest {
    framing: Mutex<Framing>,
    length_named: AtomicBool,
}

impl LastRequest {
    /// Notes how hyper has understood its body. It is about to be answered.
    pub(in crate::server) fn set_framing(&self, framing: Framing) {
        *self.framing.lock().unwrap_or_else(PoisonError::into_inner) = framing;
    }

    pub(in crate::server) fn framing(&self) -> Framing {
        *self.framing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether its head names the length of its body. hyper takes that line away where it goes by
    /// chunks.
    pub(in crate::server) fn set_length_named(&self, named: bool) {
        self.length_named.store(named, Ordering::Relaxed);
    }

    /// It says of its end both that it is known and that the chunks tell it. hyper goes by the chunks and
    /// closes the connection afterwards: whoever stands between may see another end.
    pub(in crate::server) fn is_ambiguous(&self) -> bool {
        self.length_named.load(Ordering::Relaxed) && self.framing() == Framing::Chunked
    }
}

/// The end of one request's body in bytes that come piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum BodyEnd {
    /// So many bytes are missing.
    Length(u64),
    Chunks(Chunks),
}

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Chunks {
    /// In the digits of a chunk's length, which are this so far.
    Size(u64),
    /// In what comes after the digits on that line.
    Extension(u64),
    /// In a chunk's bytes, or in the line's end after them: so many are missing.
    Data(u64),
    /// After the last chunk, in the trailers.
    Trailers(Trailers),
    /// After the last byte.
    Over,
}

/// Where in the trailers of a chunked body the next byte is. A line of them ends with both bytes of a
/// line's end, and an empty one is the last.
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

    /// How many of the next bytes belong to the body. Chunks that hyper cannot read may be counted in any
    /// way: it closes the connection.
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

    #[test]
    fn an_empty_line_ends_a_head_wherever_the_pieces_are_cut() {
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
    fn a_length_is_seen_wherever_the_pieces_are_cut() {
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

    #[test]
    fn a_body_ends_where_its_length_or_its_last_chunk_says_wherever_the_pieces_are_cut() {
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
