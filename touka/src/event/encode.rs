//! The wire form of one event.
//!
//! The WHATWG grammar of one event:
//!
//! ```text
//! event   = *( comment / field ) end-of-line
//! comment = colon *any-char end-of-line
//! field   = 1*name-char [ colon [ space ] *any-char ] end-of-line
//! ```
//!
//! The encoder ends each line with LF and always writes the space after the colon: a client removes exactly
//! one, so a value that begins with a space keeps its own.

use std::fmt;

use bytes::BytesMut;

use super::encoder::Encoder;
use super::event::Event;

impl Event {
    /// Appends the event's wire form to `buf`: the fields in the order comment, `retry`, `id`,
    /// `event`, `data`, then one blank line.
    ///
    /// Encoding cannot fail. An event without any field appends nothing, and one that has only a comment or a
    /// `retry` appends no blank line: see [Events without data](Event#events-without-data).
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
        buf.reserve(self.wire_len_hint());
        let mut encoder = Encoder::new(buf);
        if let Some(comment) = self.as_comment() {
            encoder = encoder.comment(comment);
        }
        if let Some(milliseconds) = self.retry_millis() {
            encoder = encoder.retry_millis(milliseconds);
        }
        if let Some(id) = self.as_id() {
            encoder = encoder.id(id);
        }
        if let Some(name) = self.as_event() {
            encoder = encoder.event(name);
        }
        if let Some(data) = self.as_data() {
            encoder = encoder.data(data);
        }
        encoder.end();
    }

    /// Returns a lower bound of the encoded length, which is exact enough for data of a single line.
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

/// Writes the wire form: see [`Event::encode`].
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = BytesMut::new();
        self.encode(&mut wire);
        // Each field was a `str` and was split at ASCII line ends only, so nothing is lost.
        f.write_str(&String::from_utf8_lossy(&wire))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn wire(event: &Event, expected: &str) {
        assert_eq!(event.to_string(), expected);
    }

    #[test]
    fn fields_have_a_fixed_order() {
        let event = Event::data("d").comment("c").event("e").id("i").retry(Duration::from_millis(1500));
        wire(&event, ": c\nretry: 1500\nid: i\nevent: e\ndata: d\n\n");
    }

    #[test]
    fn data_splits_on_each_kind_of_line_end() {
        wire(&Event::data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        wire(&Event::data("a\u{2028}b\u{85}c\u{b}d"), "data: a\u{2028}b\u{85}c\u{b}d\n\n");
    }

    #[test]
    fn no_line_is_lost() {
        wire(&Event::data(""), "data: \n\n");
        wire(&Event::data("\n"), "data: \ndata: \n\n");
        wire(&Event::data("\n\n"), "data: \ndata: \ndata: \n\n");
        wire(&Event::data("a\n"), "data: a\ndata: \n\n");
        wire(&Event::data("\r\n"), "data: \ndata: \n\n");
        wire(&Event::data("\n\r"), "data: \ndata: \ndata: \n\n");
    }

    #[test]
    fn a_leading_space_survives() {
        wire(&Event::data(" world"), "data:  world\n\n");
    }

    #[test]
    fn a_comment_cannot_break_out() {
        wire(&Event::new().comment("a\rdata: forged"), ": a\n: data: forged\n");
    }

    #[test]
    fn an_event_without_fields_has_no_bytes() {
        wire(&Event::new(), "");
    }

    #[test]
    fn an_event_without_data_moves_the_id() {
        wire(&Event::new().id(9), "id: 9\n\n");
        wire(&Event::new().id(9).comment("c"), ": c\nid: 9\n\n");
    }

    #[test]
    fn a_comment_and_a_retry_have_no_blank_line() {
        wire(&Event::new().comment("a\nb"), ": a\n: b\n");
        wire(&Event::new().retry(Duration::from_secs(1)), "retry: 1000\n");
        wire(&Event::new().retry(Duration::ZERO).comment(""), ": \nretry: 0\n");
        let mut buf = BytesMut::new();
        Encoder::new(&mut buf).comment("c").retry(Duration::ZERO).end();
        assert_eq!(buf, ": c\nretry: 0\n");
    }

    /// Without the blank line, the name would be that of the next event.
    #[test]
    fn a_name_without_data_ends_with_its_block() {
        wire(&Event::new().event("n"), "event: n\n\n");
    }
}
