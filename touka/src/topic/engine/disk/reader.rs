//! Reading the acknowledged events of a topic, from the file and the [`Journal`].

use std::ops::RangeInclusive;

use super::disk_fault::StoreError;
use super::failures::Holes;
use super::head::milliseconds;
use super::journal::Journal;
use super::record::Record;
use super::row::Row;
use super::store::Store;
use crate::topic::engine::NewestEvents;
use crate::topic::position::{Epoch, Mark, Position, Tag};
use crate::topic::retention::Retention;
use crate::topic::stored::Stored;

/// The acknowledged events in a file.
pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) journal: &'a Journal,
    pub(super) holes: &'a Holes,
    /// The current time, in milliseconds of Unix time.
    pub(super) time: u64,
}

/// The newest events of a topic.
pub(super) struct Newest {
    pub(super) snapshot: NewestEvents,
    /// The mark before the oldest event in the file.
    pub(super) kept: Mark,
}

/// A part of a topic's events.
pub(super) struct Part {
    pub(super) epoch: Epoch,
    /// The oldest first.
    pub(super) events: Vec<Stored>,
    /// The mark before the oldest event that is retained, and after that at the first of the offsets. The event after it may
    /// be damaged.
    pub(super) start: Mark,
}

/// The bounds of a [`Part`].
pub(super) struct PartBounds {
    pub(super) offsets: RangeInclusive<u64>,
    pub(super) bytes: usize,
    /// The maximum age of events in milliseconds, except of the one at this offset.
    pub(super) age: u64,
    pub(super) newest: u64,
}

/// Visits one event: the topic's row, and the event's offset and record. Returns false to end the visit.
type Visit<'v> = dyn FnMut(&Row, u64, &[u8]) -> Result<bool, StoreError> + 'v;

