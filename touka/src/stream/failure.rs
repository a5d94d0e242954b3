//! What a client is told when a stream fails after its head was sent.

use http::StatusCode;

use super::handler_error::HandlerError;
use crate::error::CloseReason;
use crate::event::{Event, EventName};

/// A failure past the point where a status could be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: CloseReason,
    /// The last event of the stream, if there is one. In a box, because every event that does not
    /// fail is handed on beside the room for this.
    pub(crate) event: Option<Box<Event>>,
}

impl Failure {
    /// The body returned this error.
    pub(super) fn returned(error: impl HandlerError) -> Self {
        Self::new(CloseReason::Failed, event(error.into_error_response().status()))
    }

    /// The body returned an error, and this is what the user has the client told of it.
    pub(super) fn told(event: Event) -> Self {
        Self::new(CloseReason::Failed, event)
    }

    /// The user's code panicked.
    pub(crate) fn panicked() -> Self {
        Self::new(CloseReason::Panicked, event(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// An event could not be encoded.
    pub(crate) fn unencodable() -> Self {
        Self::new(CloseReason::Failed, event(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn new(reason: CloseReason, event: Event) -> Self {
        Self { reason, event: Some(Box::new(event)) }
    }
}

/// The status in words and never the error's own text, which may hold what is none of the client's
/// business.
fn event(status: StatusCode) -> Event {
    const ERROR: EventName = EventName::from_static("error");
    let number = status.as_u16();
    // Reason phrases are a fixed list without a character that JSON would escape.
    let title = status.canonical_reason().unwrap_or("Error");
    Event::data(format!(r#"{{"status":{number},"title":"{title}"}}"#)).event(ERROR)
}
