//! The database in the file of a hub: its tables, its creation and its [`Identity`].

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError};

use super::disk_fault::StoreError;
use crate::stream::random;

/// The properties of the file itself, by the names below.
pub(super) const FILE: TableDefinition<'_, &str, u64> = TableDefinition::new("touka");
/// The format of the tables.
const FORMAT: &str = "format";
/// [`Identity::seed`].
const SEED: &str = "seed";
/// [`Identity::opening`].
const OPENING: &str = "opening";
/// The number of the next topic, once a topic was removed. Until then it is the number of topics.
pub(super) const NEXT_NUMBER: &str = "next number";

/// Topics by name: epoch, number, and the offset and tag of the tail.
pub(super) const TOPICS: TableDefinition<'_, &str, (u64, u64, u64, u32)> = TableDefinition::new("topics");
/// Events by the number of their topic and their offset, each a `Record`.
pub(super) const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");
/// The maximum age of events by the number of their topic, in milliseconds: that of the topic's retention at its last
/// publish.
pub(super) const AGES: TableDefinition<'_, u64, u64> = TableDefinition::new("ages");
/// The offsets of events by the number of their topic and their idempotency key.
pub(super) const ONCE: TableDefinition<'_, (u64, &str), u64> = TableDefinition::new("once");
/// The offset of the newest event by the number of its topic and its key.
pub(super) const NEWEST: TableDefinition<'_, (u64, &str), u64> = TableDefinition::new("newest");
/// The tags of trimmed events by the number of their topic and their offset: see `Superseded`.
pub(super) const SPARED: TableDefinition<'_, (u64, u64), u32> = TableDefinition::new("spared");
/// The names of topics by epoch.
pub(super) const EPOCHS: TableDefinition<'_, u64, &str> = TableDefinition::new("epochs");
/// The number of removed topics by bucket: a hash of their names.
pub(super) const REMOVALS: TableDefinition<'_, u64, u64> = TableDefinition::new("removals");

/// The format of the files that this version writes. It reads those of earlier versions as well: they knew no removals,
/// or their records have no [`start`](super::record::Record::start).
const FORMAT_NOW: u64 = 3;

/// The size of redb's cache in bytes. A larger one gains nothing: events are read once and then sent from memory.
const CACHE: usize = 32 * 1024 * 1024;

/// The identity of a file, and of the hub that has opened it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// A random number that each file has from its creation. The epochs of topics are derived from it.
    pub(super) seed: u64,
    /// A random number that each hub writes when it opens the file. 0 until the first hub has opened it.
    pub(super) opening: u64,
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// Creates a file with a database, unless there is a file at this path.
///
/// It is created under another name first. Otherwise a process that is killed half-way would leave a file that cannot
/// be opened.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let mut new = OsString::from(path);
    new.push(".touka-new");
    let new = PathBuf::from(new);
    if fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        create_as(&new, path)?;
    }
    // Created above, or by a process that was killed before it could remove the file.
    let _ = fs::remove_file(&new);
    Ok(())
}

