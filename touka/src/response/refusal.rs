//! Answers that say no: a status, and one line of text that names what was wrong.

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

/// The line is for whoever reads the response in a terminal, so it ends like one.
pub(crate) fn refusal(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}
