//! [`Store`], the file with the events of all topics.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
};

use super::fault::Trouble;
use crate::stream::random;
use crate::topic::position::{Epoch, Mark, Tag};

/// What the file itself is.
const FILE: TableDefinition<'_, &str, u64> = TableDefinition::new("touka");
/// By name.
const TOPICS: TableDefinition<'_, &str, (u64, u64, u64, u32)> = TableDefinition::new("topics");
/// By the topic's number and the offset; a [`Record`](super::record::Record).
const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");

/// What the tables hold, and in which form. Another number for another form.
const FORMAT: u64 = 1;

/// Events are read once and then sent from memory, so nothing is gained by more.
const CACHE: usize = 32 * 1024 * 1024;

pub(super) struct Store {
    database: Database,
    /// Random, and new with each file: what the epochs of topics are made of.
    seed: u64,
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
    /// Opens the file, or makes it. All of it is read, to see that nobody has changed it.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        // redb has assertions about what it reads, and a file may hold anything.
        catch_unwind(AssertUnwindSafe(|| Self::open_unguarded(path)))
            .unwrap_or_else(|panic| Err(Trouble::panicked(&*panic)))
    }

    fn open_unguarded(path: &Path) -> Result<Self, Trouble> {
        let mut new = OsString::from(path);
        new.push(".touka-new");
        let new = PathBuf::from(new);
        if fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            make(path, &new)?;
        }
        let database = builder().create(path)?;
        // It has done its work, now or in a process that was killed before it could do this.
        let _ = fs::remove_file(&new);
        let seed = seed(&database)?;
        Ok(Self { database, seed })
    }

    /// The epoch that a topic of that name begins with. Nothing needs to be written for a topic that
    /// is only listened to, and yet its clients find it again.
    pub(super) fn epoch(&self, name: &str) -> Epoch {
        // FNV-1a, and then the mixing of SplitMix64: the same in every version of this program.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mixed = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Epoch::from_bits(mixed ^ mixed >> 31)
    }

    /// Reads a topic: what is known of it, and then each of its events, with its offset.
    pub(super) fn read(
        &self,
        name: &str,
        mut event: impl FnMut(u64, &[u8]) -> Result<(), Trouble>,
    ) -> Result<Option<Row>, Trouble> {
        let reading = self.database.begin_read()?;
        let topics = reading.open_table(TOPICS)?;
        let Some(row) = topics.get(name)?.map(|row| Row::of(row.value())) else { return Ok(None) };
        for entry in reading.open_table(EVENTS)?.range((row.number, 0)..=(row.number, u64::MAX))? {
            let (place, bytes) = entry?;
            event(place.value().1, bytes.value())?;
        }
        Ok(Some(row))
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
        let mut tables = Tables { topics: writing.open_table(TOPICS)?, events: writing.open_table(EVENTS)? };
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
}

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

    /// Forgets all events, whatever they are.
    pub(super) fn clear(&mut self, row: &Row) -> Result<(), Trouble> {
        self.events.retain_in((row.number, 0)..=(row.number, u64::MAX), |_, _| false)?;
        Ok(())
    }

    pub(super) fn put(&mut self, row: &Row, offset: u64, record: &[u8]) -> Result<(), Trouble> {
        self.events.insert((row.number, offset), record)?;
        Ok(())
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// Makes the file under another name first. A process that is killed half-way would else leave a
/// file that cannot be opened.
fn make(path: &Path, new: &Path) -> Result<(), Trouble> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(new)?;
    match file.try_lock() {
        // What another left half-way.
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(redb::Error::DatabaseAlreadyOpen.into()),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    drop(file);
    let database = builder().create(new)?;
    seed(&database)?;
    database.close()?;
    // Whoever made the file meanwhile keeps it. Not every file system has hard links.
    if fs::hard_link(new, path).is_err() && !fs::exists(path)? {
        fs::rename(new, path)?;
    }
    // The name, too, must be on the disk before the first event is said to be.
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Sees that the file is one of touka's, or makes it so if it is new.
fn seed(database: &Database) -> Result<u64, Trouble> {
    let foreign = |what: &str| Err(Trouble::Foreign(what.into()));
    let writing = database.begin_write()?;
    let is_new = writing.list_tables()?.next().is_none();
    let of_ours = is_new || writing.list_tables()?.any(|table| redb::TableHandle::name(&table) == "touka");
    if !of_ours {
        writing.abort()?;
        return foreign("it is a database of another program");
    }
    let mut file = writing.open_table(FILE)?;
    if is_new {
        file.insert("format", FORMAT)?;
        file.insert("seed", random())?;
        writing.open_table(TOPICS)?;
        writing.open_table(EVENTS)?;
    }
    let number = |name: &str| Ok::<_, Trouble>(file.get(name)?.map(|number| number.value()));
    let (format, seed) = (number("format")?, number("seed")?);
    drop(file);
    if is_new {
        writing.commit()?;
    } else {
        writing.abort()?;
    }
    match (format, seed) {
        (Some(FORMAT), Some(seed)) => Ok(seed),
        (Some(format), _) => Err(Trouble::Foreign(format!(
            "its events have the format {format}, and this version of touka knows the format {FORMAT}"
        ))),
        _ => Err(Trouble::Damaged("it does not say which format its events have".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is gone at the end of the test.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("touka-store-{name}-{}", std::process::id()));
            let _ = fs::remove_file(&path);
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn refusal(path: &Path) -> String {
        match Store::open(path) {
            Ok(_) => panic!("it opens"),
            Err(trouble) => crate::topic::HubError::from(trouble.of("cannot open the events in", path)).to_string(),
        }
    }

    #[test]
    fn another_format_is_refused() {
        let place = Place::new("format");
        let store = Store::open(&place.0).unwrap();
        let writing = store.database.begin_write().unwrap();
        writing.open_table(FILE).unwrap().insert("format", 7).unwrap();
        writing.commit().unwrap();
        drop(store);
        let refusal = refusal(&place.0);
        assert!(refusal.contains("format 7") && refusal.contains("format 1"), "{refusal}");
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let place = Place::new("other");
        let database = Database::create(&place.0).unwrap();
        let writing = database.begin_write().unwrap();
        writing.open_table(TableDefinition::<&str, u64>::new("accounts")).unwrap().insert("a", 1).unwrap();
        writing.commit().unwrap();
        drop(database);
        let refusal = refusal(&place.0);
        assert!(refusal.contains("another program"), "{refusal}");
    }

    #[test]
    fn what_is_trimmed_is_gone_and_leaves_its_place() {
        let place = Place::new("trim");
        let store = Store::open(&place.0).unwrap();
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
        let store = Store::open(&place.0).unwrap();
        let read = |name: &str| {
            let mut offsets = Vec::new();
            let row = store.read(name, |offset, _| {
                offsets.push(offset);
                Ok(())
            });
            let row = row.unwrap().unwrap();
            (row.epoch, row.tail, offsets)
        };
        assert_eq!(read("a"), (a, tail, vec![3]));
        assert_eq!(read("b"), (b, Mark::default(), vec![1, 2, 3]));
        assert_eq!(store.epoch("a"), a);
    }
}
