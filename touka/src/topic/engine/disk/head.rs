//! [`Head`], the end of a topic in the file, and [`Heads`], those of the topics that were written last.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use super::disk_fault::StoreError;
use super::record::Record;
use super::row::Row;
use super::store::Store;
use super::tables::Tables;
use crate::topic::position::{Epoch, Mark};
use crate::topic::retention::Retention;

/// The end of a topic: where its next event goes, whether it takes one, and whether events exceed its retention.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) epoch: Epoch,
    /// `None` if the file has no such topic.
    pub(super) row: Option<Row>,
    pub(super) newest: Mark,
    /// Whether the newest event is the last one: the topic is closed.
    is_closed: bool,
    /// The bytes of all events that the topic ever had, and of those before the oldest that is retained.
    written: u64,
    start: u64,
    /// The time of the oldest event, in milliseconds of Unix time.
    oldest: u64,
    /// The maximum age that is written in the file, if it is known.
    age: Option<u64>,
}

impl Head {
    /// Reads the oldest and the newest event of a topic. If one of them does not state the number of bytes before it, because
    /// an older version has written it or it is damaged, reads all of them, and keeps none.
    pub(super) fn read(store: &Store, name: &str) -> Result<Self, StoreError> {
        let read = store.look(name, 0..=u64::MAX, |row, mut events| {
            let mut head = Self::new(row.epoch, Some(row), row.tail);
            let Some(first) = events.next().transpose()? else { return Ok(head) };
            let last = events.next_back().transpose()?;
            let (oldest, newest) =
                (Record::read(first.1.value()), last.as_ref().map(|last| Record::read(last.1.value())));
            let is_counted = newest.as_ref().is_none_or(|newest| newest.start.is_some());
            let (mut bytes, start) = (0, oldest.start.filter(|_| is_counted));
            let mut append = |head: &mut Self, offset: u64, record: &Record<'_>| {
                head.append(offset, record);
                bytes += record.len(offset) as u64;
            };
            append(&mut head, first.0.value().1, &oldest);
            if start.is_none() {
                for event in events {
                    let (place, event) = event?;
                    append(&mut head, place.value().1, &Record::read(event.value()));
                }
            }
            if let (Some((place, _)), Some(newest)) = (&last, &newest) {
                append(&mut head, place.value().1, newest);
            }
            head.start = start.unwrap_or_else(|| head.written.saturating_sub(bytes));
            Ok(head)
        })?;
        match read {
            Some(head) => Ok(head),
            None => Ok(Self::new(store.epoch(name)?, None, Mark::default())),
        }
    }

    const fn new(epoch: Epoch, row: Option<Row>, newest: Mark) -> Self {
        Self { epoch, row, newest, is_closed: false, written: 0, start: 0, oldest: 0, age: None }
    }

    /// The mark before the oldest event.
    pub(super) fn tail(&self) -> Mark {
        self.row.map_or(self.newest, |row| row.tail)
    }

    /// The number of events.
    fn count(&self) -> u64 {
        self.newest.offset - self.tail().offset
    }

    fn append(&mut self, offset: u64, record: &Record<'_>) {
        if self.count() == 0 {
            self.oldest = record.time;
        }
        self.newest = Mark { offset, tag: record.tag };
        self.is_closed = record.is_last();
        self.written = record.start.unwrap_or(self.written).saturating_add(record.len(offset) as u64);
    }

    /// Whether the topic is closed, and takes no event any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The [`Record::start`] of the next event.
    pub(super) const fn next_start(&self) -> u64 {
        self.written
    }

    /// Writes the next event. The topic is added if there is none.
    pub(super) fn put(
        &mut self,
        tables: &mut Tables<'_>,
        name: &str,
        offset: u64,
        record: &[u8],
    ) -> Result<(), StoreError> {
        let row = match self.row {
            Some(row) => row,
            None => *self.row.insert(tables.add(name, self.epoch, self.newest)?),
        };
        tables.put(&row, offset, record)?;
        self.append(offset, &Record::read(record));
        Ok(())
    }

    /// Writes the maximum age of the events, in milliseconds, unless the file has it.
    pub(super) fn set_age(&mut self, tables: &mut Tables<'_>, age: u64) -> Result<(), StoreError> {
        if let Some(row) = &self.row
            && self.age != Some(age)
        {
            tables.set_age(row, age)?;
            self.age = Some(age);
        }
        Ok(())
    }

    /// The time of the oldest event, in milliseconds of Unix time.
    pub(super) const fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Whether there are events that exceed the retention at this time, in milliseconds of Unix time.
    pub(super) fn exceeds(&self, retention: &Retention, time: u64) -> bool {
        let Retention { events, bytes, age } = *retention;
        let kept = self.written.saturating_sub(self.start);
        self.count() > events as u64 || kept > bytes as u64 || self.oldest.saturating_add(milliseconds(age)) < time
    }

    /// Removes the oldest events while `is_over`. The newest one stays.
    pub(super) fn trim(
        &mut self,
        tables: &mut Tables<'_>,
        name: &str,
        is_over: impl Fn(&Self) -> bool,
    ) -> Result<(), StoreError> {
        let Some(row) = self.row else { return Ok(()) };
        let is_over = |head: &Self| head.count() > 1 && is_over(head);
        if !is_over(self) {
            return Ok(());
        }
        let mut tail = row.tail;
        for event in tables.events(&row)? {
            let (place, bytes) = event?;
            let offset = place.value().1;
            let record = Record::read(bytes.value());
            self.oldest = record.time;
            if !is_over(self) {
                break;
            }
            self.start = self.start.saturating_add(record.len(offset) as u64);
            tail = Mark { offset, tag: record.tag };
            self.row = Some(Row { tail, ..row });
        }
        tables.trim(name, &row, tail)
    }
}

