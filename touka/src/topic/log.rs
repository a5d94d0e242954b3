//! [`Log`], the retained events of one topic.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::cache::CacheShare;
use super::encoded::{Draft, Encoded};
use super::event_keys::EventKeys;
use super::generation::Generations;
use super::key_index::KeyIndex;
use super::log_entry::LogEntry;
use super::log_roles::Roles;
use super::log_version::LogVersion;
use super::position::{Epoch, Mark, Position, Tag};
use super::retention::Retention;
use super::trimmed_marks::TrimmedMarks;
use crate::event::EventId;

/// The newest events of a topic, and the mark before the first of them.
///
/// Each event is the successor of the one before it. Offsets increase, and an engine may leave some out: readers find
/// the next event by the mark of the last one.
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
    /// The log's share of the hub's caches, if an engine keeps the topic's events. Then the log is a cache: the engine may
    /// have events from before the tail.
    cache: Option<CacheShare>,
    /// The mark before the oldest event that the engine has. `None` unless this process alone decides what is retained.
    pub(super) kept: Option<Mark>,
    /// The number of times that the events were replaced: see [`Log::replace`].
    resets: u64,
    /// The number of ends of feeds that the engine has told of. `None` until it has told anything.
    pub(super) engine_ends: Option<u64>,
    /// The offset of the last event that was trimmed while it was the newest of its key, or had no key.
    lost: u64,
    /// The highest offset of an event that supersedes a trimmed one.
    newest_superseding: u64,
    /// The marks of the events that were trimmed last, from the lost one on: proof that a client has seen one of them.
    /// Empty if the epoch is proof enough.
    trimmed: TrimmedMarks,
    keys: KeyIndex,
    pub(super) roles: Roles,
    pub(super) generations: Generations,
}

/// The time for which an idempotency key counts.
pub(super) const ONCE_WINDOW: Duration = Duration::from_mins(10);

