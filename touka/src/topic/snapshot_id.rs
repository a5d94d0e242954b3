//! The ids of events within a snapshot. They name a position, and do not resume there: a client that is cut off in the
//! middle of a snapshot needs all of it.

use super::position::Position;
use crate::event::EventId;

/// Follows the id of the position.
const SUFFIX: &str = ".s";

/// The id of a client that is to get a snapshot at this position, or has a part of it.
pub(super) fn within_snapshot(at: &EventId) -> EventId {
    EventId::from_position(format!("{at}{SUFFIX}"))
}

/// The id of the position. `None` if the id is not one within a snapshot.
pub(super) fn snapshot_at(id: &EventId) -> Option<EventId> {
    Some(EventId::from_position(id.to_string().strip_suffix(SUFFIX)?.to_owned()))
}

/// The position that an id names, whether the client is to continue there or is to get a snapshot there.
pub(super) fn named_position(id: &EventId) -> Option<Position> {
    Position::parse(id).or_else(|| Position::parse(&snapshot_at(id)?))
}
