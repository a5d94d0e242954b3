//! What a client has read of a stream, and what it will read next.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::link::Link;
use super::parser::Parser;
use super::received::Received;

/// Reads a stream, and stops behind each event until it is taken: what is known of the stream goes
/// exactly as far as the test has looked, whatever else has come.
pub(super) struct Reader {
    link: Link,
    parser: Parser,
    /// All pieces that have come.
    frames: Vec<Bytes>,
    /// How many of them the parser has taken whole, and how many bytes of the next one.
    parsed: (usize, usize),
    /// Dispatched and not yet taken. The parser stands right behind it.
    next: Option<Received>,
    /// The last event id before `next`.
    last_id: String,
    /// How many comments were taken.
    heard: usize,
}

/// What came next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Event,
    Comment,
    End,
}

impl Reader {
    pub(super) fn new(link: Link, last_id: &str) -> Self {
        Self {
            link,
            parser: Parser::resume(last_id),
            frames: Vec::new(),
            parsed: (0, 0),
            next: None,
            last_id: last_id.to_owned(),
            heard: 0,
        }
    }

    /// The event that the parser stands behind, which is there after [`Came::Event`].
    pub(super) const fn event(&self) -> Option<&Received> {
        self.next.as_ref()
    }

    pub(super) fn take_event(&mut self) -> Option<Received> {
        let event = self.next.take()?;
        self.last_id.clone_from(&event.id);
        Some(event)
    }

    /// The next comment, which is there after [`Came::Comment`].
    pub(super) fn take_comment(&mut self) -> Option<String> {
        let comment = self.parser.comments().get(self.heard)?.clone();
        self.heard += 1;
        Some(comment)
    }

    pub(super) const fn parser(&self) -> &Parser {
        &self.parser
    }

    pub(super) fn frames(&self) -> &[Bytes] {
        &self.frames
    }

    pub(super) fn last_id(&self) -> &str {
        &self.last_id
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    /// Ready when there is an event to take, or the end.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, String>> {
        loop {
            self.parse();
            if self.next.is_some() {
                return Poll::Ready(Ok(Came::Event));
            }
            if !ready!(self.poll_frame(cx))? {
                return Poll::Ready(Ok(Came::End));
            }
        }
    }

    /// Ready when there is a comment that was not taken, or what came instead.
    pub(super) fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, String>> {
        loop {
            self.parse();
            if self.parser.comments().len() > self.heard {
                return Poll::Ready(Ok(Came::Comment));
            }
            if self.next.is_some() {
                return Poll::Ready(Ok(Came::Event));
            }
            if !ready!(self.poll_frame(cx))? {
                return Poll::Ready(Ok(Came::End));
            }
        }
    }

    /// Ready with true when a frame has come, with false at the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, String>> {
        let frame = ready!(self.link.poll_piece(cx)).transpose()?;
        let came = frame.is_some();
        self.frames.extend(frame);
        Poll::Ready(Ok(came))
    }

    /// Takes what has come, without waiting.
    pub(super) fn arrive(&mut self) {
        self.link.arrive();
        self.frames.extend(self.link.arrived());
        self.parse();
    }

    /// Reads on, up to the next event.
    fn parse(&mut self) {
        while self.next.is_none()
            && let Some(frame) = self.frames.get(self.parsed.0)
        {
            let used = self.parser.feed_line(&frame[self.parsed.1..]);
            self.parsed.1 += used;
            if self.parsed.1 == frame.len() {
                self.parsed = (self.parsed.0 + 1, 0);
            }
            self.next = self.parser.take().pop();
            if self.next.is_none() {
                self.parser.last_event_id().clone_into(&mut self.last_id);
            }
        }
    }
}