impl Log {
    /// An empty log with a random epoch.
    pub(crate) fn new(retention: Retention) -> Self {
        Self { is_own_epoch: true, ..Self::begin(Epoch::random(), retention) }
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
            cache: None,
            kept: None,
            resets: 0,
            engine_ends: None,
            lost: 0,
            newest_superseding: 0,
            trimmed: TrimmedMarks::default(),
            keys: KeyIndex::default(),
            roles: Roles::default(),
            generations: Generations::default(),
        }
    }

    /// Makes the log a cache of events that an engine keeps.
    pub(super) fn set_cache(&mut self, share: CacheShare) {
        self.cache = Some(share);
    }

    /// A log that continues where another process has stopped. No event up to `tail` is in it.
    pub(crate) fn resumed(epoch: Epoch, tail: Mark, retention: Retention) -> Self {
        // The other process may have trimmed events that were the newest of their keys.
        Self { tail, head: tail, lost: tail.offset, ..Self::begin(epoch, retention) }
    }

    /// Replaces the events by those that the engine has. The retention, the cache and the generations stay.
    ///
    /// Each reader compares its position with the new events before it reads on, as a client does that reconnects.
    pub(crate) fn replace(&mut self, mut loaded: Self, now: Instant) {
        loaded.retention = self.retention;
        loaded.cache = self.cache.take();
        loaded.resets = self.resets + 1;
        loaded.roles.follow(self.roles);
        loaded.generations = std::mem::take(&mut self.generations);
        loaded.generations.move_close(loaded.head.offset);
        if let Some(cache) = &mut loaded.cache {
            cache.set(loaded.written - loaded.entries.front().map_or(loaded.written, |first| first.start));
        }
        loaded.trim(now);
        *self = loaded;
    }

    /// Draws a tag and returns the position of the next event.
    pub(crate) fn next_position(&self) -> Position {
        Self::position_after(self.epoch, self.head)
    }

    /// Draws a tag and returns the position of the event after `newest`.
    pub(crate) fn position_after(epoch: Epoch, newest: Mark) -> Position {
        Position { epoch, mark: newest.next() }
    }

    /// Appends an event and trims the log.
    pub(crate) fn append(&mut self, draft: &Draft, keys: EventKeys<'_>, now: Instant) -> Position {
        let position = self.next_position();
        self.push(position.mark, Encoded::new(draft, position), keys, now);
        self.trim(now);
        position
    }

    /// Appends an event that has its mark already, as the successor of the head.
    pub(crate) fn push(&mut self, mark: Mark, event: Encoded, keys: EventKeys<'_>, since: Instant) {
        debug_assert!(mark.offset > self.head.offset);
        let (keys, superseded) = self.keys.insert(keys, mark);
        if let Some(entry) = superseded.and_then(|offset| self.index(offset)).and_then(|at| self.entries.get_mut(at)) {
            entry.superseded_by = Some(mark.offset);
        }
        self.roles.count(event.role());
        let length = event.len() as u64 + keys.len() as u64;
        let start = self.written;
        self.entries.push_back(LogEntry { mark, event, superseded_by: None, keys, start, since });
        self.written += length;
        if let Some(cache) = &mut self.cache {
            cache.add(length);
        }
        self.head = mark;
    }

    pub(crate) const fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    pub(crate) const fn retention(&self) -> Retention {
        self.retention
    }

    /// Removes the events that exceed the retention. The newest event stays.
    pub(crate) fn trim(&mut self, now: Instant) {
        let Retention { events, bytes, age } = self.bounds();
        while let Some(first) = self.entries.front()
            && self.entries.len() > 1
        {
            let kept = usize::try_from(self.written - first.start).unwrap_or(usize::MAX);
            let old = now.saturating_duration_since(first.since) > age;
            if self.entries.len() <= events && kept <= bytes && !old {
                break;
            }
            let is_retained = self.entries.len() <= self.retention.events && kept <= self.retention.bytes && !old;
            self.trim_first();
            if !is_retained && self.kept.is_some() {
                self.set_kept(self.tail);
            }
        }
    }

    /// The bounds of the events in memory: the retention, and for a cache its own.
    pub(crate) fn bounds(&self) -> Retention {
        self.cache.as_ref().map_or(self.retention, |cache| cache.within(self.retention))
    }

    fn trim_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.tail = entry.mark;
        if let Some(cache) = &mut self.cache {
            let next = self.entries.front().map_or(self.written, |next| next.start);
            cache.remove(next - entry.start);
        }
        if let Some(newer) = entry.superseded_by {
            self.newest_superseding = self.newest_superseding.max(newer);
        } else {
            self.lost = self.tail.offset;
            self.trimmed.clear();
        }
        if !self.is_own_epoch {
            self.trimmed.push(entry.mark);
        }
        self.keys.remove(entry.keys, entry.mark);
    }

    /// Takes all events out, as if they had been trimmed.
    pub(crate) fn take_events(&mut self) -> VecDeque<LogEntry> {
        (self.tail, self.lost) = (self.head, self.head.offset);
        self.keys = KeyIndex::default();
        self.trimmed = TrimmedMarks::default();
        if let Some(cache) = &mut self.cache {
            cache.set(0);
        }
        std::mem::take(&mut self.entries)
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    #[cfg(feature = "disk")]
    pub(crate) const fn is_own_epoch(&self) -> bool {
        self.is_own_epoch
    }

    pub(crate) const fn head(&self) -> Mark {
        self.head
    }

    /// The mark before the first event.
    pub(crate) const fn tail(&self) -> Mark {
        self.tail
    }

    /// The position of the event with this idempotency key, if one was published within [`ONCE_WINDOW`].
    pub(super) fn published_once(&self, once: &str, now: Instant) -> Option<Position> {
        let mark = self.keys.once(once)?;
        let entry = &self.entries[self.index(mark.offset)?];
        (now.saturating_duration_since(entry.since) < ONCE_WINDOW).then(|| self.position(mark))
    }

    /// The offset of the newest event with this key, if it is retained.
    pub(super) fn newest_of(&self, key: &str) -> Option<u64> {
        self.keys.newest(key)
    }

    /// Whether every trimmed event after `seen` is superseded by an event that the reader will get: one up to `end`.
    pub(crate) fn supersedes_trimmed(&self, seen: u64, end: Option<u64>) -> bool {
        seen >= self.lost && end.is_none_or(|end| end >= self.newest_superseding)
    }

    pub(crate) fn version(&self) -> LogVersion {
        LogVersion { ends: self.generations.ends(), resets: self.resets }
    }

    /// Whether the log is a cache of events that an engine keeps.
    pub(crate) const fn is_cache(&self) -> bool {
        self.cache.is_some()
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

    /// The first retained event after this offset.
    pub(crate) fn next_after(&self, seen: u64) -> Option<&LogEntry> {
        self.entries.get(self.index_after(seen))
    }

    /// The retained events after this offset, the oldest first.
    pub(crate) fn after(&self, seen: u64) -> impl ExactSizeIterator<Item = &LogEntry> + DoubleEndedIterator {
        self.entries.range(self.index_after(seen)..)
    }

    /// The index of the first event after this offset.
    fn index_after(&self, seen: u64) -> usize {
        // Offsets are consecutive nearly always: then the index follows from the offset.
        let next = seen.saturating_add(1);
        let first = self.entries.front().map_or(0, |first| first.mark.offset);
        let guess = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
        match self.entries.get(guess) {
            Some(entry) if entry.mark.offset == next => guess,
            _ => self.entries.partition_point(|entry| entry.mark.offset <= seen),
        }
    }

    /// The index of the event at this offset, if it is retained.
    fn index(&self, offset: u64) -> Option<usize> {
        let index = self.index_after(offset.checked_sub(1)?);
        self.entries.get(index).filter(|entry| entry.mark.offset == offset).map(|_| index)
    }

    /// The mark of the event at this offset: a retained one, or the tail.
    pub(crate) fn mark(&self, offset: u64) -> Option<Mark> {
        match self.index(offset) {
            Some(index) => Some(self.entries[index].mark),
            None => Some(self.tail).filter(|tail| tail.offset == offset),
        }
    }

    /// Whether the log has the event with this mark, or had one at its offset: the marks before the tail are forgotten.
    pub(super) fn has(&self, mark: Mark) -> bool {
        mark.offset < self.tail.offset || self.mark(mark.offset) == Some(mark)
    }

    /// Whether the events after this mark are those after this offset: none is missing, and the mark is of this history.
    pub(super) fn follows(&self, seen: Mark) -> bool {
        match self.after(seen.offset).len() {
            0 => seen == self.head,
            after if after == self.entries.len() => seen == self.tail,
            after => self.entries[self.entries.len() - after - 1].mark == seen,
        }
    }

    /// The number of bytes of the events after this offset that are in memory.
    pub(super) fn bytes_after(&self, seen: u64) -> u64 {
        self.next_after(seen).map_or(0, |next| self.written - next.start)
    }

    /// Whether a client has seen the event of this log at this offset, which is trimmed.
    pub(super) fn is_proven(&self, offset: u64, is_tag: impl Fn(Tag) -> bool) -> bool {
        self.is_own_epoch || self.trimmed.has(offset, is_tag)
    }

    /// The event id of a mark.
    pub(crate) fn id(&self, mark: Mark) -> EventId {
        self.position(mark).to_id()
    }
}
