//! [`Failure`], the end of a stream that fails after its head was sent.

use http::StatusCode;

use super::handler_error::HandlerError;
use crate::error::CloseReason;
use crate::event::{Event, EventName};

/// A failure after the point where a status could be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: CloseReason,
    /// The last event of the stream, if there is one. Boxed, because the result of each poll has space for
    /// it.
    pub(crate) event: Option<Box<Event>>,
}

impl Failure {
    /// The body has returned this error.
    pub(super) fn returned(error: impl HandlerError) -> Self {
        Self::new(CloseReason::Failed, event(error.into_error_response().status()))
    }

    /// The body has returned an error for which the user has made this event.
    pub(super) fn with_event(event: Event) -> Self {
        Self::new(CloseReason::Failed, event)
    }

    /// User code has panicked.
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

/// Makes an event of the status, and never of the error's text, which may hold internal details.
fn event(status: StatusCode) -> Event {
    const ERROR: EventName = EventName::from_static("error");
    let number = status.as_u16();
    // Reason phrases are a fixed list, without characters that JSON escapes.
    let title = status.canonical_reason().unwrap_or("Error");
    Event::data(format!(r#"{{"status":{number},"title":"{title}"}}"#)).event(ERROR)
}
