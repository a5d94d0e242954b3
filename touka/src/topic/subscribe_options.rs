//! [`SubscribeOptions`], what a subscriber asks for, and the position at which it begins to read.

use super::cursor::{Cursor, Start};
use super::gap::opening;
use super::log::Log;
use super::position::Mark;
use super::read_rule::ReadRule;
use crate::event::{Event, EventId};

/// The options of a subscription, except its starting position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SubscribeOptions {
    pub(super) earliest: bool,
    pub(super) rule: ReadRule,
    /// Whether the stream opens without the subscriber's position.
    pub(super) without_position: bool,
    /// The number of events that the client may be behind before they are folded. `None` if none are.
    pub(super) fold_after: Option<u64>,
    /// Whether events are folded only for a client that is that far behind when it comes.
    pub(super) folds_at_first: bool,
}

impl SubscribeOptions {
    /// The first event of a stream that has no gap.
    pub(super) fn opening(&self, at: &EventId) -> Event {
        opening(at, !self.without_position)
    }

    /// Whether the client wants only the newest event of each key.
    pub(super) fn is_latest(&self) -> bool {
        self.rule.is_latest()
    }

    /// A cursor at this mark, for a client that comes with an id or without.
    pub(super) fn cursor(&self, seen: Mark, log: &Log, has_id: bool) -> Cursor {
        let start = match has_id {
            true => Start::Returning,
            false if self.earliest => Start::History(log.head().offset),
            false => Start::Begun,
        };
        Cursor::new(seen, self.rule, start, log)
    }
}
