//! Responses that refuse a request: a status, and one line of text with the reason.

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::Error;
use crate::topic::HubError;

/// The line of a 500. The cause may not be for the client; it goes to the log.
pub(crate) const FAILED: &str = "the server failed to answer this request";

/// A status and one line, with a line end for clients in a terminal.
pub(crate) fn refusal(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}

/// A status and one line, so that a handler can use `?` on the errors of its topics. The line has nothing of the
/// inside.
impl IntoResponse for HubError {
    fn into_response(self) -> Response {
        if self.is_name() || self.is_key() {
            return refusal(StatusCode::BAD_REQUEST, &self.to_string());
        }
        if self.is_removed() {
            return refusal(StatusCode::GONE, &self.to_string());
        }
        if self.is_too_large() {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, &self.to_string());
        }
        tracing::error!(target: "touka::topic", error = ?self, "a handler returned an error of its topics");
        if self.is_too_many_topics() {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the server has too many topics: try again later")
        } else {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
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
