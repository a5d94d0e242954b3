//! The wire form of one event.
//!
//! The WHATWG grammar, for one event:
//!
//! ```text
//! event   = *( comment / field ) end-of-line
//! comment = colon *any-char end-of-line
//! field   = 1*name-char [ colon [ space ] *any-char ] end-of-line
//! ```
//!
//! Here end-of-line is always LF, and the space after the colon is always written: a client
//! removes exactly one, so a value that begins with a space keeps its own.

use bytes::{BufMut, BytesMut};

use super::event::Event;
use super::field::Id;

impl Event {
    /// Appends the event's wire form to `buf`: the fields in the order comment, `retry`, `id`,
    /// `event`, `data`, then one blank line.
    ///
    /// Encoding cannot fail. An event without any field appends nothing.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use touka::Event;
    ///
    /// let mut wire = BytesMut::new();
    /// Event::data("first\nsecond").id(7).event("note").encode(&mut wire);
    /// assert_eq!(wire, "id: 7\nevent: note\ndata: first\ndata: second\n\n");
    /// ```
    pub fn encode(&self, buf: &mut BytesMut) {
        if self.is_empty() {
            return;
        }
        buf.reserve(self.wire_len_hint());
        if let Some(comment) = self.as_comment() {
            put_lines(buf, b": ", comment);
        }
        if let Some(milliseconds) = self.retry_millis() {
            put_line(buf, b"retry: ", itoa::Buffer::new().format(milliseconds));
        }
        if let Some(id) = self.as_id() {
            match id.repr() {
                Id::Number(number) => put_line(buf, b"id: ", itoa::Buffer::new().format(*number)),
                Id::Text(text) => put_line(buf, b"id: ", text),
            }
        }
        if let Some(name) = self.as_event() {
            put_line(buf, b"event: ", name.as_str());
        }
        if let Some(data) = self.as_data() {
            put_lines(buf, b"data: ", data);
        }
        buf.put_u8(b'\n');
    }

    /// At least the length on the wire for data of a single line, which is nearly all data.
    fn wire_len_hint(&self) -> usize {
        // "retry: " and "id: " each with a number of at most 20 digits and their line ends.
        const NUMBERS: usize = 56;
        let lengths = [
            self.as_comment().map_or(0, |text| text.len() + 3),
            self.as_event().map_or(0, |name| name.as_str().len() + 8),
            self.as_data().map_or(0, |text| text.len() + 7),
        ];
        NUMBERS + lengths.iter().sum::<usize>()
    }
}

fn put_line(buf: &mut BytesMut, prefix: &[u8], value: &str) {
    buf.put_slice(prefix);
    buf.put_slice(value.as_bytes());
    buf.put_u8(b'\n');
}

/// Writes `text` as one line for each of its lines, split exactly as a client's parser would
/// split: at CRLF, LF and lone CR. `str::lines` would do neither: it keeps a lone CR, which would
/// let a value forge fields, and it drops an empty last line.
fn put_lines(buf: &mut BytesMut, prefix: &[u8], text: &str) {
    let mut rest = text.as_bytes();
    loop {
        buf.put_slice(prefix);
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            buf.put_slice(rest);
            buf.put_u8(b'\n');
            return;
        };
        buf.put_slice(&rest[..end]);
        buf.put_u8(b'\n');
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(crlf)..];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::event::Event;

    #[track_caller]
    fn wire(event: impl std::borrow::Borrow<Event>, expected: &str) {
        assert_eq!(event.borrow().to_string(), expected);
    }

    #[test]
    fn fields_stand_in_one_order_whatever_the_calls_order() {
        let event = Event::data("d").comment("c").event("e").id("i").retry(Duration::from_millis(1500));
        wire(event, ": c\nretry: 1500\nid: i\nevent: e\ndata: d\n\n");
    }

    #[test]
    fn data_splits_on_each_kind_of_line_end() {
        wire(Event::data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        wire(Event::data("a\u{2028}b\u{85}c\u{b}d"), "data: a\u{2028}b\u{85}c\u{b}d\n\n");
    }

    #[test]
    fn no_line_is_lost() {
        wire(Event::data(""), "data: \n\n");
        wire(Event::data("\n"), "data: \ndata: \n\n");
        wire(Event::data("\n\n"), "data: \ndata: \ndata: \n\n");
        wire(Event::data("a\n"), "data: a\ndata: \n\n");
        wire(Event::data("\r\n"), "data: \ndata: \n\n");
        wire(Event::data("\n\r"), "data: \ndata: \ndata: \n\n");
    }

    #[test]
    fn a_leading_space_survives() {
        wire(Event::data(" world"), "data:  world\n\n");
    }

    #[test]
    fn a_comment_cannot_break_out() {
        wire(Event::new().comment("a\rdata: forged"), ": a\n: data: forged\n\n");
    }

    #[test]
    fn an_event_without_fields_is_nothing() {
        wire(Event::new(), "");
    }

    #[test]
    fn an_event_without_data_moves_the_id() {
        wire(Event::new().id(9), "id: 9\n\n");
    }
}
