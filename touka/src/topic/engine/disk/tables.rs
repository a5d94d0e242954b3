//! [`Tables`], the tables of the database in a write transaction.

use std::ops::RangeInclusive;

use redb::{Range, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::database::{AGES, EPOCHS, EVENTS, FILE, NEXT_NUMBER, REMOVALS, SPARED, TOPICS};
use super::disk_fault::StoreError;
use super::key_tables::KeyTables;
use super::record::Record;
use super::row::Row;
use super::superseded::Superseded;
use crate::topic::position::{Epoch, Mark};

/// The tables in a write transaction.
pub(super) struct Tables<'t> {
    topics: Table<'t, &'static str, (u64, u64, u64, u32)>,
    events: Table<'t, (u64, u64), &'static [u8]>,
    keys: KeyTables<'t>,
    /// Opens the tables that seldom change: each open table makes a commit more expensive.
    writing: &'t WriteTransaction,
}

impl<'t> Tables<'t> {
    pub(super) fn open(writing: &'t WriteTransaction) -> Result<Self, StoreError> {
        let (topics, events) = (writing.open_table(TOPICS)?, writing.open_table(EVENTS)?);
        Ok(Self { topics, events, keys: KeyTables::new(writing), writing })
    }

    pub(super) fn topic(&self, name: &str) -> Result<Option<Row>, StoreError> {
        Ok(self.topics.get(name)?.map(|row| Row::of(row.value())))
    }

    /// Adds a topic.
    pub(super) fn add(&mut self, name: &str, epoch: Epoch, tail: Mark) -> Result<Row, StoreError> {
        let number = self.next_number()?;
        let row = Row { epoch, number, tail };
        self.topics.insert(name, row.values())?;
        self.writing.open_table(EPOCHS)?.insert(epoch.bits(), name)?;
        Ok(row)
    }

    /// Takes a number for a new topic.
    fn next_number(&self) -> Result<u64, StoreError> {
        let mut file = self.writing.open_table(FILE)?;
        let next = file.get(NEXT_NUMBER)?.map(|number| number.value());
        let Some(next) = next else { return Ok(self.topics.len()?) };
        file.insert(NEXT_NUMBER, next + 1)?;
        Ok(next)
    }

    /// Removes a topic with all its events.
    ///
    /// The removal is counted for a topic without events, too: clients may have its position.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        let mut file = self.writing.open_table(FILE)?;
        if file.get(NEXT_NUMBER)?.is_none() {
            // Until now numbers were counts of topics, which a removal makes ambiguous.
            file.insert(NEXT_NUMBER, self.topics.len()?)?;
        }
        if let Some(row) = self.topic(name)? {
            self.remove_events(&row, 0..=u64::MAX, |_, _, _| Ok(()))?;
            self.writing.open_table(SPARED)?.retain_in((row.number, 0)..=(row.number, u64::MAX), |_, _| false)?;
            self.topics.remove(name)?;
            self.writing.open_table(AGES)?.remove(row.number)?;
            self.writing.open_table(EPOCHS)?.remove(row.epoch.bits())?;
        }
        let mut removals = self.writing.open_table(REMOVALS)?;
        let before = removals.get(bucket(name))?.map_or(0, |removals| removals.value());
        removals.insert(bucket(name), before + 1)?;
        Ok(())
    }

    /// Removes all events up to a mark, which becomes the tail.
    pub(super) fn trim(&mut self, name: &str, row: &Row, tail: Mark) -> Result<(), StoreError> {
        let mut superseded = Superseded::new(row);
        self.remove_events(row, 0..=tail.offset, |keys, offset, record| superseded.add(keys, offset, record))?;
        superseded.write(self.writing)?;
        self.topics.insert(name, Row { tail, ..*row }.values())?;
        Ok(())
    }

    /// Sets the maximum age of a topic's events, in milliseconds.
    pub(super) fn set_age(&mut self, row: &Row, age: u64) -> Result<(), StoreError> {
        self.writing.open_table(AGES)?.insert(row.number, age)?;
        Ok(())
    }

    /// The events, the oldest first, by the number of their topic and their offsets.
    pub(super) fn events(&self, row: &Row) -> Result<Events<'_>, StoreError> {
        Ok(self.events.range((row.number, row.tail.offset + 1)..=(row.number, u64::MAX))?)
    }

    /// Removes all events after this offset.
    pub(super) fn cut(&mut self, row: &Row, offset: u64) -> Result<(), StoreError> {
        self.remove_events(row, offset.saturating_add(1)..=u64::MAX, |_, _, _| Ok(()))
    }

    /// Removes events, each after `before` was called with its offset and its record.
    fn remove_events(
        &mut self,
        row: &Row,
        offsets: RangeInclusive<u64>,
        mut before: impl FnMut(&mut KeyTables<'_>, u64, &Record<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let range = (row.number, *offsets.start())..=(row.number, *offsets.end());
        let (Self { events, keys, .. }, mut done) = (self, Ok(()));
        events.retain_in(range, |(_, offset), raw| {
            let record = Record::read(raw);
            if done.is_ok() {
                done = before(keys, offset, &record).and_then(|()| keys.forget(row.number, &record.keys, &offsets));
            }
            false
        })?;
        done
    }

    /// Adds an event.
    pub(super) fn put(&mut self, row: &Row, offset: u64, record: &[u8]) -> Result<(), StoreError> {
        self.events.insert((row.number, offset), record)?;
        self.keys.put(row.number, &Record::read(record).keys, offset)
    }

    /// The mark of the event with this idempotency key, unless it was published before `since`, in milliseconds of Unix
    /// time.
    pub(super) fn once(&mut self, row: &Row, key: &str, since: u64) -> Result<Option<Mark>, StoreError> {
        let Some(offset) = self.keys.once_of(row.number, key)? else { return Ok(None) };
        let event = self.events.get((row.number, offset))?;
        let record = event.as_ref().and_then(|bytes| Record::parse(bytes.value()));
        let record = record.filter(|record| record.keys.once == Some(key) && record.time >= since);
        Ok(record.map(|record| Mark { offset, tag: record.tag }))
    }
}

