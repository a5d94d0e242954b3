//! Answers that say no: a status, and one line of text that names what was wrong.

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::Error;

/// The line is for whoever reads the response in a terminal, so it ends like one.
pub(crate) fn refusal(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}

/// 500 and one line that tells nothing of the inside, so that a handler can return
/// `touka::Result<EventStream>` and use `?` on touka's own errors.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = ?self, "a handler gave an error");
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request")
    }
}
