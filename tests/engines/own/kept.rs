//! [`Kept`], one topic as a [`Store`](super::Store) keeps it.

use std::collections::HashMap;

use touka::topic::engine::{Epoch, EventKeys, FeedEnd, Mark, NewestEvents, Position, Stored, Tail};

/// One topic.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) epoch: Epoch,
    pub(super) head: Mark,
    pub(super) events: Vec<Record>,
    pub(super) is_closed: bool,
    /// The events with idempotency keys, which may be trimmed.
    pub(super) once: HashMap<String, Position>,
    pub(super) ends: u64,
    pub(super) end: Option<FeedEnd>,
    pub(super) tails: Vec<(u64, Tail)>,
}

/// One event, as a store without types would keep it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) position: Position,
    pub(super) previous: Mark,
    pub(super) time: u64,
    pub(super) key: Option<String>,
    pub(super) wire: Vec<u8>,
}

impl Record {
    pub(super) fn to_stored(&self) -> Stored {
        let keys = EventKeys { key: self.key.as_deref(), once: None };
        Stored::new(self.position, self.previous, self.time, keys, &self.wire)
    }
}

impl Default for Kept {
    fn default() -> Self {
        let (events, once, tails, head) = (Vec::new(), HashMap::new(), Vec::new(), Mark::default());
        Self { epoch: Epoch::random(), head, events, is_closed: false, once, ends: 0, end: None, tails }
    }
}

impl Kept {
    pub(super) fn newest(&self, most: usize) -> NewestEvents {
        let from = self.events.len().saturating_sub(most);
        let events: Vec<_> = self.events[from..].iter().map(Record::to_stored).collect();
        let previous = events.first().map_or(self.head, Stored::previous);
        NewestEvents { head: Position { epoch: self.epoch, mark: self.head }, previous, events, ends: self.ends }
    }
}