/// The events of one topic by its number and their offsets, the oldest first.
pub(super) type Events<'t> = Range<'t, (u64, u64), &'static [u8]>;

/// The number of buckets in which removals are counted.
const BUCKETS: u64 = 4096;

/// The bucket in which removals of topics with this name are counted: FNV-1a.
pub(super) fn bucket(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    hash % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::super::database::{NEWEST, ONCE};
    use super::super::{database, record};
    use super::*;
    use crate::event::Event;
    use crate::topic::encoded::Draft;
    use crate::topic::engine::disk::held_file::HeldFile;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::engine::disk::store::Store;
    use crate::topic::event_keys::EventKeys;
    use crate::topic::position::Tag;

    #[test]
    fn keys_are_forgotten_with_their_events() {
        let scratch = Scratch::new("once");
        let store = open(&scratch);
        let draft = Draft::of(Event::data("x")).unwrap();
        let event = |once, time| {
            record::of_draft(Tag::from_bits(7), time, None, EventKeys { key: Some(once), once: Some(once) }, &draft)
        };
        let of = |offset| Some(Mark { offset, tag: Tag::from_bits(7) });
        store
            .write(true, |tables| {
                let row = tables.add("a", store.epoch("a")?, Mark::default())?;
                for (offset, once) in (1..).zip(["one", "two", "one", "three"]) {
                    tables.put(&row, offset, &event(once, 100 + offset))?;
                }
                assert_eq!(tables.once(&row, "one", 103)?, of(3));
                assert_eq!((tables.once(&row, "one", 104)?, tables.once(&row, "none", 0)?), (None, None));
                tables.trim("a", &row, Mark { offset: 2, tag: Tag::from_bits(7) })?;
                assert_eq!((tables.once(&row, "one", 0)?, tables.once(&row, "two", 0)?), (of(3), None));
                tables.cut(&row, 3)?;
                assert_eq!(tables.once(&row, "three", 0)?, None);
                tables.remove("a")
            })
            .unwrap();
        let mut left = [1; 3];
        store
            .write(true, |Tables { writing, .. }| {
                let keys = [writing.open_table(ONCE)?, writing.open_table(NEWEST)?];
                left = [keys[0].len()?, keys[1].len()?, writing.open_table(SPARED)?.len()?];
                Ok(())
            })
            .unwrap();
        assert_eq!(left, [0; 3]);
    }

    #[test]
    fn a_removed_topic_leaves_no_event_and_gives_no_number_away() {
        let scratch = Scratch::new("remove");
        let store = open(&scratch);
        let add = |tables: &mut Tables<'_>, name: &str| {
            let row = tables.add(name, store.epoch(name)?, Mark::default())?;
            tables.set_age(&row, 1)?;
            tables.put(&row, 1, b"event")?;
            Ok::<_, StoreError>(row)
        };
        let before = store.epoch("a").unwrap();
        store.write(true, |tables| ["a", "b"].iter().try_for_each(|name| add(tables, name).map(drop))).unwrap();
        store.write(true, |tables| tables.remove("none").and_then(|()| tables.remove("a"))).unwrap();
        assert!(!store.has("a").unwrap() && store.has("b").unwrap());
        assert_eq!(store.name_of(before).unwrap(), None);
        assert_eq!(store.name_of(store.epoch("b").unwrap()).unwrap().as_deref(), Some("b"));
        assert_ne!(store.epoch("a").unwrap(), before);
        let mut numbers = Vec::new();
        store
            .write(true, |tables| {
                for name in ["a", "b", "c"] {
                    let row = match tables.topic(name)? {
                        Some(row) => row,
                        None => add(tables, name)?,
                    };
                    numbers.push(row.number);
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(numbers, [2, 1, 3]);
        drop(store);
        let store = open(&scratch);
        let events = store.read(
            "a",
            |_| 0,
            |count, _, _| {
                *count += 1;
                Ok(())
            },
        );
        assert_eq!(events.unwrap(), Some(1));
    }

    fn open(scratch: &Scratch) -> Store {
        database::create(scratch.path()).unwrap();
        Store::open(HeldFile::open(scratch.path()).unwrap().storage().unwrap()).unwrap()
    }
}
