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
    /// Whether the user's `on_error` has made the event.
    pub(crate) by_user: bool,
}

impl Failure {
    /// The body has returned this error.
    pub(super) fn returned(error: impl HandlerError) -> Self {
        Self::of_status(CloseReason::Failed, error.into_error_response().status())
    }

    /// The body has returned an error for which the user has made this event.
    pub(super) fn with_event(event: Event) -> Self {
        Self { by_user: true, ..Self::closed(CloseReason::Failed, Some(Box::new(event))) }
    }

    /// User code has panicked.
    pub(crate) fn panicked() -> Self {
        Self::of_status(CloseReason::Panicked, StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// An event could not be encoded.
    pub(crate) fn unencodable() -> Self {
        Self::of_status(CloseReason::Failed, StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stream was ended for this reason, with an event that is not the user's.
    pub(crate) const fn closed(reason: CloseReason, event: Option<Box<Event>>) -> Self {
        Self { reason, event, by_user: false }
    }

    fn of_status(reason: CloseReason, status: StatusCode) -> Self {
        Self::closed(reason, Some(Box::new(event(status))))
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
