//! [`HeldFile`], the file of a hub, open and locked for as long as the hub uses it.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::disk_fault::StoreError;

/// One open file description, which outlives every redb database on it.
///
/// The lock belongs to the description. So it is held while redb closes the database after a failure and opens it
/// again, and redb opens the same file by construction.
#[derive(Debug)]
pub(super) struct HeldFile {
    /// Absolute, because the process may change its working directory.
    path: PathBuf,
    file: File,
}

impl HeldFile {
    /// Opens the file, which must exist, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::options().read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(redb::Error::DatabaseAlreadyOpen.into()),
            // The file system does not support locks.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { path: std::path::absolute(path)?, file })
    }

    /// Opens the file without taking the lock.
    #[cfg(test)]
    pub(super) fn open_without_lock(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path).unwrap();
        Self { path: path.into(), file }
    }

    /// Checks that the path still names this file. If that cannot be determined, for example for want of a
    /// permission, the check passes: the file itself is open.
    pub(super) fn check_path(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(there) => match self.file.metadata() {
                Ok(held) if !is_same(&there, &held) => Err(StoreError::Moved("another file is at its path")),
                _ => Ok(()),
            },
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(StoreError::Moved("it was moved away"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Checks that the file is not empty. redb would initialize an empty file.
    pub(super) fn check_begun(&self) -> Result<(), StoreError> {
        if self.file.metadata()?.len() == 0 {
            return Err(StoreError::Damaged("it has become empty".into()));
        }
        Ok(())
    }

    /// The file as storage for redb, which takes no lock: it is held already.
    pub(super) fn storage(&self) -> Result<Storage, StoreError> {
        Ok(Storage(FileBackend::new(self.file.try_clone()?)?))
    }
}

impl Drop for HeldFile {
    /// Releases the lock explicitly. Closing the descriptor is not enough: a child process that is being started has
    /// a copy of each descriptor until it runs its program, and would hold the lock until then.
    fn drop(&mut self) {
        // This fails where the file system does not support locks. There is no caller to return another error to.
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// On other platforms stable Rust cannot compare two files. Their identities are compared when they are read.
#[cfg(not(unix))]
const fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// The bytes of a [`HeldFile`]. The default implementation of the lock methods reports them as unsupported, and redb
/// continues without a lock.
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
        // A child process has such a copy between fork and exec.
        let copy = held.file.try_clone().unwrap();
        assert!(HeldFile::open(scratch.path()).is_err(), "locked twice");
        drop(held);
        HeldFile::open(scratch.path()).unwrap();
        drop(copy);
    }
}