/// A time in milliseconds.
pub(super) fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The maximum number of heads in each half of [`Heads`].
const MAX_HALF: usize = 8192;

/// The heads of the topics that were written last. The others are read from the file again.
#[derive(Debug, Default)]
pub(super) struct Heads {
    new: HashMap<Arc<str>, Head>,
    /// The heads that are forgotten next, unless they are used.
    old: HashMap<Arc<str>, Head>,
}

impl Heads {
    pub(super) fn get(&self, name: &str) -> Option<&Head> {
        self.new.get(name).or_else(|| self.old.get(name))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Head> {
        match self.new.get_mut(name) {
            Some(head) => Some(head),
            None => self.old.get_mut(name),
        }
    }

    pub(super) fn set(&mut self, name: Arc<str>, head: Head) {
        if self.new.len() >= MAX_HALF {
            self.old = mem::take(&mut self.new);
        }
        self.old.remove(&name);
        self.new.insert(name, head);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.new.remove(name);
        self.old.remove(name);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{database, record};
    use super::*;
    use crate::event::Event;
    use crate::topic::encoded::Draft;
    use crate::topic::engine::disk::held_file::HeldFile;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::event_keys::EventKeys;
    use crate::topic::position::Tag;

    /// Older versions have not counted the bytes of events.
    #[test]
    fn the_bytes_of_events_are_known_from_the_file() {
        let scratch = Scratch::new("head");
        database::create(scratch.path()).unwrap();
        let store = Store::open(HeldFile::open(scratch.path()).unwrap().storage().unwrap()).unwrap();
        let draft = Draft::of(Event::data("x")).unwrap();
        let mut head = Head::read(&store, "a").unwrap();
        // The number of events that are counted, then not counted, then trimmed.
        for (put, counted, trimmed) in [(3, false, 0), (2, true, 0), (0, true, 2), (4, true, 1), (1, true, 3)] {
            store
                .write(true, |tables| {
                    for _ in 0..put {
                        let (offset, start) = (head.newest.offset + 1, counted.then(|| head.next_start()));
                        let record = record::of_draft(Tag::from_bits(1), offset, start, EventKeys::default(), &draft);
                        head.put(tables, "a", offset, &record)?;
                    }
                    let until = head.tail().offset + trimmed;
                    head.trim(tables, "a", |head| head.tail().offset < until)
                })
                .unwrap();
            let read = Head::read(&store, "a").unwrap();
            assert_eq!(
                (read.row, read.newest, read.oldest, read.written - read.start),
                (head.row, head.newest, head.oldest, head.written - head.start),
            );
            let last = read.newest.offset;
            let len = |offset| {
                Record::parse(&record::of_draft(Tag::from_bits(1), 0, None, EventKeys::default(), &draft))
                    .unwrap()
                    .len(offset)
            };
            assert_eq!(
                read.written - read.start,
                (read.tail().offset + 1..=last).map(|at| len(at) as u64).sum::<u64>()
            );
        }
    }

    #[test]
    fn heads_are_bounded_and_the_last_ones_stay() {
        let mut heads = Heads::default();
        let head = |offset| Head::new(Epoch::from_bits(1), None, Mark { offset, ..Mark::default() });
        for offset in 0..5 * MAX_HALF as u64 {
            heads.set(offset.to_string().into(), head(offset));
            heads.set("used".into(), head(offset));
        }
        assert!(heads.new.len() + heads.old.len() <= 2 * MAX_HALF);
        let last = 5 * MAX_HALF as u64 - 1;
        for name in ["used", &last.to_string()] {
            assert_eq!(heads.get(name).map(|head| head.newest.offset), Some(last));
        }
        assert!(heads.get("0").is_none());
    }
}
