//! [`Log`], the events of one topic that are kept, each at its place.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::encoded::{Draft, Encoded};
use super::gap_reason::GapReason;
use super::generation::{End, Generation, Generations};
use super::position::{Epoch, Mark, Position, Tag};
use super::retention::Retention;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::random;

/// A log is its newest events, one after the other without a hole, and the place before the first
/// of them. It has no lock, no clock and no one who waits: those are around it. Where it ends, and for
/// whom, its [`Generations`] say.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: Epoch,
    /// The epoch was drawn for this log: a position with this epoch is one of this log's.
    is_own_epoch: bool,
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
    /// The newest of the events that say anew what trimmed ones have said.
    said_anew: u64,
    /// The tags of the events that were trimmed last, from the lost one on: proof that a client has
    /// seen one of them. Empty where the epoch is proof enough.
    trimmed: VecDeque<Tag>,
    /// The newest event of each key.
    keys: HashMap<Arc<str>, u64>,
    generations: Generations,
}

/// How many tags of trimmed events a log keeps.
const MOST_TAGS: usize = 4096;

/// One event at its place.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) event: Encoded,
    pub(crate) tag: Tag,
    /// The offset of the next event with its key, if there is one: it says anew what this one says.
    pub(crate) superseded_by: Option<u64>,
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
        Self { is_own_epoch: true, ..Self::begin(Epoch::from_bits(random()), retention) }
    }

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
            said_anew: 0,
            trimmed: VecDeque::new(),
            keys: HashMap::new(),
            generations: Generations::default(),
        }
    }

    /// A log that goes on where another process has left it: nothing up to `tail` is kept.
    #[cfg(feature = "disk")]
    pub(crate) fn resumed(epoch: Epoch, tail: Mark, retention: Retention) -> Self {
        // Whether the other process has lost anything of a key with what it trimmed is not known.
        Self { tail, head: tail, lost: tail.offset, ..Self::begin(epoch, retention) }
    }

    /// Replaces the events by those that were read from elsewhere. What readers and topic handles
    /// have set meanwhile stays.
    #[cfg(feature = "disk")]
    pub(crate) fn load(&mut self, mut loaded: Self, now: Instant) {
        loaded.retention = self.retention;
        loaded.generations = std::mem::take(&mut self.generations);
        loaded.generations.move_close(loaded.head.offset);
        loaded.trim(now);
        *self = loaded;
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
        self.entries.push_back(Entry { event, tag: mark.tag, superseded_by: None, key, start, since });
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
            entry.superseded_by = Some(offset);
        }
        key
    }

    /// Ends the stream of every reader of now; readers that come later get what comes later.
    pub(crate) fn end(&mut self, reason: CloseReason, last: Option<Event>) {
        self.generations.end(End { at: self.head.offset, reason, last });
    }

    /// Ends the stream of every reader of now and of all that come later.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.generations.close(End { at: self.head.offset, reason, last: None });
    }

    // ===== its beginning =====

    pub(crate) const fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

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
        if let Some(newer) = entry.superseded_by {
            self.said_anew = self.said_anew.max(newer);
        } else {
            self.lost = self.tail.offset;
            self.trimmed.clear();
        }
        if !self.is_own_epoch {
            if self.trimmed.len() == MOST_TAGS {
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

    /// Whether a reader that has seen this much, and reads up to its end, misses nothing of what was
    /// trimmed but what newer events of the same keys say anew. It gets those up to its end only.
    pub(crate) fn spares(&self, seen: u64, end: Option<u64>) -> bool {
        seen >= self.lost && end.is_none_or(|end| end >= self.said_anew)
    }

    /// The generation of a reader that comes now.
    pub(crate) const fn generation(&self) -> &Arc<Generation> {
        self.generations.current()
    }

    /// How many generations of readers have ended.
    pub(crate) fn ends(&self) -> u64 {
        self.generations.ends()
    }

    /// Nothing is read any more but what was there when it was closed.
    pub(crate) const fn is_closed(&self) -> bool {
        self.generations.is_closed()
    }

    /// When all that is kept is older than it need be kept; `None` for never. The newest event alone
    /// stays whatever its age.
    pub(crate) fn stale_at(&self, now: Instant) -> Option<Instant> {
        self.entries.back().map_or(Some(now), |newest| newest.since.checked_add(self.retention.age))
    }

    /// [`Log::trim`] would forget something that is too old.
    pub(crate) fn has_old(&self, now: Instant) -> bool {
        let age = self.retention.age;
        let is_old = |first: &Entry| now.saturating_duration_since(first.since) > age;
        self.entries.len() > 1 && self.entries.front().is_some_and(is_old)
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
    ///
    /// With `latest` a client misses nothing whose key has a newer event.
    pub(crate) fn resume(&self, position: Position, latest: bool) -> Resumed {
        let Position { epoch, mark } = position;
        self.resume_where(mark.offset, epoch == self.epoch, |tag| tag == mark.tag, latest)
    }

    /// [`Log::resume`] for one who knows only a part of the epoch and of the tag.
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

    /// The client has seen an event of this log at that number, which is not kept any more.
    fn is_proven(&self, offset: u64, is_tag: impl Fn(Tag) -> bool) -> bool {
        let back = usize::try_from(self.tail.offset - offset).unwrap_or(usize::MAX);
        let tag = self.trimmed.len().checked_sub(back.saturating_add(1)).and_then(|index| self.trimmed.get(index));
        self.is_own_epoch || tag.is_some_and(|&tag| is_tag(tag))
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
