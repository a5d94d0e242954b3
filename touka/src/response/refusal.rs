//! Answers that say no: a status, and one line of text that names what was wrong.

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::Error;
use crate::topic::HubError;

/// The line is for whoever reads the response in a terminal, so it ends like one.
pub(crate) fn refusal(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}

/// A status and one line that tells nothing of the inside, so that a handler can use `?` on what
/// its topics say.
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
        tracing::error!(target: "touka::topic", error = ?self, "a handler gave an error of its topics");
        if self.is_too_many_topics() {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the server has too many topics: try again later")
        } else {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request")
        }
    }
}

/// 500 and one line that tells nothing of the inside, so that a handler can return
/// `touka::Result<EventStream>` and use `?` on touka's own errors.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = ?self, "a handler gave an error");
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request")
    }
}