impl Reader<'_> {
    /// Visits the events of a topic with these offsets, until `visit` returns false. Returns the topic's row.
    fn visit(
        &self,
        name: &str,
        offsets: RangeInclusive<u64>,
        is_reverse: bool,
        mut visit: impl FnMut(&Row, u64, &[u8]) -> Result<bool, StoreError>,
    ) -> Result<Option<Row>, StoreError> {
        let pending = self.journal.of(name);
        // What the file has beyond that is in the journal, or was not acknowledged.
        let certain = pending.as_ref().map_or(u64::MAX, |pending| pending.before.offset);
        let visit_pending = |row: &Row, visit: &mut Visit<'_>| {
            let mut events = pending.iter().flat_map(|pending| &pending.events);
            let mut next = || if is_reverse { events.next_back() } else { events.next() };
            while let Some((mark, record)) = next() {
                if mark.offset > row.tail.offset && offsets.contains(&mark.offset) && !visit(row, mark.offset, record)?
                {
                    return Ok::<_, StoreError>(false);
                }
            }
            Ok(true)
        };
        let read = self.store.look(name, *offsets.start()..=certain.min(*offsets.end()), |row, mut events| {
            if is_reverse && !visit_pending(&row, &mut visit)? {
                return Ok(row);
            }
            while let Some(event) = if is_reverse { events.next_back() } else { events.next() } {
                let (place, bytes) = event?;
                if !visit(&row, place.value().1, bytes.value())? {
                    return Ok(row);
                }
            }
            if !is_reverse {
                visit_pending(&row, &mut visit)?;
            }
            Ok(row)
        })?;
        match (read, &pending) {
            (None, Some(pending)) if pending.is_topic() => {
                let row = Row { epoch: pending.epoch, number: 0, tail: pending.before };
                visit_pending(&row, &mut visit)?;
                Ok(Some(row))
            }
            (read, _) => Ok(read),
        }
    }

    /// Reads the newest events of a topic, within these bounds.
    pub(super) fn newest(&self, name: &str, bounds: Retention) -> Result<Newest, StoreError> {
        let (mut events, mut bytes) = (Vec::<Stored>::new(), 0);
        // The mark before the events that are read, if there are others.
        let mut end = None;
        let row = self.visit(name, 0..=u64::MAX, true, |row, offset, raw| {
            if let Some(newer) = events.last()
                && newer.previous.offset > offset
            {
                self.holes.report(name, offset + 1..=newer.previous.offset);
                end = Some(newer.previous);
                return Ok(false);
            }
            let Some(record) = Record::parse(raw) else {
                self.holes.report(name, offset..=offset);
                end = Some(unknown(offset));
                return Ok(false);
            };
            let mark = Mark { offset, tag: record.tag };
            if let Some(newer) = events.last_mut() {
                newer.previous = mark;
            }
            let (count, total) = (events.len() + 1, bytes + record.len(offset));
            let is_old = record.time.saturating_add(milliseconds(bounds.age)) < self.time;
            if count > 1 && (count > bounds.events || total > bounds.bytes || is_old) {
                end = Some(mark);
                return Ok(false);
            }
            bytes = total;
            // Unless there is an event before.
            let previous = if offset == row.tail.offset + 1 { row.tail } else { unknown(offset - 1) };
            let position = Position { epoch: row.epoch, mark };
            events.push(Stored::new(position, previous, record.time, record.keys, record.wire));
            Ok(true)
        })?;
        let (epoch, oldest) = match row {
            Some(row) => (row.epoch, row.tail),
            None => (self.store.epoch(name)?, Mark::default()),
        };
        let before = events.last().map_or(oldest, |first| first.previous);
        if end.is_none() && before.offset > oldest.offset {
            self.holes.report(name, oldest.offset + 1..=before.offset);
        }
        let tail = end.unwrap_or(before);
        events.reverse();
        let head = events.last().map_or(Position { epoch, mark: tail }, |newest| newest.position);
        Ok(Newest { snapshot: NewestEvents { head, previous: tail, events, ends: 0 }, kept: oldest })
    }

    /// Reads events of a topic, at least one if there is any. `None` if there is no such topic.
    ///
    /// The event at the first offset is not among them: it is the one before them. Damaged events are left out, and the event
    /// after them does not follow the one before.
    pub(super) fn part(&self, name: &str, bounds: &PartBounds) -> Result<Option<Part>, StoreError> {
        let PartBounds { offsets, bytes: most, age, newest } = bounds;
        let from = *offsets.start();
        let first = |row: &Row| if from > row.tail.offset { unknown(from) } else { row.tail };
        // The mark before the first event that is retained, and the one before the next event.
        let (mut events, mut bytes, mut start, mut previous) = (Vec::<Stored>::new(), 0_usize, None, None::<Mark>);
        let row = self.visit(name, offsets.clone(), false, |row, offset, raw| {
            let record = Record::read(raw);
            let mark = Mark { offset, tag: record.tag };
            if offset == from {
                (start, previous) = (Some(mark), Some(mark));
                return Ok(true);
            }
            let mut before = previous.unwrap_or_else(|| first(row));
            if offset != before.offset + 1 {
                self.holes.report(name, before.offset + 1..=offset - 1);
                before = unknown(offset - 1);
            }
            if Record::parse(raw).is_none() {
                self.holes.report(name, offset..=offset);
                previous = Some(mark);
                return Ok(true);
            }
            let is_old = record.time.saturating_add(*age) < self.time && offset != *newest;
            if events.is_empty() && is_old {
                start = Some(mark);
            } else {
                bytes = bytes.saturating_add(record.len(offset));
                if bytes > *most && !events.is_empty() {
                    return Ok(false);
                }
                let position = Position { epoch: row.epoch, mark };
                events.push(Stored::new(position, before, record.time, record.keys, record.wire));
            }
            previous = Some(mark);
            Ok(true)
        })?;
        Ok(row.map(|row| Part { epoch: row.epoch, events, start: start.unwrap_or_else(|| first(&row)) }))
    }

    /// The epoch of a topic, and the tag of its event at the offset `from`, if all events after it up to `until` are known
    /// to be superseded by newer ones.
    pub(super) fn superseded_after(
        &self,
        name: &str,
        from: u64,
        until: u64,
    ) -> Result<Option<(Epoch, Tag)>, StoreError> {
        // The file may have newer events, which were not acknowledged.
        let newest = self.journal.of(name).map_or(u64::MAX, |pending| pending.newest().offset);
        self.store.superseded_after(name, from, until..=newest)
    }
}

/// The mark of an event whose record is damaged or gone.
const fn unknown(offset: u64) -> Mark {
    Mark { offset, tag: Tag::UNKNOWN }
}
