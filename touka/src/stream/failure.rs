//! What a client is told when a stream fails after its head was sent.

use axum_core::response::IntoResponse;
use http::StatusCode;

use crate::error::CloseReason;
use crate::event::{Event, EventName};

/// A failure past the point where a status could be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    pub(crate) reason: CloseReason,
}

impl Failure {
    /// The body returned this error.
    pub(super) fn returned(error: impl IntoResponse) -> Self {
        Self { status: error.into_response().status(), reason: CloseReason::Failed }
    }

    /// The body panicked.
    pub(crate) const PANICKED: Self = Self { status: StatusCode::INTERNAL_SERVER_ERROR, reason: CloseReason::Panicked };

    /// An event could not be encoded.
    pub(crate) const UNENCODABLE: Self =
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, reason: CloseReason::Failed };

    /// The last event of the stream: the status in words and never the error's own text, which may
    /// hold what is none of the client's business.
    pub(crate) fn event(self) -> Event {
        const ERROR: EventName = EventName::from_static("error");
        let status = self.status.as_u16();
        // Reason phrases are a fixed list without a character that JSON would escape.
        let title = self.status.canonical_reason().unwrap_or("Error");
        Event::data(format!(r#"{{"status":{status},"title":"{title}"}}"#)).event(ERROR)
    }
}
