//! [`Kept`], one topic as a cluster keeps it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::topic::Retention;
use crate::topic::engine::{Draft, Epoch, EventKeys, Mark, NewestEvents, Position, Standing, Stored, Tail};
use crate::topic::unix_time;

/// How long an idempotency key counts.
const KEY_LIFETIME: Duration = Duration::from_mins(10);

/// A topic as the cluster keeps it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) epoch: Epoch,
    /// The mark of the newest event.
    pub(super) head: Mark,
    pub(super) events: Vec<Entry>,
    is_closed: bool,
    /// The idempotency keys, also those of events that are no longer kept.
    once: HashMap<String, (Instant, Position)>,
    /// The logs in which the topic is active, with the number of the node and of the lease.
    pub(super) tails: Vec<(u64, u64, Tail)>,
    /// The right to run the topic's feed.
    pub(super) lead: Option<Right>,
    /// Notified when the right is free.
    pub(super) is_free: Arc<Notify>,
    /// The number of feeds that have ended.
    pub(super) ends: u64,
}

/// An event, and the time of its publish on the clock of the test, which may be paused.
#[derive(Debug)]
pub(super) struct Entry {
    event: Stored,
    published: Instant,
}

impl Entry {
    /// The event as it is read now. The clock of the system does not have the time that has passed on a paused one.
    fn read(&self) -> Stored {
        let age = u64::try_from(self.published.elapsed().as_millis()).unwrap_or(u64::MAX);
        Stored { time: unix_time().saturating_sub(age), ..self.event.clone() }
    }
}

/// The right to run a feed.
#[derive(Debug)]
pub(super) struct Right {
    pub(super) holder: u64,
    pub(super) node: u64,
    /// Sends [`Standing::Lost`] when the node crashes.
    pub(super) standing: watch::Sender<Standing>,
    /// The time at which the right of a node that has crashed is free. `None` while the node lives.
    pub(super) until: Option<Instant>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            epoch: Epoch::random(),
            head: Mark::default(),
            events: Vec::new(),
            is_closed: false,
            once: HashMap::new(),
            tails: Vec::new(),
            lead: None,
            is_free: Arc::default(),
            ends: 0,
        }
    }
}

/// The outcome of a publish.
pub(super) enum Outcome {
    New(Stored),
    Known(Position),
    Closed,
}

impl Kept {
    /// Appends an event.
    pub(super) fn append(&mut self, draft: &Draft, keys: EventKeys<'_>, retention: Retention) -> Outcome {
        self.once.retain(|_, (published, _)| published.elapsed() < KEY_LIFETIME);
        if let Some((_, known)) = keys.once.and_then(|once| self.once.get(once)) {
            return Outcome::Known(*known);
        }
        if self.is_closed {
            return Outcome::Closed;
        }
        self.is_closed = draft.is_last();
        let (previous, mark) = (self.head, self.head.next());
        let position = Position { epoch: self.epoch, mark };
        let event = Stored::of_draft(position, previous, unix_time(), keys, draft);
        self.head = mark;
        self.events.push(Entry { event: event.clone(), published: Instant::now() });
        self.once.extend(keys.once.map(|once| (once.to_owned(), (Instant::now(), position))));
        let excess = self.events.len().saturating_sub(retention.max_events().max(1));
        self.events.drain(..excess);
        Outcome::New(event)
    }

    /// The newest events, as many as a log has memory for.
    pub(super) fn newest(&self, most: usize) -> NewestEvents {
        let newest = &self.events[self.events.len().saturating_sub(most.max(1))..];
        let events: Vec<_> = newest.iter().map(Entry::read).collect();
        let previous = events.first().map_or(self.head, Stored::previous);
        let head = Position { epoch: self.epoch, mark: self.head };
        NewestEvents { head, previous, events, ends: self.ends }
    }

    /// The events between two offsets, at most this many bytes of them and at least one.
    pub(super) fn page(&self, from: u64, until: u64, bytes: usize) -> Vec<Stored> {
        let (mut page, mut size) = (Vec::new(), 0);
        for entry in &self.events {
            let event = &entry.event;
            let offset = event.position().mark.offset;
            if offset <= from || offset > until {
                continue;
            }
            size += event.size();
            if size > bytes && !page.is_empty() {
                break;
            }
            page.push(entry.read());
        }
        page
    }

    /// The logs in which the topic is active.
    pub(super) fn tails(&self) -> Vec<Tail> {
        self.tails.iter().map(|(_, _, tail)| tail.clone()).collect()
    }
}
