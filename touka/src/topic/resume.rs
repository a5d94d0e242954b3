//! [`Resumed`]: where a client continues that has seen the event at a position.

use super::gap::GapReason;
use super::log::Log;
use super::position::{Mark, Position, Tag};

/// The mark at which a client continues, and the gap that it is notified of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// The mark of the last event that the client has seen, or is treated as having seen.
    pub(crate) seen: Mark,
    pub(crate) gap: Option<GapReason>,
}

impl Log {
    /// The mark at which a client continues that has seen the event at this position.
    ///
    /// The tag proves that the client has seen this event, and not another one with the same offset. That is why the
    /// tail has a tag, too.
    ///
    /// With `latest`, events that are superseded do not count as missed.
    pub(crate) fn resume(&self, position: Position, latest: bool) -> Resumed {
        let Position { epoch, mark } = position;
        self.resume_where(mark.offset, epoch == self.epoch(), |tag| tag == mark.tag, latest)
    }

    /// [`Log::resume`] for a position with a truncated epoch and tag.
    pub(crate) fn resume_where(
        &self,
        offset: u64,
        same_epoch: bool,
        is_tag: impl Fn(Tag) -> bool,
        latest: bool,
    ) -> Resumed {
        let gap = |reason, seen| Resumed { seen, gap: Some(reason) };
        if !same_epoch {
            return gap(GapReason::Foreign, self.tail());
        }
        if offset > self.head().offset {
            return gap(GapReason::Future, self.live());
        }
        if offset < self.tail().offset {
            let spared = latest && self.supersedes_trimmed(offset, None) && self.is_proven(offset, is_tag);
            return Resumed { seen: self.tail(), gap: (!spared).then_some(GapReason::Trimmed) };
        }
        match self.mark(offset) {
            Some(seen) if is_tag(seen.tag) => Resumed { seen, gap: None },
            Some(seen) if self.is_damaged(seen) => gap(GapReason::Trimmed, seen),
            // No event of this log has the offset, or another event has it.
            _ => gap(GapReason::Forked, self.live()),
        }
    }
}
