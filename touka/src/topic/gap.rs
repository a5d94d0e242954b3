//! The `gap` event: what a client is told when it may have missed something.

use crate::event::{Event, EventId, EventName};

use super::position::Position;

/// Why a client may have missed events.
///
/// | reason | what it means | where the stream goes on |
/// |---|---|---|
/// | `malformed` | the client's id is none of a topic's | with what comes next |
/// | `foreign` | the id is of another log: the topic began anew, or it is another topic's | at the oldest event that is kept |
/// | `future` | the log has lost its end, and with it what the client saw last | with what comes next |
/// | `trimmed` | what comes after the client's id is not kept any more | at the oldest event that is kept |
/// | `forked` | the log has lost its end, and other events stand there now | with what comes next |
/// | `lagged` | the client was too slow, and the topic skips for it | as its [`OnLag`](super::OnLag) says |
///
/// Where the stream goes on is where nothing is missed that can be had, and nothing comes twice
/// that is known to be seen. [`Subscribe::on_gap`](super::Subscribe::on_gap) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The client's id is none of a topic's.
    Malformed,
    /// The id is of another log.
    Foreign,
    /// The log has lost its end.
    Future,
    /// What comes after the client's id is not kept any more.
    Trimmed,
    /// The log has lost its end, and other events stand there now.
    Forked,
    /// The client was too slow.
    Lagged,
}

impl GapReason {
    /// The reason as one word in lower case, as it stands in the event's data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Future => "future",
            Self::Trimmed => "trimmed",
            Self::Forked => "forked",
            Self::Lagged => "lagged",
        }
    }
}

/// `event: gap`, with the reason, the id that the client came with, and the one from which it goes
/// on. That one is the event's own id, too: whoever is cut off right now is not told twice.
pub(super) fn gap(reason: GapReason, from: &EventId, resumed_at: &EventId) -> Event {
    event(&Data { reason: reason.as_str(), topic: None, from, resumed_at }, resumed_at)
}

/// The same of one topic among several.
pub(super) fn gap_of(topic: &str, reason: GapReason, from: &EventId, resumed_at: &EventId) -> Event {
    event(&Data { reason: reason.as_str(), topic: Some(topic), from, resumed_at }, resumed_at)
}

struct Data<'a> {
    reason: &'static str,
    topic: Option<&'a str>,
    from: &'a EventId,
    resumed_at: &'a EventId,
}

fn event(data: &Data<'_>, id: &EventId) -> Event {
    const GAP: EventName = EventName::from_static("gap");
    // Names and ids may hold what must be escaped in JSON.
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let topic = data.topic.map(|topic| format!(r#","topic":{}"#, quoted(topic.to_owned()))).unwrap_or_default();
    let (from, resumed_at) = (quoted(data.from.to_string()), quoted(data.resumed_at.to_string()));
    let reason = data.reason;
    Event::data(format!(r#"{{"reason":"{reason}"{topic},"from":{from},"resumed_at":{resumed_at}}}"#))
        .event(GAP)
        .id(id.clone())
}

/// What a subscriber is told first: where it is.
pub(super) fn checkpoint(at: Position) -> Event {
    Event::new().id(at.to_id())
}
