//! The `gap` event, which tells a client that it may have missed events, and its [`GapReason`].

use std::sync::Arc;

use super::snapshot_id::within_snapshot;
use crate::event::{Event, EventId, EventName};

/// The reason why a client may have missed events.
///
/// | reason | meaning | the stream continues |
/// |---|---|---|
/// | `malformed` | the client's id is not an id of a topic | with the next event |
/// | `foreign` | the id belongs to another log: another topic's, or the topic was created anew | at the oldest retained event |
/// | `future` | the log has lost its newest events, and the client has seen some of them | with the next event |
/// | `trimmed` | the events after the client's id are no longer retained, or are damaged in the hub's file | at the oldest retained event, or after the damaged ones |
/// | `forked` | the log has lost its newest events, and other events have taken their offsets | with the next event |
/// | `lagged` | the client was too slow, and the topic has skipped events for it; or its next event was trimmed while it connected | as its [`OnLag`](super::OnLag) says; the oldest retained event |
/// | `interrupted` | the client was cut off before it had all events of a [snapshot](super::OnGap::snapshot) | with the next event |
///
/// A stream continues where the client gets every event that is available and none that it is known to have seen.
/// [`Subscribe::on_gap`](super::Subscribe::on_gap) overrides that.
///
/// ```
/// use futures_util::StreamExt;
/// use touka::topic::GapReason;
/// use touka::{Event, EventId, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> touka::Result<()> {
/// let news = Hub::memory().topic::<Event>("news")?;
/// // An id of another server.
/// let mut stream = news.subscribe(EventId::new("A-17")?).await?;
/// let gap = stream.next().await.unwrap();
/// assert_eq!(gap.as_event().unwrap(), "gap");
/// assert!(gap.as_data().unwrap().starts_with(r#"{"reason":"malformed","from":"A-17""#));
/// assert_eq!(GapReason::Malformed.as_str(), "malformed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The client's id is not an id of a topic.
    Malformed,
    /// The id belongs to another log.
    Foreign,
    /// The log has lost its newest events.
    Future,
    /// The events after the client's id are no longer retained, or are damaged in the hub's file.
    Trimmed,
    /// The log has lost its newest events, and other events have taken their offsets.
    Forked,
    /// The client was too slow.
    Lagged,
    /// The client was cut off before it had all events of a snapshot.
    Interrupted,
}

impl GapReason {
    /// The reason as one word in lower case, as in the event's data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Future => "future",
            Self::Trimmed => "trimmed",
            Self::Forked => "forked",
            Self::Lagged => "lagged",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The `gap` event of a stream that follows one topic.
///
/// Its data has the reason, the id that the client came with, and the id at which the stream continues. The latter is
/// also the event's own id, so a client that is cut off right after the event does not get it again.
pub(super) fn gap(reason: GapReason, from: &EventId, resumed_at: &EventId) -> Event {
    event(&Data { reason: reason.as_str(), topic: None, from, resumed_at }, resumed_at)
}

/// A gap that a reader has found.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) reason: GapReason,
    /// The topic, on a stream that follows several. `None` if the gap concerns all of them.
    pub(super) topic: Option<Arc<str>>,
    pub(super) from: EventId,
    pub(super) resumed_at: EventId,
}

impl Gap {
    /// The `gap` event of a stream that continues at once.
    pub(super) fn into_event(self) -> Event {
        let id = self.resumed_at.clone();
        self.with_id(&id)
    }

    /// The `gap` event of a stream that continues with a snapshot at this position. Its id does not resume there: a client
    /// that is cut off after this event still needs the snapshot.
    pub(super) fn into_event_before_snapshot(mut self, at: &EventId) -> Event {
        self.resumed_at = at.clone();
        self.with_id(&within_snapshot(at))
    }

    fn with_id(&self, id: &EventId) -> Event {
        let Self { reason, topic, from, resumed_at } = self;
        event(&Data { reason: reason.as_str(), topic: topic.as_deref(), from, resumed_at }, id)
    }
}

struct Data<'a> {
    reason: &'static str,
    topic: Option<&'a str>,
    from: &'a EventId,
    resumed_at: &'a EventId,
}

fn event(data: &Data<'_>, id: &EventId) -> Event {
    const GAP: EventName = EventName::from_static("gap");
    // Names and ids may contain characters that JSON escapes.
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let topic = data.topic.map(|topic| format!(r#","topic":{}"#, quoted(topic.to_owned()))).unwrap_or_default();
    let (from, resumed_at) = (quoted(data.from.to_string()), quoted(data.resumed_at.to_string()));
    let reason = data.reason;
    Event::data(format!(r#"{{"reason":"{reason}"{topic},"from":{from},"resumed_at":{resumed_at}}}"#))
        .event(GAP)
        .id(id.clone())
}

/// The first event of a subscriber's stream: its position, or a comment if the position is switched off.
///
/// The comment fires no event in any client. It gives the stream a first frame, which the server needs to decide
/// whether it may park the connection.
pub(super) fn opening(at: &EventId, has_position: bool) -> Event {
    if has_position { Event::new().id(at.clone()) } else { Event::new().comment("open") }
}
