//! [`is_event_stream`], which distinguishes event streams from other responses.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Whether the response is of type `text/event-stream`, with any parameters. Streams of other libraries count.
pub(in crate::server) fn is_event_stream(headers: &HeaderMap) -> bool {
    let essence = b"text/event-stream";
    let value = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    value.and_then(|value| value.get(..essence.len())).is_some_and(|start| start.eq_ignore_ascii_case(essence))
}
