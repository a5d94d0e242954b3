//! [`without_body`], a response of which only the head is sent.

use axum_core::body::Body;
use axum_core::response::Response;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;

use crate::stream::{drop_guarded, guarded};

/// Drops the body and keeps its length in the head, if it is known and the status allows a body. A stream without a
/// reader must not wait for one.
///
/// A body that is at its end has no length to keep: it may be what this function has left of another one.
pub(crate) fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let length = guarded("the size of a body", || body.size_hint().exact().filter(|_| !body.is_end_stream())).flatten();
    drop_guarded(body);
    if let Some(length) = length
        && !forbids_body(head.status)
    {
        head.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    Response::from_parts(head, Body::empty())
}

/// Whether responses with this status never have a body.
pub(crate) fn forbids_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}
