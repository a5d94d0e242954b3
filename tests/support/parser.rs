//! An event stream parser written from the standard's own steps, and from nothing of touka's.

/// One dispatched event, as a client's listener gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// The event's type: `message` where none was given.
    pub event: String,
    /// The event's data.
    pub data: String,
    /// The last event id at the moment of dispatch.
    pub id: String,
}

/// The state of "interpreting an event stream", fed with bytes in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    /// Bytes of a line whose end has not come yet.
    line: Vec<u8>,
    started: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    data: String,
    event: String,
    id_buffer: String,
    last_id: String,
    retry: Option<u64>,
    comments: Vec<String>,
    dispatched: Vec<Dispatched>,
}

impl Parser {
    /// The standard's initial state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let completes_crlf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if completes_crlf => {}
                b'\n' | b'\r' => self.end_of_line(),
                _ => self.line.push(byte),
            }
        }
    }

    /// The events dispatched since the last call.
    pub fn take(&mut self) -> Vec<Dispatched> {
        std::mem::take(&mut self.dispatched)
    }

    /// The comments so far.
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    /// The reconnection time, if one was set.
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The id that a reconnect would send.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    fn end_of_line(&mut self) {
        let mut bytes = std::mem::take(&mut self.line);
        if !self.started {
            self.started = true;
            // One leading BOM of the whole stream is stripped.
            if bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        if line.is_empty() {
            self.dispatch();
        } else if let Some(comment) = line.strip_prefix(':') {
            self.comments.push(comment.to_owned());
        } else if let Some((field, value)) = line.split_once(':') {
            self.field(field, value.strip_prefix(' ').unwrap_or(value));
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
                self.retry = value.parse().ok();
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.last_id.clone_from(&self.id_buffer);
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return;
        }
        data.pop();
        let event = if event.is_empty() { "message".to_owned() } else { event };
        self.dispatched.push(Dispatched { event, data, id: self.last_id.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(stream: &str) -> Vec<(String, String, String)> {
        let mut whole = Parser::new();
        whole.feed(stream.as_bytes());
        let events = whole.take();
        // The pieces in which a stream arrives never matter.
        let mut bytewise = Parser::new();
        for byte in stream.as_bytes() {
            bytewise.feed(&[*byte]);
        }
        assert_eq!(bytewise.take(), events);
        events.into_iter().map(|event| (event.event, event.data, event.id)).collect()
    }

    fn event(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.to_owned(), data.to_owned(), id.to_owned())
    }

    /// The examples of the standard itself.
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
    fn line_ends_bom_and_ids() {
        assert_eq!(parse("\u{feff}data: a\r\ndata: b\rdata: c\n\r\n"), [event("message", "a\nb\nc", "")]);
        assert_eq!(parse("id: 1\n\nid: 2\0\ndata: x\n\n"), [event("message", "x", "1")]);
        assert_eq!(parse("event: a\n\ndata: x\n\n"), [event("message", "x", "")]);
        assert_eq!(parse("data: lost"), []);
    }
}
