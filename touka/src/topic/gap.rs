//! The `gap` event: what a client is told when it may have missed something.

use crate::event::{Event, EventId, EventName};

use super::gap_reason::GapReason;
use super::log::Log;
use super::position::Mark;

/// `event: gap`, with the reason, the id that the client came with, and the one from which it goes
/// on. That one is the event's own id, too: whoever is cut off right now is not told twice.
pub(super) fn gap(reason: GapReason, from: &EventId, resumed_at: &EventId) -> Event {
    event(&Data { reason: reason.as_str(), topic: None, from, resumed_at }, resumed_at)
}

/// What a subscriber is told who was too slow.
pub(crate) fn lagged(log: &Log, from: Mark, to: Mark) -> Event {
    gap(GapReason::Lagged, &log.id(from), &log.id(to))
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

/// The first event of a subscriber's stream: its position, or a comment where the position is switched off.
///
/// The comment fires nothing at any client. It gives the stream a first frame, by which the server knows whether it
/// may park the connection.
pub(super) fn opening(at: &EventId, has_position: bool) -> Event {
    if has_position { Event::new().id(at.clone()) } else { Event::new().comment("open") }
}
