//! [`Row`], the data of a topic, except its events.

use crate::topic::position::{Epoch, Mark, Tag};

/// The data of a topic, except its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) epoch: Epoch,
    /// The key of the topic's events. No other topic ever gets the same number.
    pub(super) number: u64,
    /// The mark before the first event.
    pub(super) tail: Mark,
}

impl Row {
    pub(super) const fn values(&self) -> (u64, u64, u64, u32) {
        (self.epoch.bits(), self.number, self.tail.offset, self.tail.tag.bits())
    }

    pub(super) const fn of((epoch, number, offset, tag): (u64, u64, u64, u32)) -> Self {
        Self { epoch: Epoch::from_bits(epoch), number, tail: Mark { offset, tag: Tag::from_bits(tag) } }
    }
}
