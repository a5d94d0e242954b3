//! Responses that refuse a request: a status, and one line of text with the reason.

use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::BytesMut;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::error::Error;
use crate::event::Event;
use crate::run::{RunError, RunErrorKind};
use crate::stream::spread;
use crate::topic::HubError;

/// The line of a 500. The cause may not be for the client; it goes to the log.
pub(crate) const FAILED: &str = "the server failed to answer this request";

/// A status and one line, with a line end for clients in a terminal.
pub(crate) fn refusal(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}

/// The range of the reconnection time while the topics cannot be read.
const STREAM_LATER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// A stream that ends at once, and says when to reconnect: an error status would make a browser's `EventSource` give up
/// for ever.
pub(crate) fn stream_later(delay: Duration) -> Response {
    let mut wire = BytesMut::new();
    Event::new().retry(delay).encode(&mut wire);
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache, no-transform")];
    (head, Body::from(wire.freeze())).into_response()
}

/// A status and one line, so that a handler can use `?` on the errors of its topics. The line has nothing of the
/// inside.
impl IntoResponse for HubError {
    fn into_response(self) -> Response {
        if self.is_name() || self.is_key() {
            return refusal(StatusCode::BAD_REQUEST, &self.to_string());
        }
        if self.is_closed() {
            return refusal(StatusCode::CONFLICT, &self.to_string());
        }
        if self.is_removed() {
            return refusal(StatusCode::GONE, &self.to_string());
        }
        if self.is_too_large() {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, &self.to_string());
        }
        tracing::error!(target: "touka::topic", error = ?self, "a handler returned an error of its topics");
        if self.is_stream_for_later() {
            return stream_later(spread(STREAM_LATER.0, STREAM_LATER.1));
        }
        if self.is_unavailable() || self.is_unknown() {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "the server cannot reach its events: try again later");
        }
        if self.is_too_many_topics() {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the server has too many topics: try again later")
        } else {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
        }
    }
}

/// The response of the body's error, or a status and one line.
impl IntoResponse for RunError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        match self.into_kind() {
            RunErrorKind::Key(_) => refusal(StatusCode::BAD_REQUEST, &text),
            RunErrorKind::Unknown => refusal(StatusCode::NOT_FOUND, &text),
            RunErrorKind::Running => refusal(StatusCode::CONFLICT, &text),
            RunErrorKind::TooManyOfOwner(_) => {
                refusal(StatusCode::TOO_MANY_REQUESTS, "too many runs are under way: wait for the end of one")
            }
            RunErrorKind::TooMany(_) => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "the server has too many runs: try again later")
            }
            RunErrorKind::ShuttingDown => refusal(StatusCode::SERVICE_UNAVAILABLE, &text),
            RunErrorKind::Refused(response) => {
                let response = response.lock().take();
                response.unwrap_or_else(|| refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED))
            }
            RunErrorKind::Hub(error) => error.into_response(),
        }
    }
}

/// 500 and one line, so that a handler can return `touka::Result<EventStream>` and use `?` on touka's own errors.
/// The line has nothing of the inside.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = ?self, "a handler returned an error");
        refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
    }
}
