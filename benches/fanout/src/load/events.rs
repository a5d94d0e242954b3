//! Counts events and reads the two numbers in front of each payload, without keeping the rest.

use std::mem;

use memchr::memchr;
use memchr::memmem::find;

/// Capacity for `data: {"seq":…,"sent_ns":…,` with the longest numbers.
const PREFIX: usize = 80;

/// One whole event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) seq: u64,
    pub(crate) sent_ns: u64,
    /// The number of bytes of its data.
    pub(crate) bytes: usize,
}

/// The state of the event's data lines so far.
#[derive(Clone, Copy, Debug, Default)]
enum Data {
    #[default]
    Missing,
    Quote(Arrived),
    Misshapen,
}

/// The state of the event and the line that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    line: [u8; PREFIX],
    /// The length of the line so far, including bytes that are not kept.
    length: usize,
    data: Data,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { line: [0; PREFIX], length: 0, data: Data::Missing }
    }

    /// Calls `each` for every block that ends here with a blank line and has a `data` field; with `None` if
    /// its data is not a quote.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Option<Arrived>)) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.end_line(&mut each);
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(room) = self.line.get_mut(self.length..) {
            let kept = bytes.len().min(room.len());
            room[..kept].copy_from_slice(&bytes[..kept]);
        }
        self.length += bytes.len();
    }

    fn end_line(&mut self, each: &mut impl FnMut(Option<Arrived>)) {
        let line = &self.line[..self.length.min(PREFIX)];
        if line.is_empty() {
            match mem::take(&mut self.data) {
                Data::Missing => {}
                Data::Quote(arrived) => each(Some(arrived)),
                Data::Misshapen => each(None),
            }
        } else if let Some(value) = line.strip_prefix(b"data:") {
            self.data = match (self.data, quote(value, self.length)) {
                (Data::Missing, Some(arrived)) => Data::Quote(arrived),
                // A second line of data would be a payload with a line break, which a quote does not have.
                _ => Data::Misshapen,
            };
        }
        self.length = 0;
    }
}

fn quote(value: &[u8], line_bytes: usize) -> Option<Arrived> {
    let space = usize::from(value.first() == Some(&b' '));
    let bytes = line_bytes - "data:".len() - space;
    Some(Arrived { seq: number(value, b"\"seq\":")?, sent_ns: number(value, b"\"sent_ns\":")?, bytes })
}

fn number(text: &[u8], after: &[u8]) -> Option<u64> {
    let digits = text.get(find(text, after)? + after.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Arrived, Events};

    /// The JSON of a quote, in this many bytes.
    fn quote(seq: u64, bytes: usize) -> String {
        let start = format!(r#"{{"seq":{seq},"sent_ns":1700000000000000000,"filler":""#);
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    }

    #[test]
    fn events_are_counted_wherever_the_stream_is_split() {
        let (first, second) = (quote(1, 64), quote(2, 1024));
        let stream = format!(": hello\n\nretry: 5\n\nid: 1\ndata: {first}\n\nevent: x\ndata:{second}\n\ndata: y\n\n");
        let arrived = |seq, bytes| Some(Arrived { seq, sent_ns: 1_700_000_000_000_000_000, bytes });
        for step in 1..=stream.len() {
            let (mut events, mut all) = (Events::new(), Vec::new());
            for piece in stream.as_bytes().chunks(step) {
                events.read(piece, |event| all.push(event));
            }
            assert_eq!(all, [arrived(1, 64), arrived(2, 1024), None], "in steps of {step}");
        }
    }

    #[test]
    fn an_event_without_its_blank_line_is_not_counted() {
        let mut events = Events::new();
        events.read(format!("data: {}\n", quote(1, 64)).as_bytes(), |_| panic!("the event is not whole"));
    }
}
