//! [`Options`], the settings of a stream.

use std::time::Duration;

use super::jitter::within;
use crate::event::{Event, EventId};

/// The options of one stream, with their defaults.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The idle time after which a comment is sent; `None` for no comments.
    pub(crate) keep_alive: Option<Duration>,
    /// Whether each comment and `retry` ends with a blank line of its own.
    pub(crate) whole_blocks: bool,
    /// The reconnection time that is sent at the opening, before its jitter.
    pub(crate) retry: Option<Duration>,
    /// The name and id of the event that marks a normal end.
    pub(crate) end: Option<EventId>,
    /// The time after which the stream is ended, before its jitter.
    pub(crate) max_lifetime: Option<Duration>,
    /// How long writes to the client may be blocked; the server's default for `None`.
    pub(crate) write_timeout: Option<Duration>,
}

impl Options {
    /// The default idle time before a comment: half of the 30 s that the strictest proxies allow.
    const KEEP_ALIVE: Duration = Duration::from_secs(15);

    pub(super) const DEFAULT: Self = Self {
        keep_alive: Some(Self::KEEP_ALIVE),
        whole_blocks: false,
        retry: None,
        end: None,
        max_lifetime: None,
        write_timeout: None,
    };

    /// Returns the keep-alive comment. It is only written between two events, never inside one.
    pub(crate) const fn comment(&self) -> &'static [u8] {
        if self.whole_blocks { b":\n\n" } else { b":\n" }
    }

    /// Returns the first event of the response itself. The reconnection time is up to a fifth shorter or
    /// longer, so that clients that lost their server together do not reconnect together.
    pub(crate) fn opening(&self) -> Option<Event> {
        self.retry.map(|retry| Event::new().retry(within(retry, 0.2)))
    }

    /// Returns the event that marks the normal end.
    pub(crate) fn ending(&self) -> Option<Event> {
        self.end.as_ref().map(|end| Event::data("").event(end.to_name()).id(end.clone()))
    }

    /// Returns how long this stream may live. Streams that were opened together end at different times.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.max_lifetime.map(|longest| within(longest, 0.1))
    }
}
