//! What can be set of a stream.

use std::time::Duration;

use super::jitter::within;
use crate::event::{Event, EventId};

/// The options of one stream, with their defaults.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// After how much silence a comment is sent; none for `None`.
    pub(crate) keep_alive: Option<Duration>,
    /// Whether each comment and `retry` ends with a blank line of its own.
    pub(crate) whole_blocks: bool,
    /// The reconnection time sent at open, before its jitter.
    pub(crate) retry: Option<Duration>,
    /// The name and id of the event that marks a normal end.
    pub(crate) end: Option<EventId>,
    /// After how long the stream is ended, before its jitter.
    pub(crate) max_lifetime: Option<Duration>,
    /// How long the client may take nothing; the server's own time for `None`.
    pub(crate) write_timeout: Option<Duration>,
}

impl Options {
    /// The comment that keeps a connection open goes out after this much silence: half of the 30 s
    /// that the most impatient proxies allow.
    const KEEP_ALIVE: Duration = Duration::from_secs(15);

    pub(super) const DEFAULT: Self = Self {
        keep_alive: Some(Self::KEEP_ALIVE),
        whole_blocks: false,
        retry: None,
        end: None,
        max_lifetime: None,
        write_timeout: None,
    };

    /// The comment that keeps an idle connection open. Streams stand between two events whenever it is written, so it
    /// is never inside one.
    pub(crate) const fn comment(&self) -> &'static [u8] {
        if self.whole_blocks { b":\n\n" } else { b":\n" }
    }

    /// The first thing to send. Up to a fifth shorter or longer, so that clients who lost their
    /// server in one moment do not come back in one moment.
    pub(crate) fn opening(&self) -> Option<Event> {
        self.retry.map(|retry| Event::new().retry(within(retry, 0.2)))
    }

    /// The last thing to send when the body has come to its end.
    pub(crate) fn ending(&self) -> Option<Event> {
        self.end.as_ref().map(|end| Event::data("").event(end.to_name()).id(end.clone()))
    }

    /// How long this stream may live. Streams that were opened together end apart.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.max_lifetime.map(|longest| within(longest, 0.1))
    }
}
