//! [`Store`], the file with the events of all topics.

use std::ops::{Bound, ControlFlow};

use redb::{
    Database, Durability, Range, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, Table,
    TableError, WriteTransaction,
};

use super::database::{self, AGES, EVENTS, Identity, TOPICS};
use super::fault::Trouble;
use crate::topic::position::{Epoch, Mark, Tag};

pub(super) struct Store {
    database: Database,
    identity: Identity,
}

/// What is known of a topic beside its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) epoch: Epoch,
    pub(super) number: u64,
    /// The place before the first event that is kept.
    pub(super) tail: Mark,
}

impl Row {
    const fn values(&self) -> (u64, u64, u64, u32) {
        (self.epoch.bits(), self.number, self.tail.offset, self.tail.tag.bits())
    }

    const fn of((epoch, number, offset, tag): (u64, u64, u64, u32)) -> Self {
        Self { epoch: Epoch::from_bits(epoch), number, tail: Mark { offset, tag: Tag::from_bits(tag) } }
    }
}

impl Store {
    /// Opens a database that exists. All of it is read, to see that nobody has changed it.
    pub(super) fn open(storage: impl StorageBackend) -> Result<Self, Trouble> {
        let database = database::builder().create_with_backend(storage)?;
        let identity = database::identity(&database)?;
        Ok(Self { database, identity })
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Writes into the file that it has been opened once more.
    pub(super) fn sign(&mut self, opening: u64) -> Result<(), Trouble> {
        database::sign(&self.database, opening)?;
        self.identity.opening = opening;
        Ok(())
    }

    /// Moves what is in the file to its beginning, and gives the rest back to the file system.
    pub(super) fn compact(&mut self) -> Result<(), Trouble> {
        self.database.compact()?;
        Ok(())
    }

    /// The epoch that a topic of that name begins with. Nothing needs to be written for a topic that
    /// is only listened to, and yet its clients find it again.
    pub(super) fn epoch(&self, name: &str) -> Epoch {
        // FNV-1a, and then the mixing of SplitMix64: the same in every version of this program.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325 ^ self.identity.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mixed = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Epoch::from_bits(mixed ^ mixed >> 31)
    }

    /// Reads a topic: what is known of it, and then each of its events, with its offset.
    pub(super) fn read<R>(
        &self,
        name: &str,
        begin: impl FnOnce(Row) -> R,
        mut event: impl FnMut(&mut R, u64, &[u8]) -> Result<(), Trouble>,
    ) -> Result<Option<R>, Trouble> {
        let reading = self.database.begin_read()?;
        let topics = reading.open_table(TOPICS)?;
        let Some(row) = topics.get(name)?.map(|row| Row::of(row.value())) else { return Ok(None) };
        let mut topic = begin(row);
        for entry in reading.open_table(EVENTS)?.range((row.number, 0)..=(row.number, u64::MAX))? {
            let (place, bytes) = entry?;
            event(&mut topic, place.value().1, bytes.value())?;
        }
        Ok(Some(topic))
    }

    /// Looks at the topics from that name on, in the order of their names, until `look` breaks.
    /// `look` gets what is known of a topic, how old its events may become, and its events.
    pub(super) fn walk<B>(
        &self,
        from: Option<&str>,
        mut look: impl FnMut(&str, Row, u64, Events<'_>) -> Result<ControlFlow<B>, Trouble>,
    ) -> Result<Option<B>, Trouble> {
        let reading = self.database.begin_read()?;
        let (topics, events) = (reading.open_table(TOPICS)?, reading.open_table(EVENTS)?);
        // Files of older versions have no ages.
        let ages = match reading.open_table(AGES) {
            Ok(ages) => ages,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        for entry in topics.range::<&str>((from, Bound::Unbounded))? {
            let (name, row) = entry?;
            let row = Row::of(row.value());
            // A topic without an age keeps its events.
            let age = ages.get(row.number)?.map_or(u64::MAX, |age| age.value());
            let events = events.range((row.number, 0)..=(row.number, u64::MAX))?;
            if let ControlFlow::Break(found) = look(name.value(), row, age, events)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Changes the tables, all at once or not at all. With `durably` the disk has it when this
    /// returns, and with it all that was written before.
    pub(super) fn write(
        &self,
        durably: bool,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut writing = self.database.begin_write()?;
        writing.set_durability(if durably { Durability::Immediate } else { Durability::None })?;
        let mut tables =
            Tables { topics: writing.open_table(TOPICS)?, events: writing.open_table(EVENTS)?, writing: &writing };
        change(&mut tables)?;
        drop(tables);
        writing.commit()?;
        Ok(())
    }
}

/// The tables while they are changed.
pub(super) struct Tables<'t> {
    topics: Table<'t, &'static str, (u64, u64, u64, u32)>,
    events: Table<'t, (u64, u64), &'static [u8]>,
    /// For the ages, which seldom change: a table that is open costs each commit something.
    writing: &'t WriteTransaction,
}

/// The events of one topic, by its number and their offsets, the oldest first.
pub(super) type Events<'t> = Range<'t, (u64, u64), &'static [u8]>;

impl Tables<'_> {
    pub(super) fn topic(&self, name: &str) -> Result<Option<Row>, Trouble> {
        Ok(self.topics.get(name)?.map(|row| Row::of(row.value())))
    }

    /// Adds a topic. Its number is new, as none is ever taken out.
    pub(super) fn add(&mut self, name: &str, epoch: Epoch, tail: Mark) -> Result<Row, Trouble> {
        let row = Row { epoch, number: self.topics.len()?, tail };
        self.topics.insert(name, row.values())?;
        Ok(row)
    }

    /// Forgets all events up to a place, which becomes the one before the first.
    pub(super) fn trim(&mut self, name: &str, row: &Row, tail: Mark) -> Result<(), Trouble> {
        self.events.retain_in((row.number, 0)..=(row.number, tail.offset), |_, _| false)?;
        self.topics.insert(name, Row { tail, ..*row }.values())?;
        Ok(())
    }

    /// Sets how old a topic's events may become, in milliseconds.
    pub(super) fn set_age(&mut self, row: &Row, age: u64) -> Result<(), Trouble> {
        self.writing.open_table(AGES)?.insert(row.number, age)?;
        Ok(())
    }

    /// Forgets the events, by their offsets, of which that is not true.
    pub(super) fn retain(&mut self, row: &Row, mut keeps: impl FnMut(u64, &[u8]) -> bool) -> Result<(), Trouble> {
        self.events.retain_in((row.number, 0)..=(row.number, u64::MAX), |(_, offset), bytes| keeps(offset, bytes))?;
        Ok(())
    }

    pub(super) fn put(&mut self, row: &Row, offset: u64, record: &[u8]) -> Result<(), Trouble> {
        self.events.insert((row.number, offset), record)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topic::engine::held_file::HeldFile;
    use crate::topic::engine::scratch::Scratch;

    fn open(path: &Path) -> Result<Store, Trouble> {
        database::make(path)?;
        Store::open(HeldFile::open(path)?.storage()?)
    }

    #[test]
    fn what_is_trimmed_is_gone_and_leaves_its_place() {
        let scratch = Scratch::new("trim");
        let store = open(scratch.path()).unwrap();
        let tail = Mark { offset: 2, tag: Tag::from_bits(9) };
        let (a, b) = (store.epoch("a"), store.epoch("b"));
        assert_ne!(a, b);
        store
            .write(true, |tables| {
                for (name, epoch) in [("a", a), ("b", b)] {
                    let row = tables.add(name, epoch, Mark::default())?;
                    (1..=3).try_for_each(|offset| tables.put(&row, offset, b"event"))?;
                }
                let row = tables.topic("a")?.unwrap();
                tables.trim("a", &row, tail)
            })
            .unwrap();
        drop(store);
        let store = open(scratch.path()).unwrap();
        let read = |name: &str| {
            let mut offsets = Vec::new();
            let row = store.read(
                name,
                |row| row,
                |_, offset, _| {
                    offsets.push(offset);
                    Ok(())
                },
            );
            let row = row.unwrap().unwrap();
            (row.epoch, row.tail, offsets)
        };
        assert_eq!(read("a"), (a, tail, vec![3]));
        assert_eq!(read("b"), (b, Mark::default(), vec![1, 2, 3]));
        assert_eq!(store.epoch("a"), a);
    }
}
