//! [`Store`], the database with the events of all topics.

use std::ops::{Bound, ControlFlow, RangeInclusive};

use redb::{Database, Durability, ReadableDatabase, StorageBackend, TableError};

use super::database::{self, AGES, EPOCHS, EVENTS, Identity, REMOVALS, TOPICS};
use super::disk_fault::StoreError;
use super::row::Row;
use super::superseded::superseded_after;
use super::tables::{Events, Tables, bucket};
use crate::topic::position::{Epoch, Tag};

pub(super) struct Store {
    database: Database,
    identity: Identity,
}

impl Store {
    /// Opens a database that exists, and verifies the checksums of all of it.
    pub(super) fn open(storage: impl StorageBackend) -> Result<Self, StoreError> {
        let database = database::builder().create_with_backend(storage)?;
        let identity = database::identity(&database)?;
        database::index_epochs(&database)?;
        Ok(Self { database, identity })
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Writes the number of this opening into the file.
    pub(super) fn sign(&mut self, opening: u64) -> Result<(), StoreError> {
        database::sign(&self.database, opening)?;
        self.identity.opening = opening;
        Ok(())
    }

    /// Moves the contents to the beginning of the file, and returns the rest to the file system.
    pub(super) fn compact(&mut self) -> Result<(), StoreError> {
        self.database.compact()?;
        Ok(())
    }

    /// The epoch that a topic with this name begins with.
    ///
    /// It is derived from the name: so nothing needs to be written for a topic that has only readers, and the clients'
    /// ids stay valid. After a removal, all topics of the same bucket begin with other epochs. Those that have events
    /// keep theirs.
    pub(super) fn epoch(&self, name: &str) -> Result<Epoch, StoreError> {
        // FNV-1a and the mixing function of SplitMix64: every version of touka must compute the same.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325 ^ self.identity.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let reading = self.database.begin_read()?;
        let removals = match reading.open_table(REMOVALS) {
            Ok(removals) => removals.get(bucket(name))?.map_or(0, |removals| removals.value()),
            Err(TableError::TableDoesNotExist(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        let hash = hash ^ removals.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(Epoch::from_bits(mixed ^ mixed >> 31))
    }

    /// Whether there are events of the topic.
    pub(super) fn has(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.database.begin_read()?.open_table(TOPICS)?.get(name)?.is_some())
    }

    /// The name of the topic with this epoch, if it has events.
    pub(super) fn name_of(&self, epoch: Epoch) -> Result<Option<String>, StoreError> {
        match self.database.begin_read()?.open_table(EPOCHS) {
            Ok(epochs) => Ok(epochs.get(epoch.bits())?.map(|name| name.value().to_owned())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a topic: its row, and then each of its events with its offset.
    #[cfg(test)]
    pub(super) fn read<R>(
        &self,
        name: &str,
        begin: impl FnOnce(Row) -> R,
        mut event: impl FnMut(&mut R, u64, &[u8]) -> Result<(), StoreError>,
    ) -> Result<Option<R>, StoreError> {
        self.look(name, 0..=u64::MAX, |row, events| {
            let mut topic = begin(row);
            for entry in events {
                let (place, bytes) = entry?;
                event(&mut topic, place.value().1, bytes.value())?;
            }
            Ok(topic)
        })
    }

    /// Reads the row of a topic, and its events with these offsets. `None` if there is no such topic.
    pub(super) fn look<R>(
        &self,
        name: &str,
        offsets: RangeInclusive<u64>,
        look: impl FnOnce(Row, Events<'_>) -> Result<R, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        let reading = self.database.begin_read()?;
        let topics = reading.open_table(TOPICS)?;
        let Some(row) = topics.get(name)?.map(|row| Row::of(row.value())) else { return Ok(None) };
        let (from, until) = ((row.number, *offsets.start()), (row.number, *offsets.end()));
        look(row, reading.open_table(EVENTS)?.range(from..=until)?).map(Some)
    }

    /// The epoch of a topic, and the tag of its event at the offset `from`, if all events after it up to the first offset of
    /// `newer` are superseded by newer ones, up to its last offset.
    pub(super) fn superseded_after(
        &self,
        name: &str,
        from: u64,
        newer: RangeInclusive<u64>,
    ) -> Result<Option<(Epoch, Tag)>, StoreError> {
        let reading = self.database.begin_read()?;
        let Some(row) = reading.open_table(TOPICS)?.get(name)?.map(|row| Row::of(row.value())) else { return Ok(None) };
        Ok(superseded_after(&reading, &row, from, newer)?.map(|tag| (row.epoch, tag)))
    }

    /// Visits the topics in the order of their names, from this name on, until `look` breaks.
    ///
    /// `look` gets the name and the row of a topic, the maximum age of its events, and its events.
    pub(super) fn scan<B>(
        &self,
        from: Option<&str>,
        mut look: impl FnMut(&str, Row, u64, Events<'_>) -> Result<ControlFlow<B>, StoreError>,
    ) -> Result<Option<B>, StoreError> {
        let reading = self.database.begin_read()?;
        let (topics, events) = (reading.open_table(TOPICS)?, reading.open_table(EVENTS)?);
        // Older versions do not write ages.
        let ages = match reading.open_table(AGES) {
            Ok(ages) => ages,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        for entry in topics.range::<&str>((from, Bound::Unbounded))? {
            let (name, row) = entry?;
            let row = Row::of(row.value());
            // Without an age, events do not expire.
            let age = ages.get(row.number)?.map_or(u64::MAX, |age| age.value());
            let events = events.range((row.number, 0)..=(row.number, u64::MAX))?;
            if let ControlFlow::Break(found) = look(name.value(), row, age, events)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Changes the tables in one transaction. With `durably`, it is on the disk when this returns, and so are all
    /// earlier ones.
    pub(super) fn write(
        &self,
        durably: bool,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writing = self.database.begin_write()?;
        writing.set_durability(if durably { Durability::Immediate } else { Durability::None })?;
        let mut tables = Tables::open(&writing)?;
        change(&mut tables)?;
        drop(tables);
        writing.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topic::engine::disk::held_file::HeldFile;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::position::Mark;

    fn open(path: &Path) -> Result<Store, StoreError> {
        database::create(path)?;
        Store::open(HeldFile::open(path)?.storage()?)
    }

    #[test]
    fn trimmed_events_are_gone_and_leave_the_tail() {
        let scratch = Scratch::new("trim");
        let store = open(scratch.path()).unwrap();
        let tail = Mark { offset: 2, tag: Tag::from_bits(9) };
        let (a, b) = (store.epoch("a").unwrap(), store.epoch("b").unwrap());
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
        assert_eq!(store.epoch("a").unwrap(), a);
    }

    #[test]
    fn a_file_of_an_older_version_gets_an_index_of_epochs() {
        let scratch = Scratch::new("index");
        let store = open(scratch.path()).unwrap();
        let epoch = store.epoch("a").unwrap();
        store.write(true, |tables| tables.add("a", epoch, Mark::default()).map(drop)).unwrap();
        let writing = store.database.begin_write().unwrap();
        writing.delete_table(EPOCHS).unwrap();
        writing.commit().unwrap();
        assert_eq!(store.name_of(epoch).unwrap(), None);
        drop(store);
        assert_eq!(open(scratch.path()).unwrap().name_of(epoch).unwrap().as_deref(), Some("a"));
    }
}
