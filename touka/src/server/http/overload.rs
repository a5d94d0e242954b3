//! Responses of an overloaded server, which say when to retry.

use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN,
    RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::response::{refusal, stream_later};
use crate::stream::spread;

/// The range of the retry delay. Random, so that rejected clients do not all return at once.
const RETRY_RANGE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// Returns the response to any request that the server has no capacity for: a stream that only sets the
/// reconnection time for clients of events, since a browser's `EventSource` gives up forever after a 503, and a
/// 503 for all others.
///
/// A preflight gets the 503 too. `EventSource` sends none, and clients that are built on `fetch` retry after a
/// failed one. Allowing it here would let a page of any origin send what the service's own CORS layer forbids, as
/// soon as the server has capacity again.
pub(in crate::server) fn overload(request: &HeaderMap, line: &str) -> Response {
    let mut response = answer(request, line);
    if let Some(origin) = request.get(ORIGIN) {
        allow(origin.clone(), response.headers_mut());
    }
    response
}

/// Allows the page to read the response, from any origin, with or without cookies. Without this, an `EventSource`
/// of another origin treats the response as an error and gives up. The service's own CORS layer does not run here,
/// but nothing needs protection: the response is the same for all clients, and only says when to retry.
fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
}

fn answer(request: &HeaderMap, line: &str) -> Response {
    let delay = spread(RETRY_RANGE.0, RETRY_RANGE.1);
    if wants_events(request) {
        return stream_later(delay);
    }
    unavailable(delay, line)
}

/// Returns the response to a request of this origin when the memory for request bodies is exhausted.
pub(in crate::server) fn too_many_bodies(origin: Option<HeaderValue>) -> Response {
    let delay = spread(RETRY_RANGE.0, RETRY_RANGE.1);
    let mut response = unavailable(delay, "the server's memory for request bodies is exhausted: try again later");
    if let Some(origin) = origin {
        allow(origin, response.headers_mut());
    }
    response
}

fn unavailable(delay: Duration, line: &str) -> Response {
    let seconds = delay.as_secs().to_string();
    ([(RETRY_AFTER, seconds)], refusal(StatusCode::SERVICE_UNAVAILABLE, line)).into_response()
}

fn wants_events(request: &HeaderMap) -> bool {
    let accepted = request.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.into_iter().any(|value| value.to_ascii_lowercase().contains("text/event-stream"))
}
