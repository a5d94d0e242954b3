//! HTTP's chunked encoding, in pieces of any size.

/// A decoder's position in the encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunked {
    at: At,
    /// The size while it is read, then the rest of the chunk.
    size: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// After the size: an extension, and the line end.
    SizeLine,
    Data,
    /// The line end after the data.
    DataEnd,
    /// After the last chunk.
    End,
}

/// An invalid chunk, or the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Size,
    Ended,
}

impl Chunked {
    /// Calls `each` with the pieces of the body in these bytes.
    pub(crate) fn decode<'a>(&mut self, mut bytes: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), Broken> {
        while let Some((&first, rest)) = bytes.split_first() {
            match self.at {
                At::Size => {
                    match (first as char).to_digit(16) {
                        Some(digit) => self.size = self.size.saturating_mul(16).saturating_add(digit as usize),
                        None if matches!(first, b'\r' | b';' | b' ') => self.at = At::SizeLine,
                        None => return Err(Broken::Size),
                    }
                    bytes = rest;
                }
                At::SizeLine => {
                    if first == b'\n' {
                        self.at = if self.size == 0 { At::End } else { At::Data };
                    }
                    bytes = rest;
                }
                At::Data => {
                    let (piece, rest) = bytes.split_at(self.size.min(bytes.len()));
                    each(piece);
                    self.size -= piece.len();
                    if self.size == 0 {
                        self.at = At::DataEnd;
                    }
                    bytes = rest;
                }
                At::DataEnd => {
                    if first == b'\n' {
                        self.at = At::Size;
                    }
                    bytes = rest;
                }
                At::End => return Err(Broken::Ended),
            }
        }
        if self.at == At::End { Err(Broken::Ended) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Chunked};

    #[test]
    fn the_body_is_the_same_wherever_it_is_split() {
        let encoded = b"5\r\nhello\r\n10;x=y\r\n0123456789abcdef\r\n1\r\n\n\r\n";
        for step in 1..=encoded.len() {
            let (mut chunked, mut body) = (Chunked::default(), Vec::new());
            for piece in encoded.chunks(step) {
                assert_eq!(chunked.decode(piece, |data| body.extend_from_slice(data)), Ok(()));
            }
            assert_eq!(body, b"hello0123456789abcdef\n", "in steps of {step}");
        }
    }

    #[test]
    fn an_end_and_a_bad_size_are_errors() {
        assert_eq!(Chunked::default().decode(b"1\r\nx\r\n0\r\n\r\n", |_| {}), Err(Broken::Ended));
        assert_eq!(Chunked::default().decode(b"x\r\n", |_| {}), Err(Broken::Size));
    }
}
