//! [`RunStatus`], how far a run has come.

use std::fmt;

use http::StatusCode;

use crate::event::{Event, EventName};

/// How far a run has come.
///
/// A run ends once, with one of the other four. Its last event has the same name in lower case, such as `done`, unless
/// [`Run::last_event`](super::Run::last_event) makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// The body runs, or is about to.
    Running,
    /// The body has ended by itself.
    Done,
    /// The body has returned an error or has panicked, or the run has exceeded one of its limits.
    Failed,
    /// The run was stopped: by [`Run::stop`](super::Run::stop), because its last viewer has left, or because its process
    /// has shut down.
    Cancelled,
    /// The process that ran the body has died, or could not reach the events for so long that another process has
    /// declared the run lost.
    Lost,
}

impl RunStatus {
    /// The name in lower case: `running`, `done`, `failed`, `cancelled` or `lost`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// Whether the run has ended.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Running)
    }

    /// The status with this name, if it is that of an end.
    pub(super) fn of_end(name: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Cancelled, Self::Lost].into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The body has ended by itself. The event is that of its `end` option, if that is set.
    Done(Option<Event>),
    /// The body has failed. The event is that of a stream that fails so.
    Failed(Option<Event>),
    /// The body has failed, with the event that its `on_error` has made.
    FailedWith(Event),
    /// A limit was exceeded. The text names it.
    Exceeded(StatusCode, &'static str),
    /// The run was stopped, for this reason.
    Cancelled(&'static str),
    Lost,
}

impl End {
    pub(super) const fn status(&self) -> RunStatus {
        match self {
            Self::Done(_) => RunStatus::Done,
            Self::Failed(_) | Self::FailedWith(_) | Self::Exceeded(..) => RunStatus::Failed,
            Self::Cancelled(_) => RunStatus::Cancelled,
            Self::Lost => RunStatus::Lost,
        }
    }

    /// The last event of the run, as far as the body has set it.
    pub(super) fn own_event(&self) -> Option<Event> {
        match self {
            Self::Done(event) => event.clone(),
            Self::FailedWith(event) => Some(event.clone()),
            Self::Failed(_) | Self::Exceeded(..) | Self::Cancelled(_) | Self::Lost => None,
        }
    }

    /// The last event of the run that touka makes.
    pub(super) fn into_event(self) -> Event {
        const DONE: EventName = EventName::from_static("done");
        const FAILED: EventName = EventName::from_static("failed");
        const CANCELLED: EventName = EventName::from_static("cancelled");
        const LOST: EventName = EventName::from_static("lost");
        match self {
            Self::Done(_) => Event::data("{}").event(DONE),
            // The status that a stream would end with, under the name of this end.
            Self::Failed(Some(event)) => event.event(FAILED),
            Self::Failed(None) | Self::FailedWith(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, ""),
            Self::Exceeded(status, limit) => failed(status, &format!(r#","limit":"{limit}""#)),
            Self::Cancelled(reason) => Event::data(format!(r#"{{"reason":"{reason}"}}"#)).event(CANCELLED),
            Self::Lost => Event::data("{}").event(LOST),
        }
    }
}

fn failed(status: StatusCode, more: &str) -> Event {
    const FAILED: EventName = EventName::from_static("failed");
    let (number, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    Event::data(format!(r#"{{"status":{number},"title":"{title}"{more}}}"#)).event(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_event() {
        let text = |end: End| end.into_event().to_string();
        assert_eq!(text(End::Done(None)), "event: done\ndata: {}\n\n");
        assert_eq!(text(End::Lost), "event: lost\ndata: {}\n\n");
        assert_eq!(text(End::Cancelled("stopped")), "event: cancelled\ndata: {\"reason\":\"stopped\"}\n\n");
        let limit = End::Exceeded(StatusCode::INSUFFICIENT_STORAGE, "max_bytes");
        let data = r#"{"status":507,"title":"Insufficient Storage","limit":"max_bytes"}"#;
        assert_eq!(text(limit), format!("event: failed\ndata: {data}\n\n"));
        let error = Event::data(r#"{"status":502,"title":"Bad Gateway"}"#).event("error");
        assert_eq!(
            text(End::Failed(Some(error))),
            "event: failed\ndata: {\"status\":502,\"title\":\"Bad Gateway\"}\n\n"
        );
        let own = Event::data("out of tokens").event("error");
        for end in [End::FailedWith(own.clone()), End::Done(Some(own.clone()))] {
            assert_eq!(end.own_event(), Some(own.clone()));
        }
        for status in [RunStatus::Done, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Lost] {
            assert_eq!(RunStatus::of_end(status.as_str()), Some(status));
        }
        assert_eq!(RunStatus::of_end("running"), None);
    }
}
