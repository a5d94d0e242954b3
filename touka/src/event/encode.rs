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

use std::fmt::{Display, Write as _};
use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::event::Event;
use super::field::{EventId, EventName, Id};
use super::lines::Lines;
use crate::error::{Error, Result};

/// Writes one event straight into a buffer, field by field.
///
/// This is what [`IntoEvent::encode_into`](crate::IntoEvent::encode_into) is written with by hand,
/// and what the derive uses: no [`Event`] and no text in between. Call the fields in the order in
/// which they stand here, each at most once, then one of the three ends: [`json`](Self::json),
/// [`text`](Self::text) or [`end`](Self::end).
///
/// An encoder that fails, or is dropped before its end, leaves the buffer as it was.
///
/// ```
/// use bytes::BytesMut;
/// use touka::event::{Encoder, EventName};
///
/// static SCORES: EventName = EventName::from_static("scores");
///
/// # fn main() -> touka::Result<()> {
/// let mut buf = BytesMut::new();
/// Encoder::new(&mut buf).id(&7.into()).event(&SCORES).json(&[1, 2, 3])?;
/// assert_eq!(buf, "id: 7\nevent: scores\ndata: [1,2,3]\n\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an encoder that is not brought to its end writes nothing"]
pub struct Encoder<'a> {
    buf: &'a mut BytesMut,
    /// Where the event begins. Past its end once the event is whole, so that dropping cuts nothing.
    start: usize,
}

impl<'a> Encoder<'a> {
    /// Begins an event at the end of `buf`.
    pub fn new(buf: &'a mut BytesMut) -> Self {
        let start = buf.len();
        Self { buf, start }
    }

    /// `: text`, once for each line.
    pub fn comment(self, text: &str) -> Self {
        self.lines(b": ", text)
    }

    /// `retry: 1500`, in whole milliseconds.
    pub fn retry(self, delay: Duration) -> Self {
        self.retry_millis(millis(delay))
    }

    /// `id: 7`.
    pub fn id(self, id: &EventId) -> Self {
        match id.repr() {
            Id::Number(number) => self.number(b"id: ", *number),
            Id::Text(text) => self.line(b"id: ", text),
        }
    }

    /// `id: 7`, of a value that is checked here. Nothing is allocated.
    ///
    /// # Errors
    /// The text of the value cannot be an [`EventId`], or its `Display` failed.
    pub fn try_id(self, id: impl Display) -> Result<Self> {
        self.buf.put_slice(b"id: ");
        let start = self.buf.len();
        write!(self.buf, "{id}").map_err(|_| Error::display())?;
        EventId::check(&self.buf[start..])?;
        self.buf.put_u8(b'\n');
        Ok(self)
    }

    /// `event: tick`.
    pub fn event(self, name: &EventName) -> Self {
        self.line(b"event: ", name.as_str())
    }

    /// `data: {"count":3}`, always one line, and the end.
    ///
    /// # Errors
    /// The value cannot be written as JSON: its `Serialize` failed, or it is a map whose keys are
    /// not strings.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.buf.put_slice(b"data: ");
        let start = self.buf.len();
        serde_json::to_writer(Json(self.buf), value).map_err(Error::serialize)?;
        // Only a `RawValue` can hold a line end, and there it is whitespace.
        for at in memchr::memchr2_iter(b'\r', b'\n', &self.buf[start..]).collect::<Vec<_>>() {
            self.buf[start + at] = b' ';
        }
        self.buf.put_u8(b'\n');
        self.end();
        Ok(())
    }

    /// `data: text`, once for each line, and the end. The empty text is a line as well.
    ///
    /// # Errors
    /// The value's `Display` failed.
    pub fn text(self, value: impl Display) -> Result<()> {
        let mut lines = Lines::new(self.buf, b"data: ");
        write!(lines, "{value}").map_err(|_| Error::display())?;
        lines.end();
        self.end();
        Ok(())
    }

    /// The end of an event without data, at which nothing fires. Without any field, nothing is
    /// written.
    pub fn end(mut self) {
        if self.buf.len() > self.start {
            self.buf.put_u8(b'\n');
        }
        self.start = self.buf.len();
    }

    fn retry_millis(self, milliseconds: u64) -> Self {
        self.number(b"retry: ", milliseconds)
    }

    fn number(self, prefix: &[u8], number: u64) -> Self {
        self.line(prefix, itoa::Buffer::new().format(number))
    }

    fn line(self, prefix: &[u8], value: &str) -> Self {
        self.buf.put_slice(prefix);
        self.buf.put_slice(value.as_bytes());
        self.buf.put_u8(b'\n');
        self
    }

    fn lines(self, prefix: &'static [u8], text: &str) -> Self {
        let mut lines = Lines::new(self.buf, prefix);
        lines.push(text);
        lines.end();
        self
    }
}

/// An event that was not brought to its end is cut off: half of one would swallow the next.
impl Drop for Encoder<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.start);
    }
}

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
            encoder = encoder.lines(b"data: ", data);
        }
        encoder.end();
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

/// A delay as the wire has it. No client waits for longer than fits.
pub(super) fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// The buffer as `serde_json` writes to it: it grows, so nothing fails.
struct Json<'a>(&'a mut BytesMut);

impl io::Write for Json<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.put_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt;

    use super::*;

    #[track_caller]
    fn wire(event: &Event, expected: &str) {
        assert_eq!(event.to_string(), expected);
    }

    #[test]
    fn fields_stand_in_one_order_whatever_the_calls_order() {
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
        wire(&Event::new().comment("a\rdata: forged"), ": a\n: data: forged\n\n");
    }

    #[test]
    fn an_event_without_fields_is_nothing() {
        wire(&Event::new(), "");
    }

    #[test]
    fn an_event_without_data_moves_the_id() {
        wire(&Event::new().id(9), "id: 9\n\n");
    }

    #[test]
    fn pieces_split_as_the_whole_does() {
        struct Pieces(&'static str, usize);
        impl Display for Pieces {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (first, second) = self.0.split_at(self.1);
                f.write_str(first)?;
                f.write_str("")?;
                f.write_str(second)
            }
        }
        let text = "a\r\n\rb\n\n\r\r\nc\r";
        for cut in 0..=text.len() {
            let mut buf = BytesMut::new();
            Encoder::new(&mut buf).text(Pieces(text, cut)).unwrap();
            wire(&Event::data(text), std::str::from_utf8(&buf).unwrap());
        }
    }

    #[test]
    fn what_fails_or_is_dropped_leaves_nothing() {
        struct Fails;
        impl Display for Fails {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half\n")?;
                Err(fmt::Error)
            }
        }
        let mut buf = BytesMut::from("data: before\n\n");
        let unkeyed = BTreeMap::from([((1, 2), 3)]);
        assert!(Encoder::new(&mut buf).id(&1.into()).json(&unkeyed).unwrap_err().is_serialize());
        assert!(Encoder::new(&mut buf).id(&1.into()).text(Fails).unwrap_err().is_serialize());
        assert!(Encoder::new(&mut buf).try_id(Fails).unwrap_err().is_serialize());
        for id in ["", " ", "a\nb", "\u{85}", &"x".repeat(257)] {
            assert!(Encoder::new(&mut buf).try_id(id).unwrap_err().is_field(), "{id:?}");
        }
        drop(Encoder::new(&mut buf).comment("c").retry(Duration::ZERO));
        Encoder::new(&mut buf).end();
        assert_eq!(buf, "data: before\n\n");
    }
}
