//! [`HeldFile`], the file of a hub, open and locked for as long as the hub has it.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::fault::Trouble;

/// One open file description, which outlives every redb database on it. The lock belongs to the
/// description, so it is held while redb closes the database after a failure and opens it again, and
/// what is opened again is the same file by construction.
#[derive(Debug)]
pub(super) struct HeldFile {
    /// Absolute, because the process may change its working directory.
    path: PathBuf,
    file: File,
}

impl HeldFile {
    /// Opens the file, which must exist, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let file = File::options().read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(redb::Error::DatabaseAlreadyOpen.into()),
            // The file system has no locks: then nobody's are honored.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { path: std::path::absolute(path)?, file })
    }

    /// Opens the file as if it had no lock.
    #[cfg(test)]
    pub(super) fn open_without_lock(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path).unwrap();
        Self { path: path.into(), file }
    }

    /// Checks that the path still names this file. What cannot be found out, for want of a right
    /// for example, is no reason to refuse: the file itself is open.
    pub(super) fn check_path(&self) -> Result<(), Trouble> {
        match fs::metadata(&self.path) {
            Ok(there) => match self.file.metadata() {
                Ok(held) if !is_same(&there, &held) => Err(Trouble::Moved("another file is at its path")),
                _ => Ok(()),
            },
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(Trouble::Moved("it was moved away"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Checks that redb would not take the file for one that is to be begun.
    pub(super) fn check_begun(&self) -> Result<(), Trouble> {
        if self.file.metadata()?.len() == 0 {
            return Err(Trouble::Damaged("it has become empty".into()));
        }
        Ok(())
    }

    /// The file as storage for redb. It takes no lock: the lock is held already.
    pub(super) fn storage(&self) -> Result<Storage, Trouble> {
        Ok(Storage(FileBackend::new(self.file.try_clone()?)?))
    }
}

impl Drop for HeldFile {
    /// Gives the lock back itself. Closing the descriptor is not enough: a child process that is being
    /// started has a copy of each descriptor until it runs its program, and would hold the lock as long.
    fn drop(&mut self) {
        // Without locks there is nothing to give back, and nobody to tell of another failure.
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere nothing stable tells two files apart; the identity in the file does, when it is read.
#[cfg(not(unix))]
const fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// The bytes of a [`HeldFile`]. redb takes the locks that this does not offer as unsupported, and
/// goes on without.
#[derive(Debug)]
pub(super) struct Storage(FileBackend);

type Io<T> = Result<T, std::io::Error>;

impl StorageBackend for Storage {
    fn len(&self) -> Io<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Io<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Io<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.0.write(offset, data)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    #[test]
    fn a_child_that_is_being_started_holds_no_lock() {
        let scratch = Scratch::new("held-by-a-child");
        fs::write(scratch.path(), "something").unwrap();
        let held = HeldFile::open(scratch.path()).unwrap();
        // What a child has of a descriptor between its fork and its program.
        let copy = held.file.try_clone().unwrap();
        assert!(HeldFile::open(scratch.path()).is_err(), "locked twice");
        drop(held);
        HeldFile::open(scratch.path()).unwrap();
        drop(copy);
    }
}
