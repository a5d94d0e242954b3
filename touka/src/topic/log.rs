//! [`Log`], the retained events of one topic.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::encoded::{Draft, Encoded};
use super::gap::GapReason;
use super::generation::{End, Generation, Generations};
use super::position::{Epoch, Mark, Position, Tag};
use super::retention::Retention;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::random;

/// The newest events of a topic, at consecutive offsets, and the mark before the first of them.
///
/// It has no lock and no clock: [`SharedLog`](super::SharedLog) adds those. [`Generations`] determine where it ends.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: Epoch,
    /// Whether the epoch was drawn for this log. Then every position with this epoch was given out by this log.
    is_own_epoch: bool,
    /// The mark before the first retained event. A client that has seen everything that was trimmed has this tag.
    tail: Mark,
    /// The mark of the newest event.
    head: Mark,
    entries: VecDeque<LogEntry>,
    /// The bytes of all events that were ever appended, keys included.
    written: u64,
    retention: Retention,
    /// The offset of the last event that was trimmed while it was the newest of its key, or had no key.
    lost: u64,
    /// The highest offset of an event that supersedes a trimmed one.
    newest_superseding: u64,
    /// The tags of the events that were trimmed last, from the lost one on: proof that a client has seen one of them.
    /// Empty if the epoch is proof enough.
    trimmed: VecDeque<Tag>,
    /// The offset of the newest event of each key.
    keys: HashMap<Arc<str>, u64>,
    generations: Generations,
}

/// The maximum number of tags of trimmed events that a log keeps.
const MAX_TRIMMED_TAGS: usize = 4096;

/// One event of a log.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) event: Encoded,
    pub(crate) tag: Tag,
    /// The offset of the next event with the same key, if there is one.
    pub(crate) superseded_by: Option<u64>,
    key: Option<Arc<str>>,
    /// The value of [`Log::written`] before this event.
    start: u64,
    /// The time at which the event was published.
    pub(crate) since: Instant,
}

#[cfg(feature = "disk")]
impl LogEntry {
    pub(crate) const fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref()
    }
}

/// The mark at which a client continues, and the gap that it is notified of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// The mark of the last event that the client has seen, or is treated as having seen.
    pub(crate) seen: Mark,
    pub(crate) gap: Option<GapReason>,
}

impl Log {
    /// An empty log with a random epoch.
    pub(crate) fn new(retention: Retention) -> Self {
        Self { is_own_epoch: true, ..Self::begin(Epoch::from_bits(random()), retention) }
    }

    /// An empty log with an epoch that another process may have used.
    pub(crate) fn begin(epoch: Epoch, retention: Retention) -> Self {
        Self {
            epoch,
            is_own_epoch: false,
            tail: Mark::default(),
            head: Mark::default(),
            entries: VecDeque::new(),
            written: 0,
            retention,
            lost: 0,
            newest_superseding: 0,
            trimmed: VecDeque::new(),
            keys: HashMap::new(),
            generations: Generations::default(),
        }
    }

    /// A log that continues where another process has stopped. No event up to `tail` is retained.
    #[cfg(feature = "disk")]
    pub(crate) fn resumed(epoch: Epoch, tail: Mark, retention: Retention) -> Self {
        // The other process may have trimmed events that were the newest of their keys.
        Self { tail, head: tail, lost: tail.offset, ..Self::begin(epoch, retention) }
    }

    /// Replaces the events by those that an engine has loaded. The retention and the generations stay.
    #[cfg(feature = "disk")]
    pub(crate) fn load(&mut self, mut loaded: Self, now: Instant) {
        loaded.retention = self.retention;
        loaded.generations = std::mem::take(&mut self.generations);
        loaded.generations.move_close(loaded.head.offset);
        loaded.trim(now);
        *self = loaded;
    }

    /// Draws a tag and returns the position of the next event.
    pub(crate) fn next_position(&self) -> Position {
        Self::position_after(self.epoch, self.head)
    }

