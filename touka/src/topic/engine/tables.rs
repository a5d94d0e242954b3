//! [`Tables`], the tables of the database in a write transaction.

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::database::{AGES, EPOCHS, EVENTS, FILE, FORMAT, FORMAT_WITH_REMOVALS, NEXT_NUMBER, REMOVALS, TOPICS};
use super::disk_fault::StoreError;
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
    const fn values(&self) -> (u64, u64, u64, u32) {
        (self.epoch.bits(), self.number, self.tail.offset, self.tail.tag.bits())
    }

    pub(super) const fn of((epoch, number, offset, tag): (u64, u64, u64, u32)) -> Self {
        Self { epoch: Epoch::from_bits(epoch), number, tail: Mark { offset, tag: Tag::from_bits(tag) } }
    }
}

/// The tables in a write transaction.
pub(super) struct Tables<'t> {
    topics: Table<'t, &'static str, (u64, u64, u64, u32)>,
    events: Table<'t, (u64, u64), &'static [u8]>,
    /// Opens the tables that seldom change: each open table makes a commit more expensive.
    writing: &'t WriteTransaction,
}

impl<'t> Tables<'t> {
    pub(super) fn open(writing: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self { topics: writing.open_table(TOPICS)?, events: writing.open_table(EVENTS)?, writing })
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
            file.insert(FORMAT, FORMAT_WITH_REMOVALS)?;
        }
        if let Some(row) = self.topic(name)? {
            self.events.retain_in((row.number, 0)..=(row.number, u64::MAX), |_, _| false)?;
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
        self.events.retain_in((row.number, 0)..=(row.number, tail.offset), |_, _| false)?;
        self.topics.insert(name, Row { tail, ..*row }.values())?;
        Ok(())
    }

    /// Sets the maximum age of a topic's events, in milliseconds.
    pub(super) fn set_age(&mut self, row: &Row, age: u64) -> Result<(), StoreError> {
        self.writing.open_table(AGES)?.insert(row.number, age)?;
        Ok(())
    }

    /// Removes the events for which `keeps` is false.
    pub(super) fn retain(&mut self, row: &Row, mut keeps: impl FnMut(u64, &[u8]) -> bool) -> Result<(), StoreError> {
        self.events.retain_in((row.number, 0)..=(row.number, u64::MAX), |(_, offset), bytes| keeps(offset, bytes))?;
        Ok(())
    }

    pub(super) fn put(&mut self, row: &Row, offset: u64, record: &[u8]) -> Result<(), StoreError> {
        self.events.insert((row.number, offset), record)?;
        Ok(())
    }
}

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
    use super::super::database;
    use super::*;
    use crate::topic::engine::held_file::HeldFile;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::engine::store::Store;

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
