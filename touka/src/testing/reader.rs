//! [`Reader`], the position of a client in its stream.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::client::TestClient;
use super::parser::Parser;
use super::received::Received;

/// Reads a stream and stops after each event until the test takes it: the state of the parser is exactly what
/// the test has looked at, however much has arrived.
pub(super) struct Reader {
    client: TestClient,
    parser: Parser,
    /// All pieces that have arrived.
    frames: Vec<Bytes>,
    /// The number of pieces that were parsed whole, and the number of bytes parsed of the next one.
    parsed: (usize, usize),
    /// The event that is dispatched and not taken yet. The parser stands directly after it.
    next: Option<Received>,
    /// The last event id before `next`.
    last_id: String,
    /// The number of comments that were taken.
    comments_taken: usize,
}

/// The next part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    Event,
    Comment,
    End,
}

impl Reader {
    pub(super) fn new(client: TestClient, last_id: &str) -> Self {
        Self {
            client,
            parser: Parser::resume(last_id),
            frames: Vec::new(),
            parsed: (0, 0),
            next: None,
            last_id: last_id.to_owned(),
            comments_taken: 0,
        }
    }

    /// Returns the event that is not taken yet. Always there after [`Arrived::Event`].
    pub(super) const fn event(&self) -> Option<&Received> {
        self.next.as_ref()
    }

    pub(super) fn take_event(&mut self) -> Option<Received> {
        let event = self.next.take()?;
        self.last_id.clone_from(&event.id);
        Some(event)
    }

    /// Takes the next comment. Always there after [`Arrived::Comment`].
    pub(super) fn take_comment(&mut self) -> Option<String> {
        let comment = self.parser.comments().get(self.comments_taken)?.clone();
        self.comments_taken += 1;
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

    pub(super) const fn client(&self) -> &TestClient {
        &self.client
    }

    /// Polls until there is an event to take, or the end.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrived, String>> {
        loop {
            self.parse();
            if self.next.is_some() {
                return Poll::Ready(Ok(Arrived::Event));
            }
            if !ready!(self.poll_frame(cx))? {
                return Poll::Ready(Ok(Arrived::End));
            }
        }
    }

    /// Polls until there is a comment to take, or an event or the end before it.
    pub(super) fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrived, String>> {
        loop {
            self.parse();
            if self.parser.comments().len() > self.comments_taken {
                return Poll::Ready(Ok(Arrived::Comment));
            }
            if self.next.is_some() {
                return Poll::Ready(Ok(Arrived::Event));
            }
            if !ready!(self.poll_frame(cx))? {
                return Poll::Ready(Ok(Arrived::End));
            }
        }
    }

    /// Polls for the next piece; `false` at the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, String>> {
        let frame = ready!(self.client.poll_piece(cx)).transpose()?;
        let arrived = frame.is_some();
        self.frames.extend(frame);
        Poll::Ready(Ok(arrived))
    }

    /// Reads what has arrived, without waiting.
    pub(super) fn receive(&mut self) {
        self.client.receive();
        self.frames.extend(self.client.take_received());
        self.parse();
    }

    /// Parses up to the next event.
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
