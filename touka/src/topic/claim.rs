//! [`Claim`], the position that a client claims to have seen, and where it continues in a log.

use super::gap::GapReason;
use super::history::Page;
use super::log::Log;
use super::merged_position::ShortPosition;
use super::on_gap::OnGap;
use super::position::{Epoch, Mark, Position, Tag};
use super::resume::Resumed;
use super::snapshot_id::named_position;
use super::subscribe_options::SubscribeOptions;
use crate::event::EventId;

/// The position in a topic that a client claims to have seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim {
    /// No position: the client has sent no id.
    Nothing,
    /// A text that is not the id of an event of a topic.
    Malformed,
    /// A part of a snapshot.
    Interrupted,
    Position(Position),
    /// A position with a truncated epoch and tag.
    Short(ShortPosition),
}

/// Data of the engine without which a client's position in a log cannot be determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The newest events of the engine, as the log may be behind.
    News,
    /// The events after this offset, which the log does not have any more. The engine may have them.
    History(u64),
}

impl Claim {
    /// The claim of a client of one topic that comes with this id.
    pub(super) fn of(id: Option<&EventId>) -> Self {
        let Some(id) = id else { return Self::Nothing };
        if let Some(position) = Position::parse(id) {
            return Self::Position(position);
        }
        if named_position(id).is_some() { Self::Interrupted } else { Self::Malformed }
    }

    pub(super) const fn has_id(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether the client has an id, and there are events after it.
    pub(super) const fn is_before(&self, head: Mark) -> bool {
        self.has_id() && self.offset() < head.offset
    }

    const fn offset(&self) -> u64 {
        match self {
            Self::Nothing | Self::Malformed | Self::Interrupted => 0,
            Self::Position(position) => position.mark.offset,
            Self::Short(short) => short.offset(),
        }
    }

    fn is_in(&self, epoch: Epoch) -> bool {
        match self {
            Self::Nothing | Self::Malformed | Self::Interrupted => false,
            Self::Position(position) => position.epoch == epoch,
            Self::Short(short) => short.is_in(epoch),
        }
    }

    fn has_tag(&self, tag: Tag) -> bool {
        match self {
            Self::Nothing | Self::Malformed | Self::Interrupted => false,
            Self::Position(position) => position.mark.tag == tag,
            Self::Short(short) => short.has_tag(tag),
        }
    }

    /// Returns where the client continues, and the gap that it is notified of.
    ///
    /// `history` has the events from after the offset that [`Missing::History`] named. `is_fresh` is true if the log has
    /// everything that the engine had when the client connected.
    pub(super) fn locate(
        &self,
        log: &Log,
        options: &SubscribeOptions,
        history: Option<&Page>,
        is_fresh: bool,
    ) -> Result<Resumed, Missing> {
        let oldest = || if log.is_cache() { oldest(log, history) } else { Ok(log.tail()) };
        let resumed = match self {
            Self::Nothing => {
                let seen = if options.earliest { oldest()? } else { log.live() };
                return Ok(Resumed { seen, gap: None });
            }
            Self::Malformed => Resumed { seen: log.live(), gap: Some(GapReason::Malformed) },
            Self::Interrupted => Resumed { seen: log.live(), gap: Some(GapReason::Interrupted) },
            Self::Position(_) | Self::Short(_) => {
                let is_in = self.is_in(log.epoch());
                log.resume_where(self.offset(), is_in, |tag| self.has_tag(tag), options.is_latest())
            }
        };
        let resumed = match resumed.gap {
            Some(GapReason::Trimmed) if log.is_cache() => {
                self.resume_in(log, history.ok_or(Missing::History(self.offset()))?, options.is_latest())
            }
            _ => resumed,
        };
        let is_doubtful = !matches!(resumed.gap, None | Some(GapReason::Malformed));
        if is_doubtful && log.is_cache() && !is_fresh {
            return Err(Missing::News);
        }
        let resumed = match resumed.gap {
            Some(GapReason::Foreign) => Resumed { seen: oldest()?, ..resumed },
            _ => resumed,
        };
        match (resumed.gap, options.rule.on_gap) {
            (None, _) | (Some(_), None) => Ok(resumed),
            (Some(_), Some(OnGap::Live)) => Ok(Resumed { seen: log.live(), ..resumed }),
            (Some(_), Some(OnGap::Earliest)) => Ok(Resumed { seen: oldest()?, ..resumed }),
        }
    }

    /// [`Log::resume`] in the events that the engine has from after the client's offset.
    fn resume_in(&self, log: &Log, history: &Page, latest: bool) -> Resumed {
        let next = history.events.iter().find(|event| event.mark().offset > self.offset());
        let seen = next.map_or(log.tail(), |next| next.previous);
        let is_spared = |spared: Mark| spared.offset == self.offset() && self.has_tag(spared.tag);
        if next.is_none() || seen.offset > self.offset() {
            let is_spared = latest && history.spared.is_some_and(is_spared);
            Resumed { seen, gap: (!is_spared).then_some(GapReason::Trimmed) }
        } else if seen.offset == self.offset() && (self.has_tag(seen.tag) || log.is_damaged(seen)) {
            Resumed { seen, gap: (!self.has_tag(seen.tag)).then_some(GapReason::Trimmed) }
        } else {
            Resumed { seen: log.live(), gap: Some(GapReason::Forked) }
        }
    }
}

/// The mark before the oldest event that the engine has. The event after it may be damaged.
fn oldest(log: &Log, history: Option<&Page>) -> Result<Mark, Missing> {
    if log.tail().offset == 0 {
        return Ok(log.tail());
    }
    let history = history.ok_or(Missing::History(0))?;
    let first = history.events.first().map_or(log.tail(), |first| first.previous);
    Ok(log.kept().filter(|kept| kept.offset < first.offset).unwrap_or(first))
}
