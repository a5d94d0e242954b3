//! [`SubscribeOptions`], what a subscriber asks for, and the position at which it begins to read.

use super::cursor::{Cursor, LagRule, OnLag, Start};
use super::gap::{GapReason, gap, opening};
use super::log::{Log, Resumed};
use super::position::{Mark, Position};
use crate::event::{Event, EventId};

/// The position at which a stream continues after a gap.
///
/// Without it, each reason has a position of its own: [`GapReason`] lists them.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::topic::OnGap;
/// use touka::{EventStream, Hub, HubError, route};
///
/// /// Its page fetches the current state after a gap, so older events are of no use to it.
/// #[route(GET, "/orders")]
/// async fn orders(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     hub.topic("orders")?.subscribe(from).on_gap(OnGap::Live).await
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnGap {
    /// Continues with the next event that is published: for clients that fetch the state by other means after a gap.
    Live,
    /// Continues at the oldest retained event, though the client may have seen it.
    Earliest,
}

/// The options of a subscription, except its starting position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SubscribeOptions {
    pub(super) earliest: bool,
    pub(super) on_gap: Option<OnGap>,
    pub(super) lag: LagRule,
    /// Whether the stream opens without the subscriber's position.
    pub(super) without_position: bool,
}

impl SubscribeOptions {
    /// A cursor for a client that comes with this id, and the first event of its stream.
    pub(super) fn begin(&self, log: &Log, from: Option<&EventId>) -> (Cursor, Event) {
        let (seen, opening) = match from {
            None => {
                let seen = self.first(log, false);
                (seen, self.opening(&log.id(seen)))
            }
            Some(id) => {
                let resumed = match Position::parse(id) {
                    Some(position) => log.resume(position, self.is_latest()),
                    None => Resumed { seen: log.head(), gap: Some(GapReason::Malformed) },
                };
                let seen = self.after(log, &resumed);
                let gap = resumed.gap.map(|reason| gap(reason, id, &log.id(seen)));
                (seen, gap.unwrap_or_else(|| self.opening(&log.id(seen))))
            }
        };
        (self.cursor(seen, log, from.is_some()), opening)
    }

    /// The first event of a stream that has no gap.
    pub(super) fn opening(&self, at: &EventId) -> Event {
        opening(at, !self.without_position)
    }

    /// The mark at which a client begins that has no position in the log. It may have an id of another kind.
    pub(super) const fn first(&self, log: &Log, has_id: bool) -> Mark {
        match (has_id, self.on_gap) {
            (true, Some(OnGap::Earliest)) => log.tail(),
            (false, _) if self.earliest => log.tail(),
            _ => log.head(),
        }
    }

    /// Whether the client wants only the newest event of each key.
    pub(super) fn is_latest(&self) -> bool {
        self.lag.on_lag == OnLag::Latest
    }

    /// A cursor at this mark, for a client that comes with an id or without.
    pub(super) fn cursor(&self, seen: Mark, log: &Log, has_id: bool) -> Cursor {
        let start = match has_id {
            true => Start::Returning,
            false if self.earliest => Start::History(log.head().offset),
            false => Start::Begun,
        };
        Cursor::new(seen, self.lag, start, log)
    }

    /// The mark at which a client continues.
    pub(super) fn after(&self, log: &Log, resumed: &Resumed) -> Mark {
        match (resumed.gap, self.on_gap) {
            (None, _) | (_, None) => resumed.seen,
            (Some(_), Some(OnGap::Live)) => log.head(),
            (Some(_), Some(OnGap::Earliest)) => log.tail(),
        }
    }
}
