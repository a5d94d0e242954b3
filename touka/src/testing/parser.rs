//! [`Parser`], the client's side of the wire format.
//!
//! The parser follows the steps of the standard and shares no code with the encoder: tests compare the two.

use std::time::Duration;

use super::received::Received;

/// Parses an event stream by the standard's algorithm, from bytes in pieces of any size.
///
/// [`Events`](super::Events) uses this. Use it directly for bytes that come from elsewhere, such as a real
/// socket.
///
/// ```
/// use touka::testing::Parser;
///
/// let mut parser = Parser::new();
/// parser.feed(b": hello\nretry: 2000\ndata: one\nda");
/// parser.feed(b"ta: two\n\ndata: not yet ended");
/// let events = parser.take();
/// assert_eq!((events.len(), events[0].data.as_str()), (1, "one\ntwo"));
/// assert_eq!(parser.comments(), ["hello"]);
/// assert_eq!(parser.retry(), Some(std::time::Duration::from_secs(2)));
/// ```
#[derive(Debug, Default)]
pub struct Parser {
    /// The bytes of a line whose end has not arrived yet.
    line: Vec<u8>,
    started: bool,
    /// Set when the last byte was a CR: an LF after it belongs to the same line end.
    after_cr: bool,
    data: String,
    event: String,
    id_buffer: String,
    last_id: String,
    retry: Option<Duration>,
    comments: Vec<String>,
    dispatched: Vec<Received>,
}

impl Parser {
    /// Creates a parser for a first connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a parser for a reconnect: the client still has its last event id.
    pub(super) fn resume(last_id: &str) -> Self {
        Self { id_buffer: last_id.to_owned(), last_id: last_id.to_owned(), ..Self::default() }
    }

    /// Parses more of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = self.feed_line(bytes);
            bytes = &bytes[used..];
        }
    }

    /// Parses up to the next line end, and returns the number of bytes used.
    pub(super) fn feed_line(&mut self, bytes: &[u8]) -> usize {
        for (index, &byte) in bytes.iter().enumerate() {
            let completes_crlf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if completes_crlf => {}
                b'\n' | b'\r' => {
                    self.end_of_line();
                    return index + 1;
                }
                _ => self.line.push(byte),
            }
        }
        bytes.len()
    }

    /// Takes the events that were dispatched since the last call.
    pub fn take(&mut self) -> Vec<Received> {
        std::mem::take(&mut self.dispatched)
    }

    /// Returns the comments so far. As in a field, one space after the colon is not part of the text.
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    /// Returns the reconnection time, if the server has set one.
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns the id that a reconnect would send; empty for none.
    pub fn last_event_id(&self) -> &str {
        &self.last_id
    }

    fn end_of_line(&mut self) {
        let mut bytes = std::mem::take(&mut self.line);
        if !self.started {
            self.started = true;
            // The standard strips one BOM at the beginning of the stream.
            if bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        if line.is_empty() {
            self.dispatch();
        } else if let Some((field, value)) = line.split_once(':') {
            let value = value.strip_prefix(' ').unwrap_or(value);
            if field.is_empty() {
                self.comments.push(value.to_owned());
            } else {
                self.field(field, value);
            }
        } else {
            self.field(&line, "");
        }
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id_buffer),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // The standard has no upper bound: a number that does not fit is taken for the largest.
                self.retry = Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.last_id.clone_from(&self.id_buffer);
        let name = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return;
        }
        data.pop();
        let name = if name.is_empty() { "message".to_owned() } else { name };
        self.dispatched.push(Received { name, data, id: self.last_id.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(stream: &str) -> Vec<(String, String, String)> {
        let mut whole = Parser::new();
        whole.feed(stream.as_bytes());
        let events = whole.take();
        // The result does not depend on how the stream is cut into pieces.
        let mut bytewise = Parser::new();
        for byte in stream.as_bytes() {
            bytewise.feed(&[*byte]);
        }
        assert_eq!(bytewise.take(), events);
        events.into_iter().map(|event| (event.name, event.data, event.id)).collect()
    }

    fn event(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.to_owned(), data.to_owned(), id.to_owned())
    }

    /// The examples of the standard.
    #[test]
    fn the_standards_examples() {
        assert_eq!(parse("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("message", "YHOO\n+2\n10", "")]);
        assert_eq!(
            parse(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
            [
                event("message", "first event", "1"),
                event("message", "second event", ""),
                event("message", " third event", "")
            ]
        );
        assert_eq!(parse("data\n\ndata\ndata\n\ndata:"), [event("message", "", ""), event("message", "\n", "")]);
        assert_eq!(parse("data:test\n\ndata: test\n\n"), vec![event("message", "test", ""); 2]);
    }

    #[test]
    fn comments_and_reconnection_times() {
        let mut parser = Parser::new();
        parser.feed(b":\n: a\n:  b\nretry: 03000\nretry: 1x\nretry\n\n");
        assert_eq!(parser.comments(), ["", "a", " b"]);
        assert_eq!(parser.retry(), Some(Duration::from_secs(3)));
        assert!(parser.take().is_empty());
    }

    #[test]
    fn line_ends_bom_and_ids() {
        assert_eq!(parse("\u{feff}data: a\r\ndata: b\rdata: c\n\r\n"), [event("message", "a\nb\nc", "")]);
        assert_eq!(parse("id: 1\n\nid: 2\0\ndata: x\n\n"), [event("message", "x", "1")]);
        assert_eq!(parse("event: a\n\ndata: x\n\n"), [event("message", "x", "")]);
        assert_eq!(parse("data: lost"), []);
    }
}
