//! The words of the attributes, each written once.

/// Option: where generated code finds the touka crate.
pub(crate) const CRATE: &str = "crate";

/// Option: the silence after which a comment is sent.
pub(crate) const KEEP_ALIVE: &str = "keep_alive";
/// Option: the reconnection time.
pub(crate) const RETRY: &str = "retry";
/// Option: how long the head is held.
pub(crate) const OPEN_AFTER: &str = "open_after";
/// Option: the event that marks a normal end.
pub(crate) const END: &str = "end";
/// Option: the longest that a stream lives.
pub(crate) const MAX_LIFETIME: &str = "max_lifetime";
/// Option: the moment at which the stream ends.
pub(crate) const CLOSE_AT: &str = "close_at";
/// Option: the future with which the stream ends.
pub(crate) const CLOSE_WHEN: &str = "close_when";
/// Option: the last event of a stream that one of those two has ended.
pub(crate) const EXPIRED_EVENT: &str = "expired_event";
/// Option: what the stream is called.
pub(crate) const LABEL: &str = "label";
/// Option: the longest that a client takes nothing.
pub(crate) const WRITE_TIMEOUT: &str = "write_timeout";
/// Option: a blank line after each comment and `retry`.
pub(crate) const WHOLE_BLOCKS: &str = "whole_blocks";
/// Option: what makes the last event of an error.
pub(crate) const ON_ERROR: &str = "on_error";
/// Option: what is called when the stream is gone.
pub(crate) const ON_CLOSE: &str = "on_close";
/// Option: the body is called again and again.
pub(crate) const CALLBACK: &str = "callback";
/// Option: the body runs on a task of its own.
pub(crate) const CHANNEL: &str = "channel";

/// Every option of `#[sse_handler]`.
pub(crate) const OPTIONS: [&str; 16] = [
    CALLBACK,
    CHANNEL,
    CLOSE_AT,
    CLOSE_WHEN,
    CRATE,
    END,
    EXPIRED_EVENT,
    KEEP_ALIVE,
    LABEL,
    MAX_LIFETIME,
    ON_CLOSE,
    ON_ERROR,
    OPEN_AFTER,
    RETRY,
    WHOLE_BLOCKS,
    WRITE_TIMEOUT,
];

/// The attribute whose functions have a body that emits.
pub(crate) const SSE_HANDLER: &str = "sse_handler";

/// The attribute that gives a function a method and a path.
pub(crate) const ROUTE: &str = "route";

/// The documentation of a handler with mistakes. It tells `#[route]`, which expands later, that
/// they are reported.
pub(crate) const STUB: &str = "This handler did not compile.";

/// The type whose parameter receives the emitter itself.
pub(crate) const EMITTER: &str = "Emitter";

/// The type whose parameter a callback writes to.
pub(crate) const EVENT_WRITER: &str = "EventWriter";

/// The type whose parameter sends into the queue of the channel mode.
pub(crate) const EVENT_SENDER: &str = "EventSender";

/// The type that a handler returns.
pub(crate) const EVENT_STREAM: &str = "EventStream";

/// The word that hands over an event.
pub(crate) const EMIT: &str = "emit";

/// The word that users of other generators type first.
pub(crate) const YIELD: &str = "yield";

/// The standard methods, as `http::Method` spells them.
pub(crate) const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
