//! [`Encoder`], which writes the wire form of one event field by field.

use std::fmt::{Display, Write as _};
use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::field::millis;
use super::id::{EventId, Id};
use super::lines::Lines;
use super::name::EventName;
use crate::error::{Error, Result};

/// Encodes one event directly into a buffer, field by field.
///
/// Handwritten implementations of [`IntoEvent::encode_into`](crate::IntoEvent::encode_into) use this, and so
/// does the derive: there is no [`Event`](crate::Event) and no text in between. Call the methods in the order
/// in which they stand here, each at most once, then one of the three that end the event:
/// [`json`](Self::json), [`text`](Self::text) or [`end`](Self::end).
///
/// An encoder that fails, or is dropped before the event has ended, leaves the buffer as it was.
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
#[must_use = "an encoder writes nothing unless its event is ended"]
pub struct Encoder<'a> {
    buf: &'a mut BytesMut,
    /// The offset at which the event begins. Past the event once it has ended, so that dropping the encoder
    /// truncates nothing.
    start: usize,
    /// Whether a blank line ends the event: set by the fields that take effect, or are reset, only at a blank
    /// line.
    is_block: bool,
}

impl<'a> Encoder<'a> {
    /// Begins an event at the end of `buf`.
    pub fn new(buf: &'a mut BytesMut) -> Self {
        let start = buf.len();
        Self { buf, start, is_block: false }
    }

    /// Writes `: text`, once for each line.
    pub fn comment(self, text: &str) -> Self {
        self.lines(b": ", text)
    }

    /// Writes `retry: 1500`, in whole milliseconds.
    pub fn retry(self, delay: Duration) -> Self {
        self.retry_millis(millis(delay))
    }

    /// Writes `id: 7`.
    pub fn id(mut self, id: &EventId) -> Self {
        self.is_block = true;
        match id.repr() {
            Id::Number(number) => self.number(b"id: ", *number),
            Id::Text(text) => self.line(b"id: ", text),
        }
    }

    /// Writes `id: 7` from a value that is checked here, without an allocation.
    ///
    /// # Errors
    /// The text of the value is not a valid [`EventId`], or its `Display` failed.
    pub fn try_id(mut self, id: impl Display) -> Result<Self> {
        self.is_block = true;
        self.buf.put_slice(b"id: ");
        let start = self.buf.len();
        write!(self.buf, "{id}").map_err(|_| Error::display())?;
        EventId::check(&self.buf[start..])?;
        self.buf.put_u8(b'\n');
        Ok(self)
    }

    /// Writes `event: tick`.
    pub fn event(mut self, name: &EventName) -> Self {
        self.is_block = true;
        self.line(b"event: ", name.as_str())
    }

    /// Writes `data: {"count":3}`, always one line, and ends the event.
    ///
    /// # Errors
    /// The value cannot be serialized as JSON: its `Serialize` failed, or it is a map whose keys are not
    /// strings.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.is_block = true;
        self.buf.put_slice(b"data: ");
        let start = self.buf.len();
        serde_json::to_writer(JsonWriter(self.buf), value).map_err(Error::serialize)?;
        // Only a `RawValue` can have a line end, where it is whitespace.
        for at in memchr::memchr2_iter(b'\r', b'\n', &self.buf[start..]).collect::<Vec<_>>() {
            self.buf[start + at] = b' ';
        }
        self.buf.put_u8(b'\n');
        self.end();
        Ok(())
    }

    /// Writes `data: text`, once for each line, and ends the event. The empty text is one line.
    ///
    /// # Errors
    /// The value's `Display` failed.
    pub fn text(mut self, value: impl Display) -> Result<()> {
        self.is_block = true;
        let mut lines = Lines::new(self.buf, b"data: ");
        write!(lines, "{value}").map_err(|_| Error::display())?;
        lines.end();
        self.end();
        Ok(())
    }

    /// Ends an event without data, which clients do not dispatch.
    ///
    /// A blank line is written if the event has an id or a name. An event that has only a comment or a
    /// `retry` ends with its last line: each takes effect when its line is read, and a blank line causes
    /// [phantom events](crate::Event#events-without-data) in some clients. Without any field, nothing is
    /// written.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use touka::event::Encoder;
    ///
    /// let mut buf = BytesMut::new();
    /// Encoder::new(&mut buf).comment("hello").end();
    /// Encoder::new(&mut buf).id(&7.into()).end();
    /// assert_eq!(buf, ": hello\nid: 7\n\n");
    /// ```
    pub fn end(mut self) {
        if self.is_block {
            self.buf.put_u8(b'\n');
        }
        self.start = self.buf.len();
    }

    pub(super) fn retry_millis(self, milliseconds: u64) -> Self {
        self.number(b"retry: ", milliseconds)
    }

    #[inline]
    fn number(self, prefix: &[u8], number: u64) -> Self {
        self.line(prefix, itoa::Buffer::new().format(number))
    }

    #[inline]
    fn line(self, prefix: &[u8], value: &str) -> Self {
        self.buf.put_slice(prefix);
        self.buf.put_slice(value.as_bytes());
        self.buf.put_u8(b'\n');
        self
    }

    /// Writes `data: text`, once for each line, without ending the event.
    #[inline]
    pub(super) fn data(mut self, text: &str) -> Self {
        self.is_block = true;
        self.lines(b"data: ", text)
    }

    #[inline]
    fn lines(self, prefix: &'static [u8], text: &str) -> Self {
        let mut lines = Lines::new(self.buf, prefix);
        lines.push(text);
        lines.end();
        self
    }
}

/// Truncates an event that has not ended: half an event would swallow the next one.
impl Drop for Encoder<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.start);
    }
}

/// Lets `serde_json` write to the buffer, which grows as needed.
struct JsonWriter<'a>(&'a mut BytesMut);

impl io::Write for JsonWriter<'_> {
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
    use crate::event::Event;

    #[test]
    fn a_text_in_pieces_splits_as_the_whole() {
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
            assert_eq!(buf, Event::data(text).to_string());
        }
    }

    #[test]
    fn a_failed_or_dropped_encoder_writes_nothing() {
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
