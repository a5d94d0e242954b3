//! The keywords of the macros.

/// Option: the path of the touka crate, for generated code.
pub(crate) const CRATE: &str = "crate";

/// Option: the idle time after which a comment is sent.
pub(crate) const KEEP_ALIVE: &str = "keep_alive";
/// Option: the reconnection time.
pub(crate) const RETRY: &str = "retry";
/// Option: how long the response head is held back.
pub(crate) const OPEN_AFTER: &str = "open_after";
/// Option: the event that marks a normal end.
pub(crate) const END: &str = "end";
/// Option: the maximum lifetime of the stream.
pub(crate) const MAX_LIFETIME: &str = "max_lifetime";
/// Option: the time at which the stream ends.
pub(crate) const CLOSE_AT: &str = "close_at";
/// Option: the future that ends the stream.
pub(crate) const CLOSE_WHEN: &str = "close_when";
/// Option: the last event of a stream that `close_at` or `close_when` ends.
pub(crate) const EXPIRED_EVENT: &str = "expired_event";
/// Option: what is added to the head of the response.
pub(crate) const HEAD: &str = "head";
/// Option: the stream's name in the list of open streams.
pub(crate) const LABEL: &str = "label";
/// Option: how long writes to the client may be blocked.
pub(crate) const WRITE_TIMEOUT: &str = "write_timeout";
/// Option: a blank line after each comment and `retry`.
pub(crate) const WHOLE_BLOCKS: &str = "whole_blocks";
/// Option: the function that makes the last event of an error.
pub(crate) const ON_ERROR: &str = "on_error";
/// Option: the function that is called when the stream is dropped.
pub(crate) const ON_CLOSE: &str = "on_close";
/// Option: the body is called repeatedly.
pub(crate) const CALLBACK: &str = "callback";
/// Option: the body runs on a task of its own.
pub(crate) const CHANNEL: &str = "channel";

/// Every option of `#[sse_handler]`.
pub(crate) const OPTIONS: [&str; 17] = [
    CALLBACK,
    CHANNEL,
    CLOSE_AT,
    CLOSE_WHEN,
    CRATE,
    END,
    EXPIRED_EVENT,
    HEAD,
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

/// The attribute of a function that emits events.
pub(crate) const SSE_HANDLER: &str = "sse_handler";

/// The attribute that gives a function a method and a path.
pub(crate) const ROUTE: &str = "route";

/// The documentation of the stub of a handler with errors. `#[route]`, which expands later, recognizes the
/// stub by it and does not report the errors again.
pub(crate) const STUB: &str = "This handler did not compile.";

/// The type of the parameter that receives the emitter.
pub(crate) const EMITTER: &str = "Emitter";

/// The type of the parameter that a callback writes to.
pub(crate) const EVENT_WRITER: &str = "EventWriter";

/// The type of the parameter that sends into the queue of the channel mode.
pub(crate) const EVENT_SENDER: &str = "EventSender";

/// The type that a handler returns.
pub(crate) const EVENT_STREAM: &str = "EventStream";

/// The macro that emits an event.
pub(crate) const EMIT: &str = "emit";

/// The keyword of other generators, which `sse!` accepts as well.
pub(crate) const YIELD: &str = "yield";

/// Matches every method.
pub(crate) const ANY: &str = "ANY";

/// The standard methods, as `http::Method` spells them, and `ANY`.
pub(crate) const METHODS: [&str; 10] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", ANY];