    /// Draws a tag and returns the position of the event after `newest`.
    pub(crate) fn position_after(epoch: Epoch, newest: Mark) -> Position {
        let tag = Tag::from_bits((random() >> 32) as u32);
        Position { epoch, mark: Mark { offset: newest.offset + 1, tag } }
    }

    /// Appends an event and trims the log.
    pub(crate) fn append(&mut self, draft: &Draft, key: Option<&str>, now: Instant) -> Position {
        let position = self.next_position();
        self.push(position.mark, Encoded::new(draft, position), key, now);
        self.trim(now);
        position
    }

    /// Appends an event that has its mark already: the one after the head.
    pub(crate) fn push(&mut self, mark: Mark, event: Encoded, key: Option<&str>, since: Instant) {
        debug_assert_eq!(mark.offset, self.head.offset + 1);
        let key = key.map(|key| self.supersede(key, mark.offset));
        let length = event.len() as u64 + key.as_ref().map_or(0, |key| key.len() as u64);
        let start = self.written;
        self.entries.push_back(LogEntry { event, tag: mark.tag, superseded_by: None, key, start, since });
        self.written += length;
        self.head = mark;
    }

    /// Marks the previous event of this key as superseded, and returns the key, shared with it.
    fn supersede(&mut self, key: &str, offset: u64) -> Arc<str> {
        let key = match self.keys.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        };
        if let Some(before) = self.keys.insert(Arc::clone(&key), offset)
            && let Some(entry) = self.index(before).and_then(|index| self.entries.get_mut(index))
        {
            entry.superseded_by = Some(offset);
        }
        key
    }

    /// Ends the streams of all present readers. Readers that come later get later events.
    pub(crate) fn end(&mut self, reason: CloseReason, last: Option<Event>) {
        self.generations.end(End { at: self.head.offset, reason, last });
    }

    /// Ends the streams of all readers, present and future.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.generations.close(End { at: self.head.offset, reason, last: None });
    }

    pub(crate) const fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    pub(crate) const fn retention(&self) -> Retention {
        self.retention
    }

    /// Removes the events that exceed the retention. The newest event stays.
    pub(crate) fn trim(&mut self, now: Instant) {
        let Retention { events, bytes, age } = self.retention;
        while let Some(first) = self.entries.front()
            && self.entries.len() > 1
        {
            let kept = usize::try_from(self.written - first.start).unwrap_or(usize::MAX);
            let old = now.saturating_duration_since(first.since) > age;
            if self.entries.len() <= events && kept <= bytes && !old {
                break;
            }
            self.trim_first();
        }
    }

    fn trim_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.tail = Mark { offset: self.tail.offset + 1, tag: entry.tag };
        if let Some(newer) = entry.superseded_by {
            self.newest_superseding = self.newest_superseding.max(newer);
        } else {
            self.lost = self.tail.offset;
            self.trimmed.clear();
        }
        if !self.is_own_epoch {
            if self.trimmed.len() == MAX_TRIMMED_TAGS {
                self.trimmed.pop_front();
            }
            self.trimmed.push_back(entry.tag);
        }
        if let Some(key) = entry.key
            && self.keys.get(&key) == Some(&self.tail.offset)
        {
            self.keys.remove(&key);
        }
    }

    /// Takes all events out, as if they had been trimmed.
    pub(crate) fn take_events(&mut self) -> VecDeque<LogEntry> {
        (self.tail, self.lost) = (self.head, self.head.offset);
        self.keys = HashMap::new();
        self.trimmed = VecDeque::new();
        std::mem::take(&mut self.entries)
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) const fn head(&self) -> Mark {
        self.head
    }

    pub(crate) const fn tail(&self) -> Mark {
        self.tail
    }

    /// Whether every trimmed event after `seen` is superseded by an event that the reader will get: one up to `end`.
    pub(crate) fn supersedes_trimmed(&self, seen: u64, end: Option<u64>) -> bool {
        seen >= self.lost && end.is_none_or(|end| end >= self.newest_superseding)
    }

    /// The current generation.
    pub(crate) const fn generation(&self) -> &Arc<Generation> {
        self.generations.current()
    }

    /// The number of generations that have ended.
    pub(crate) fn ends(&self) -> u64 {
        self.generations.ends()
    }

    /// Whether the log is closed: readers get only the events from before the closing.
    pub(crate) const fn is_closed(&self) -> bool {
        self.generations.is_closed()
    }

    /// The time at which all events have exceeded the retention's age; `None` for never. [`Log::trim`] keeps the newest
    /// event nevertheless.
    pub(crate) fn stale_at(&self, now: Instant) -> Option<Instant> {
        self.entries.back().map_or(Some(now), |newest| newest.since.checked_add(self.retention.age))
    }

    /// Whether [`Log::trim`] would remove events for their age.
    pub(crate) fn has_old(&self, now: Instant) -> bool {
        let age = self.retention.age;
        let is_old = |first: &LogEntry| now.saturating_duration_since(first.since) > age;
        self.entries.len() > 1 && self.entries.front().is_some_and(is_old)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) const fn position(&self, mark: Mark) -> Position {
        Position { epoch: self.epoch, mark }
    }

    /// The event at this offset, if it is retained.
    pub(crate) fn get(&self, offset: u64) -> Option<&LogEntry> {
        self.entries.get(self.index(offset)?)
    }

    /// The retained events, the oldest first.
    #[cfg(feature = "disk")]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Mark, &LogEntry)> {
        let first = self.tail.offset + 1;
        (first..).zip(&self.entries).map(|(offset, entry)| (Mark { offset, tag: entry.tag }, entry))
    }

    fn index(&self, offset: u64) -> Option<usize> {
        usize::try_from(offset.checked_sub(self.tail.offset + 1)?).ok()
    }

    /// The number of events and of bytes that a reader is behind.
    pub(crate) fn behind(&self, seen: u64) -> (u64, u64) {
        let bytes = self.get(seen + 1).map_or(0, |next| self.written - next.start);
        (self.head.offset.saturating_sub(seen), bytes)
    }

    /// The mark at which a client continues that has seen the event at this position.
    ///
    /// The tag proves that the client has seen this event, and not another one with the same offset. That is why the
    /// tail has a tag, too.
    ///
    /// With `latest`, events that are superseded do not count as missed.
    pub(crate) fn resume(&self, position: Position, latest: bool) -> Resumed {
        let Position { epoch, mark } = position;
        self.resume_where(mark.offset, epoch == self.epoch, |tag| tag == mark.tag, latest)
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
            return gap(GapReason::Foreign, self.tail);
        }
        if offset > self.head.offset {
            return gap(GapReason::Future, self.head);
        }
        if offset < self.tail.offset {
            let spared = latest && offset >= self.lost && self.is_proven(offset, is_tag);
            return Resumed { seen: self.tail, gap: (!spared).then_some(GapReason::Trimmed) };
        }
        let seen = self.mark(offset);
        if is_tag(seen.tag) { Resumed { seen, gap: None } } else { gap(GapReason::Forked, self.head) }
    }

    /// Whether the client has seen the event of this log at this offset, which is trimmed.
    fn is_proven(&self, offset: u64, is_tag: impl Fn(Tag) -> bool) -> bool {
        let back = usize::try_from(self.tail.offset - offset).unwrap_or(usize::MAX);
        let tag = self.trimmed.len().checked_sub(back.saturating_add(1)).and_then(|index| self.trimmed.get(index));
        self.is_own_epoch || tag.is_some_and(|&tag| is_tag(tag))
    }

    /// The mark of the event at this offset: a retained one, or the tail.
    pub(crate) fn mark(&self, offset: u64) -> Mark {
        self.get(offset).map_or(self.tail, |entry| Mark { offset, tag: entry.tag })
    }

    /// The event id of a mark.
    pub(crate) fn id(&self, mark: Mark) -> EventId {
        self.position(mark).to_id()
    }
}
