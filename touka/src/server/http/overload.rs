//! The answer when there are too many: come back later.

use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::BytesMut;
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    CACHE_CONTROL, CONTENT_TYPE, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::event::Event;
use crate::response::refusal;
use crate::stream::spread;

/// When those who were turned away come back: spread, or they would all meet again.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// Answers any request alike. A browser's `EventSource` gives up for ever at a 503, but not at a
/// stream that tells it when to come back and ends.
///
/// A preflight gets the 503 too. `EventSource` sends none, and clients that are built on `fetch` try
/// again after one that has failed. Allowing it here would let a page of any origin send what the
/// service's own CORS layer forbids, as soon as there is a place again.
pub(in crate::server) fn overload(request: &HeaderMap, line: &str) -> Response {
    let mut response = answer(request, line);
    if let Some(origin) = request.get(ORIGIN) {
        allow(origin.clone(), response.headers_mut());
    }
    response
}

/// Lets the page that asks read the answer, whatever origin it is of and whether it sends cookies.
/// Without this an `EventSource` of another origin takes the answer for an error, and gives up. The
/// service's own CORS layer is not asked here, but there is nothing to protect: the answer is the same
/// for everybody, and holds nothing but when to come back.
fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
}

fn answer(request: &HeaderMap, line: &str) -> Response {
    let delay = spread(COME_BACK.0, COME_BACK.1);
    if wants_events(request) {
        let mut wire = BytesMut::new();
        Event::new().retry(delay).encode(&mut wire);
        let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache, no-transform")];
        return (head, Body::from(wire.freeze())).into_response();
    }
    unavailable(delay, line)
}

/// The answer to a request with a body, and of this origin, when the memory for bodies is used up.
pub(in crate::server) fn too_many_bodies(origin: Option<HeaderValue>) -> Response {
    let delay = spread(COME_BACK.0, COME_BACK.1);
    let mut response = unavailable(delay, "the server holds too many bodies of requests: try again later");
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
