//! [`Log`], the events of one topic that are kept, each at its place.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::encoded::{Draft, Encoded};
use super::gap_reason::GapReason;
use super::position::{Epoch, Mark, Position, Tag};
use super::retention::Retention;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::random;

/// A log is its newest events, one after the other without a hole, and the place before the first
/// of them. It has no lock, no clock and no one who waits: those are around it.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: Epoch,
    /// The place before the first event that is kept. Its tag is what a client has that has seen
    /// all that was trimmed.
    tail: Mark,
    /// The newest event's place.
    head: Mark,
    entries: VecDeque<Entry>,
    /// Bytes of all that was ever appended, keys included, up to the head.
    written: u64,
    retention: Retention,
    /// The last event that was trimmed though no newer one of its key was there.
    lost: u64,
    /// The newest event of each key.
    keys: HashMap<Arc<str>, u64>,
    /// The last time that nothing more was to come.
    end: Option<End>,
    /// How many times that was.
    ends: u64,
    /// It is so now.
    ended: bool,
}

/// Nothing more is to come.
#[derive(Debug)]
pub(crate) struct End {
    /// The newest event's number then.
    at: u64,
    pub(crate) reason: CloseReason,
    /// The last event that says so.
    pub(crate) last: Option<Event>,
}

/// One event at its place.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) event: Encoded,
    pub(crate) tag: Tag,
    /// What it says of its key, a newer event says anew.
    pub(crate) superseded: bool,
    key: Option<Arc<str>>,
    /// Bytes that were written before it.
    start: u64,
    pub(crate) since: Instant,
}

#[cfg(feature = "disk")]
impl Entry {
    pub(crate) const fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref()
    }
}

/// Where a client goes on, and what it is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// What it has seen, or is to be taken to have seen.
    pub(crate) seen: Mark,
    pub(crate) gap: Option<GapReason>,
}

impl Log {
    pub(crate) fn new(retention: Retention) -> Self {
        Self::begin(Epoch::from_bits(random()), retention)
    }

    pub(crate) fn begin(epoch: Epoch, retention: Retention) -> Self {
        Self {
            epoch,
            tail: Mark::default(),
            head: Mark::default(),
            entries: VecDeque::new(),
            written: 0,
            retention,
            lost: 0,
            keys: HashMap::new(),
            end: None,
            ends: 0,
            ended: false,
        }
    }

    /// A log that goes on where another process has left it: nothing up to `tail` is kept.
    #[cfg(feature = "disk")]
    pub(crate) fn resumed(epoch: Epoch, tail: Mark, retention: Retention) -> Self {
        Self { tail, head: tail, ..Self::begin(epoch, retention) }
    }

    // ===== its end =====

    /// Where the next event will be. Its tag is drawn now.
    pub(crate) fn next_position(&self) -> Position {
        Self::position_after(self.epoch, self.head)
    }

    /// Where the event after that one will be. Its tag is drawn now.
    pub(crate) fn position_after(epoch: Epoch, newest: Mark) -> Position {
        let tag = Tag::from_bits((random() >> 32) as u32);
        Position { epoch, mark: Mark { offset: newest.offset + 1, tag } }
    }

    /// Adds an event after the newest, and forgets what is over the retention.
    pub(crate) fn append(&mut self, draft: &Draft, key: Option<&str>, now: Instant) -> Position {
        let position = self.next_position();
        self.push(position.mark, Encoded::new(draft, position), key, now);
        self.trim(now);
        position
    }

    /// Adds an event that has its place already: the one after the newest.
    pub(crate) fn push(&mut self, mark: Mark, event: Encoded, key: Option<&str>, since: Instant) {
        debug_assert_eq!(mark.offset, self.head.offset + 1);
        let key = key.map(|key| self.supersede(key, mark.offset));
        let length = event.len() as u64 + key.as_ref().map_or(0, |key| key.len() as u64);
        let start = self.written;
        self.entries.push_back(Entry { event, tag: mark.tag, superseded: false, key, start, since });
        self.written += length;
        self.head = mark;
    }

