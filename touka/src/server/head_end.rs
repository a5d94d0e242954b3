//! [`HeadEnd`], where the head of a request ends.

/// Looks for the end of a head in bytes that come piece by piece: an empty line, with or without
/// carriage returns, as hyper takes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum HeadEnd {
    /// Within a line.
    #[default]
    Line,
    /// After a line's end: another one here ends the head.
    Newline,
    /// After a line's end and a carriage return.
    Return,
}

impl HeadEnd {
    /// Looks through the next bytes. True if there are more of them after an end of a head.
    pub(super) fn is_passed(&mut self, mut bytes: &[u8]) -> bool {
        let mut is_passed = false;
        while let Some((&byte, rest)) = bytes.split_first() {
            *self = match (*self, byte) {
                (Self::Newline | Self::Return, b'\n') => {
                    // What follows begins another head, which may go on in the next bytes.
                    is_passed |= !rest.is_empty();
                    Self::Line
                }
                (Self::Line, b'\n') => Self::Newline,
                (Self::Newline, b'\r') => Self::Return,
                _ => Self::Line,
            };
            bytes = match self {
                Self::Line => memchr::memchr(b'\n', rest).map_or(&[], |end| &rest[end..]),
                Self::Newline | Self::Return => rest,
            };
        }
        is_passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_began_behind_another_one_is_followed_to_its_end() {
        let mut end = HeadEnd::default();
        assert!(end.is_passed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n"));
        assert!(end.is_passed(b"\r\nGET"));
        assert!(!end.is_passed(b" / HTTP/1.1\r\nhost: a\r\n\r\n"));
    }

    #[test]
    fn an_empty_line_ends_a_head_wherever_the_pieces_are_cut() {
        for (head, passed) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\nG", true),
            ("GET / HTTP/1.1\nhost: a\n\n", false),
            ("GET / HTTP/1.1\nhost: a\n\nGET", true),
            ("GET / HTTP/1.1\nhost: a\n\r\nG", true),
            ("GET / HTTP/1.1\r\nhost: a\r\r\n", false),
            ("GET / HTTP/1.1\r\nhost: a\r\n", false),
            ("\r\n\r\nGET / HTTP/1.1", true),
        ] {
            assert_eq!(HeadEnd::default().is_passed(head.as_bytes()), passed, "{head:?}");
            for cut in 0..head.len() {
                let (first, second) = head.split_at(cut);
                let mut end = HeadEnd::default();
                let passed_first = end.is_passed(first.as_bytes());
                let passed_second = end.is_passed(second.as_bytes());
                // The end may be the first piece's last byte: then the second begins another head.
                let ends = head[..cut].ends_with("\n\n") || head[..cut].ends_with("\n\r\n");
                assert!(passed_first || passed_second == passed || ends, "{head:?} cut at {cut}");
            }
        }
    }
}