fn create_as(new: &Path, path: &Path) -> Result<(), StoreError> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(new)?;
    match file.try_lock() {
        // Another process may have left an incomplete file.
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(redb::Error::DatabaseAlreadyOpen.into()),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    drop(file);
    let database = builder().create(new)?;
    identity(&database)?;
    database.close()?;
    // `hard_link` does not replace a file that another process has created meanwhile. Where the file system has no hard
    // links, `rename` does what it can.
    if fs::hard_link(new, path).is_err() && !fs::exists(path)? {
        fs::rename(new, path)?;
    }
    // The directory entry must be on the disk before the first event is acknowledged.
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes the number of this opening into the file, and its format.
pub(super) fn sign(database: &Database, opening: u64) -> Result<(), StoreError> {
    let writing = database.begin_write()?;
    let mut file = writing.open_table(FILE)?;
    file.insert(OPENING, opening)?;
    file.insert(FORMAT, FORMAT_NOW)?;
    drop(file);
    writing.commit()?;
    Ok(())
}

/// Reads the identity of the database. A new database gets its tables and an identity.
pub(super) fn identity(database: &Database) -> Result<Identity, StoreError> {
    let foreign = |what: &str| Err(StoreError::Foreign(what.into()));
    let writing = database.begin_write()?;
    let is_new = writing.list_tables()?.next().is_none();
    let is_ours = is_new || writing.list_tables()?.any(|table| redb::TableHandle::name(&table) == "touka");
    if !is_ours {
        writing.abort()?;
        return foreign("it is a database of another program");
    }
    let mut file = writing.open_table(FILE)?;
    if is_new {
        file.insert(FORMAT, FORMAT_NOW)?;
        file.insert(SEED, random())?;
        writing.open_table(TOPICS)?;
        writing.open_table(EVENTS)?;
    }
    let number = |name: &str| Ok::<_, StoreError>(file.get(name)?.map(|number| number.value()));
    let (format, seed, opening) = (number(FORMAT)?, number(SEED)?, number(OPENING)?);
    drop(file);
    if is_new {
        writing.commit()?;
    } else {
        writing.abort()?;
    }
    match (format, seed) {
        (Some(1..=FORMAT_NOW), Some(seed)) => Ok(Identity { seed, opening: opening.unwrap_or_default() }),
        (Some(format), _) => Err(StoreError::Foreign(format!(
            "its events have the format {format}, and this version of touka knows the formats 1 to {FORMAT_NOW}"
        ))),
        _ => Err(StoreError::Damaged("it does not state the format of its events".into())),
    }
}

/// Makes [`EPOCHS`] complete. Older versions do not write it.
pub(super) fn index_epochs(database: &Database) -> Result<(), StoreError> {
    let reading = database.begin_read()?;
    let topics = reading.open_table(TOPICS)?.len()?;
    let indexed = match reading.open_table(EPOCHS) {
        Ok(epochs) => epochs.len()?,
        Err(TableError::TableDoesNotExist(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    drop(reading);
    if topics == indexed {
        return Ok(());
    }
    let writing = database.begin_write()?;
    writing.delete_table(EPOCHS)?;
    let mut epochs = writing.open_table(EPOCHS)?;
    for topic in writing.open_table(TOPICS)?.iter()? {
        let (name, row) = topic?;
        epochs.insert(row.value().0, name.value())?;
    }
    drop(epochs);
    writing.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::engine::disk::held_file::HeldFile;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::engine::disk::store::Store;

    fn open(path: &Path) -> Result<Store, StoreError> {
        create(path)?;
        Store::open(HeldFile::open(path)?.storage()?)
    }

    fn refusal(path: &Path) -> String {
        match open(path) {
            Ok(_) => panic!("it opens"),
            Err(error) => crate::topic::error::HubError::from(error.of("cannot open the events in", path)).to_string(),
        }
    }

    #[test]
    fn another_format_is_refused() {
        let scratch = Scratch::new("format");
        drop(open(scratch.path()).unwrap());
        let database = Database::open(scratch.path()).unwrap();
        let writing = database.begin_write().unwrap();
        writing.open_table(FILE).unwrap().insert(FORMAT, 7).unwrap();
        writing.commit().unwrap();
        drop(database);
        let refusal = refusal(scratch.path());
        assert!(refusal.contains("format 7") && refusal.contains("formats 1 to 3"), "{refusal}");
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let scratch = Scratch::new("other");
        let database = Database::create(scratch.path()).unwrap();
        let writing = database.begin_write().unwrap();
        writing.open_table(TableDefinition::<&str, u64>::new("accounts")).unwrap().insert("a", 1).unwrap();
        writing.commit().unwrap();
        drop(database);
        let refusal = refusal(scratch.path());
        assert!(refusal.contains("another program"), "{refusal}");
    }
}