    /// The key's event before this one is not its newest any more.
    fn supersede(&mut self, key: &str, offset: u64) -> Arc<str> {
        let key = match self.keys.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        };
        if let Some(before) = self.keys.insert(Arc::clone(&key), offset)
            && let Some(entry) = self.index(before).and_then(|index| self.entries.get_mut(index))
        {
            entry.superseded = true;
        }
        key
    }

    /// Nothing more will come, for now.
    pub(crate) fn end(&mut self, reason: CloseReason, last: Option<Event>) {
        self.end = Some(End { at: self.head.offset, reason, last });
        self.ends += 1;
        self.ended = true;
    }

    /// More will come again, for those who come from now on.
    pub(crate) const fn go_on(&mut self) {
        self.ended = false;
    }

    // ===== its beginning =====

    pub(crate) const fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    #[cfg(feature = "disk")]
    pub(crate) const fn retention(&self) -> Retention {
        self.retention
    }

    /// Forgets what is over the retention. The newest event stays.
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
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.tail = Mark { offset: self.tail.offset + 1, tag: entry.tag };
        if !entry.superseded {
            self.lost = self.tail.offset;
        }
        if let Some(key) = entry.key
            && self.keys.get(&key) == Some(&self.tail.offset)
        {
            self.keys.remove(&key);
        }
    }

    // ===== what is in it =====

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) const fn head(&self) -> Mark {
        self.head
    }

    pub(crate) const fn tail(&self) -> Mark {
        self.tail
    }

    /// Who has seen this much misses nothing of what was trimmed but what newer events of the same
    /// keys say anew.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) const fn ends(&self) -> u64 {
        self.ends
    }

    /// Whether nothing more comes for a reader who has seen this much, and came when so many ends
    /// were past. Who was there at an end stops at it, even if he gets there only when more has
    /// come again; who came after it gets all there is.
    pub(crate) fn end_for(&self, seen: u64, ends: u64) -> Option<&End> {
        let was_there = self.ends > ends;
        self.end.as_ref().filter(|end| if was_there { seen >= end.at } else { self.ended && seen >= self.head.offset })
    }

    /// All that is kept is older than what is to be kept: the newest event alone stays whatever its age.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.entries.back().is_none_or(|newest| now.saturating_duration_since(newest.since) > self.retention.age)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) const fn position(&self, mark: Mark) -> Position {
        Position { epoch: self.epoch, mark }
    }

    /// The event at that place, if it is kept.
    pub(crate) fn get(&self, offset: u64) -> Option<&Entry> {
        self.entries.get(self.index(offset)?)
    }

    /// The events that are kept, the oldest first.
    #[cfg(feature = "disk")]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Mark, &Entry)> {
        let first = self.tail.offset + 1;
        (first..).zip(&self.entries).map(|(offset, entry)| (Mark { offset, tag: entry.tag }, entry))
    }

    fn index(&self, offset: u64) -> Option<usize> {
        usize::try_from(offset.checked_sub(self.tail.offset + 1)?).ok()
    }

    /// How many events and bytes a reader who has seen this much is behind.
    pub(crate) fn behind(&self, seen: u64) -> (u64, u64) {
        let bytes = self.get(seen + 1).map_or(0, |next| self.written - next.start);
        (self.head.offset.saturating_sub(seen), bytes)
    }

    // ===== those who come back =====

    /// Where somebody goes on who has seen what is at that position.
    ///
    /// The tag decides what the number alone cannot: whether the log that the client has seen is
    /// this one. That takes the tag of the event before the first that is kept, too.
    pub(crate) fn resume(&self, position: Position) -> Resumed {
        let Position { epoch, mark } = position;
        self.resume_where(mark.offset, epoch == self.epoch, |tag| tag == mark.tag)
    }

    /// [`Log::resume`] for one who knows only a part of the epoch and of the tag.
    pub(crate) fn resume_where(&self, offset: u64, same_epoch: bool, is_tag: impl FnOnce(Tag) -> bool) -> Resumed {
        let gap = |reason, seen| Resumed { seen, gap: Some(reason) };
        if !same_epoch {
            return gap(GapReason::Foreign, self.tail);
        }
        if offset > self.head.offset {
            return gap(GapReason::Future, self.head);
        }
        if offset < self.tail.offset {
            return gap(GapReason::Trimmed, self.tail);
        }
        let seen = self.mark(offset);
        if is_tag(seen.tag) { Resumed { seen, gap: None } } else { gap(GapReason::Forked, self.head) }
    }

    /// The place of the event with that number: one that is kept, or the one before the first.
    pub(crate) fn mark(&self, offset: u64) -> Mark {
        self.get(offset).map_or(self.tail, |entry| Mark { offset, tag: entry.tag })
    }

    /// The id of a place in it.
    pub(crate) fn id(&self, mark: Mark) -> EventId {
        self.position(mark).to_id()
    }
}
