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
/// Option: the body is a run, which outlives its client; the value is the template of its key.
pub(crate) const DETACHED: &str = "detached";

/// Option of a run: what happens when the last viewer has left.
pub(crate) const ON_DISCONNECT: &str = "on_disconnect";
/// Option of a run: how long a body that is to stop may go on.
pub(crate) const STOP_GRACE: &str = "stop_grace";
/// Option of a run: how long the body may run.
pub(crate) const MAX_RUN: &str = "max_run";
/// Option of a run: how many bytes its events may have.
pub(crate) const MAX_BYTES: &str = "max_bytes";
/// Option of a run: how long it is kept after its end.
pub(crate) const KEEP_FOR: &str = "keep_for";
/// Option of a run: the template of its owner.
pub(crate) const OWNER: &str = "owner";
/// Option of a run: the function that makes its last event.
pub(crate) const LAST_EVENT: &str = "last_event";

/// Every option of `#[sse_handler]`.
pub(crate) const OPTIONS: [&str; 25] = [
    CALLBACK,
    CHANNEL,
    CLOSE_AT,
    CLOSE_WHEN,
    CRATE,
    DETACHED,
    END,
    EXPIRED_EVENT,
    HEAD,
    KEEP_ALIVE,
    KEEP_FOR,
    LABEL,
    LAST_EVENT,
    MAX_BYTES,
    MAX_LIFETIME,
    MAX_RUN,
    ON_CLOSE,
    ON_DISCONNECT,
    ON_ERROR,
    OPEN_AFTER,
    OWNER,
    RETRY,
    STOP_GRACE,
    WHOLE_BLOCKS,
    WRITE_TIMEOUT,
];

/// The values of `on_disconnect`.
pub(crate) const KEEP: &str = "keep";
pub(crate) const CANCEL: &str = "cancel";
pub(crate) const CANCEL_AFTER: &str = "cancel_after";

/// The mark by which `#[route]` tells a detached `#[sse_handler]`, which expands later, that it is there. Not an option
/// for users.
pub(crate) const ROUTED: &str = "__routed";

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

/// The function by which the body of a run learns that it is to stop.
pub(crate) const STOPPING: &str = "stopping";

/// The keyword of other generators, which `sse!` accepts as well.
pub(crate) const YIELD: &str = "yield";

/// Matches every method.
pub(crate) const ANY: &str = "ANY";

/// The standard methods, as `http::Method` spells them, and `ANY`.
pub(crate) const METHODS: [&str; 10] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", ANY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented() {
        let page = include_str!("sse_handler.md");
        for option in OPTIONS {
            assert!(page.contains(&format!("\n| `{option}` |")), "sse_handler.md has no row for `{option}`");
        }
    }
}
