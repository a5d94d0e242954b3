//! The database in the file of a hub: its tables, how it is made, and the [`Identity`] it is known by.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableTable, TableDefinition};

use super::fault::Trouble;
use crate::stream::random;

/// What the file itself is.
const FILE: TableDefinition<'_, &str, u64> = TableDefinition::new("touka");
/// Where [`FILE`] says which opening of the file was the last.
const OPENING: &str = "opening";

/// By name.
pub(super) const TOPICS: TableDefinition<'_, &str, (u64, u64, u64, u32)> = TableDefinition::new("topics");
/// By the topic's number and the offset; a `Record`.
pub(super) const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");
/// By the topic's number, how old its events may become, in milliseconds: the retention that it had
/// when it was last published to.
pub(super) const AGES: TableDefinition<'_, u64, u64> = TableDefinition::new("ages");

/// What the tables hold, and in which form. Another number for another form.
const FORMAT: u64 = 1;

/// Events are read once and then sent from memory, so nothing is gained by more.
const CACHE: usize = 32 * 1024 * 1024;

/// Which file it is, and who has opened it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Random, and new with each file: what the epochs of topics are made of, too.
    pub(super) seed: u64,
    /// Random, and new whenever a hub opens the file. 0 until the first hub has signed it.
    pub(super) opening: u64,
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// Makes sure that there is a file with a database in it, at that path. It is made under another
/// name first: a process that is killed half-way would else leave a file that cannot be opened.
pub(super) fn make(path: &Path) -> Result<(), Trouble> {
    let mut new = OsString::from(path);
    new.push(".touka-new");
    let new = PathBuf::from(new);
    if fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        make_as(&new, path)?;
    }
    // It has done its work, now or in a process that was killed before it could do this.
    let _ = fs::remove_file(&new);
    Ok(())
}

fn make_as(new: &Path, path: &Path) -> Result<(), Trouble> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(new)?;
    match file.try_lock() {
        // What another left half-way.
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(redb::Error::DatabaseAlreadyOpen.into()),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    drop(file);
    let database = builder().create(new)?;
    identity(&database)?;
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

/// Writes into the file that it has been opened once more.
pub(super) fn sign(database: &Database, opening: u64) -> Result<(), Trouble> {
    let writing = database.begin_write()?;
    writing.open_table(FILE)?.insert(OPENING, opening)?;
    writing.commit()?;
    Ok(())
}

/// Sees that the file is one of touka's, or makes it so if it is new.
pub(super) fn identity(database: &Database) -> Result<Identity, Trouble> {
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
    let (format, seed, opening) = (number("format")?, number("seed")?, number(OPENING)?);
    drop(file);
    if is_new {
        writing.commit()?;
    } else {
        writing.abort()?;
    }
    match (format, seed) {
        (Some(FORMAT), Some(seed)) => Ok(Identity { seed, opening: opening.unwrap_or_default() }),
        (Some(format), _) => Err(Trouble::Foreign(format!(
            "its events have the format {format}, and this version of touka knows the format {FORMAT}"
        ))),
        _ => Err(Trouble::Damaged("it does not say which format its events have".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::engine::held_file::HeldFile;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::engine::store::Store;

    fn open(path: &Path) -> Result<Store, Trouble> {
        make(path)?;
        Store::open(HeldFile::open(path)?.storage()?)
    }

    fn refusal(path: &Path) -> String {
        match open(path) {
            Ok(_) => panic!("it opens"),
            Err(trouble) => crate::topic::HubError::from(trouble.of("cannot open the events in", path)).to_string(),
        }
    }

    #[test]
    fn another_format_is_refused() {
        let scratch = Scratch::new("format");
        drop(open(scratch.path()).unwrap());
        let database = Database::open(scratch.path()).unwrap();
        let writing = database.begin_write().unwrap();
        writing.open_table(FILE).unwrap().insert("format", 7).unwrap();
        writing.commit().unwrap();
        drop(database);
        let refusal = refusal(scratch.path());
        assert!(refusal.contains("format 7") && refusal.contains("format 1"), "{refusal}");
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
