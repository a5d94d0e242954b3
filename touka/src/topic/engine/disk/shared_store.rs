//! [`SharedStore`], the store that the threads of an engine share: open, closed by a failure, or lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::database::{self, Identity};
use super::disk_fault::StoreError;
use super::held_file::HeldFile;
use super::overlay::Overlay;
use super::store::Store;
use crate::stream::random;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The store behind a reader-writer lock.
///
/// Using the store locks it for reading, opening and closing it for writing. So loads and publishes run concurrently,
/// and neither sees a database that is being closed.
pub(super) struct SharedStore(RwLock<StoreState>);

enum StoreState {
    /// The file is open and locked. `stage` is dropped before `file`: redb writes when it closes a database, and the
    /// file must be locked until then.
    Held { stage: Stage, file: HeldFile, known: Known },
    /// Another hub has opened the file. This hub has released its lock, and no longer reads or writes the file.
    Lost,
}

enum Stage {
    /// Open for reading and writing.
    Open(Store),
    /// Open for reading only and repaired in memory, after a failed write.
    Snapshot(Store),
    /// Closed by a failed write. redb must open the file again before it can be used.
    Closed,
}

/// The identity by which a hub recognizes its file.
struct Known {
    seed: u64,
    /// The opening that this hub has written and the one before it: a write that was reported as failed may have been
    /// committed all the same.
    openings: [u64; 2],
}

impl Known {
    fn is(&self, Identity { seed, opening }: Identity) -> bool {
        self.seed == seed && self.openings.contains(&opening)
    }
}

impl SharedStore {
    /// Opens the file, or creates it. On a full disk it is opened for reading only.
    pub(super) fn open(path: &Path, compact: bool) -> Result<Self, StoreError> {
        guarded(|| {
            database::create(path)?;
            let file = HeldFile::open(path)?;
            let opening = random();
            let opened = guarded(|| {
                let mut store = Store::open(file.storage()?)?;
                let before = store.identity().opening;
                if compact {
                    store.compact()?;
                }
                store.sign(opening)?;
                Ok((store, before))
            });
            let (stage, before) = match opened {
                Ok((store, before)) => (Stage::Open(store), before),
                Err(error) if error.is_no_space() => {
                    let store = Store::open(Overlay::new(file.storage()?)?)?;
                    let before = store.identity().opening;
                    let fault = error.of("until there is space, nothing can be published: cannot write to", path);
                    tracing::error!(target: "touka::topic", "{fault:?}");
                    (Stage::Snapshot(store), before)
                }
                Err(error) => return Err(error),
            };
            let (Stage::Open(store) | Stage::Snapshot(store)) = &stage else { return Err(StoreError::Taken) };
            let known = Known { seed: store.identity().seed, openings: [opening, before] };
            Ok(Self(RwLock::new(StoreState::Held { file, known, stage })))
        })
    }

    fn lock_shared(&self) -> RwLockReadGuard<'_, StoreState> {
        self.0.read()
    }

    fn lock_alone(&self) -> RwLockWriteGuard<'_, StoreState> {
        self.0.write()
    }

    /// Whether the store is open for writing.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.lock_shared(), StoreState::Held { stage: Stage::Open(_), .. })
    }

    /// Makes sure that the store can be read. After a failed write, this opens a snapshot.
    pub(super) fn make_readable(&self) -> Result<(), StoreError> {
        // The lock is taken for writing only if that is necessary.
        if matches!(&*self.lock_shared(), StoreState::Held { stage: Stage::Open(_) | Stage::Snapshot(_), .. }) {
            return Ok(());
        }
        guarded(|| match &mut *self.lock_alone() {
            StoreState::Lost => Err(StoreError::Taken),
            StoreState::Held { file, known, stage: stage @ Stage::Closed } => {
                file.check_begun()?;
                let store = Store::open(Overlay::new(file.storage()?)?)?;
                if !known.is(store.identity()) {
                    return Err(StoreError::Taken);
                }
                *stage = Stage::Snapshot(store);
                Ok(())
            }
            StoreState::Held { .. } => Ok(()),
        })
    }

    /// Reads from the store, after [`SharedStore::make_readable`].
    pub(super) fn read<R>(&self, work: impl FnOnce(&Store) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let done = guarded(|| match &*self.lock_shared() {
            StoreState::Held { stage: Stage::Open(store) | Stage::Snapshot(store), .. } => work(store),
            StoreState::Held { .. } => Err(redb::Error::DatabaseClosed.into()),
            StoreState::Lost => Err(StoreError::Taken),
        });
        if done.as_ref().is_err_and(StoreError::ends_database) {
            self.close();
        }
        done
    }

    /// Makes sure that the store can be written. After a failed write, this opens the file again and `reconcile`
    /// brings it up to date in one transaction. Returns whether that was necessary.
    pub(super) fn make_writable(
        &self,
        reconcile: impl FnOnce(&Store) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        match &*self.lock_shared() {
            StoreState::Lost => return Err(StoreError::Taken),
            StoreState::Held { file, stage, .. } => {
                file.check_path()?;
                if matches!(stage, Stage::Open(_)) {
                    return Ok(false);
                }
            }
        }
        let mut state = self.lock_alone();
        let opened = guarded(|| {
            let StoreState::Held { file, known, stage } = &mut *state else { return Err(StoreError::Taken) };
            // First, because two open databases on one file would overwrite each other's pages.
            *stage = Stage::Closed;
            file.check_begun()?;
            let mut store = Store::open(file.storage()?)?;
            if !known.is(store.identity()) {
                return Err(StoreError::Taken);
            }
            let [opening, _] = known.openings;
            if store.identity().opening != opening {
                // The disk was full when the hub opened the file, which may have an older format.
                store.sign(opening)?;
            }
            reconcile(&store)?;
            *stage = Stage::Open(store);
            Ok(true)
        });
        if matches!(opened, Err(StoreError::Taken)) {
            *state = StoreState::Lost;
        }
        opened
    }

    /// Writes to the store, after [`SharedStore::make_writable`]. If that fails, `failed` is called before the store can
    /// be read again.
    pub(super) fn write<R>(
        &self,
        work: impl FnOnce(&Store) -> Result<R, StoreError>,
        failed: impl FnOnce(),
    ) -> Result<R, StoreError> {
        let done = guarded(|| match &*self.lock_shared() {
            StoreState::Held { stage: Stage::Open(store), .. } => work(store),
            StoreState::Held { .. } => Err(redb::Error::DatabaseClosed.into()),
            StoreState::Lost => Err(StoreError::Taken),
        });
        // A transaction that failed for any reason may have left pages behind.
        if done.is_err() {
            failed();
            self.close();
        }
        done
    }

    fn close(&self) {
        let mut state = self.lock_alone();
        // Closing the database may panic as well.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            if let StoreState::Held { stage, .. } = &mut *state {
                *stage = Stage::Closed;
            }
        }));
    }
}

/// Converts a panic to an error: redb asserts what it reads, and the contents of a file may be invalid.
fn guarded<R>(work: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(StoreError::panicked(&*panic)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::position::Mark;

    fn add(store: &Store, name: &str) -> Result<(), StoreError> {
        store.write(true, |tables| tables.add(name, store.epoch(name)?, Mark::default()).map(drop))
    }

    fn fail(store: &SharedStore) {
        let mut was_open = false;
        let failed = || was_open = store.is_open();
        store.write(|_| Err::<(), _>(StoreError::Damaged("a failure".into())), failed).unwrap_err();
        assert!(was_open, "the store can be read before the failure is recorded");
    }

    fn names(store: &Store) -> Vec<bool> {
        ["a", "b", "c"].map(|name| store.read(name, drop, |(), _, _| Ok(())).unwrap().is_some()).into()
    }

    /// Two hubs open one file on a file system without locks, such as some network file systems.
    #[test]
    fn a_file_that_another_hub_has_opened_is_given_up() {
        let scratch = Scratch::new("taken");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        store.write(|store| add(store, "a"), || {}).unwrap();
        fail(&store);
        let mut other = Store::open(HeldFile::open_without_lock(scratch.path()).storage().unwrap()).unwrap();
        other.sign(random()).unwrap();
        add(&other, "b").unwrap();
        for _ in 0..3 {
            let refused = store.make_writable(|store| add(store, "c")).unwrap_err();
            assert!(matches!(refused, StoreError::Taken), "{refused:?}");
            let text = refused.of("cannot write to", scratch.path());
            assert!(format!("{text:?}").contains("another hub has opened the file"), "{text:?}");
        }
        assert!(
            store.make_readable().is_err()
                && store.read(|_| Ok(())).is_err()
                && store.write(|_| Ok(()), || {}).is_err()
        );
        assert_eq!(names(&other), [true, true, false]);
        drop(other);
        // The lost store does not prevent a hub from opening the file.
        let anew = SharedStore::open(scratch.path(), false).unwrap();
        assert_eq!(anew.read(|store| Ok(names(store))).unwrap(), [true, true, false]);
    }

    /// Opening the file again after a failure is not mistaken for another hub.
    #[test]
    fn a_file_is_the_same_after_any_number_of_failures() {
        let scratch = Scratch::new("same");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        for name in ["a", "b", "c"] {
            fail(&store);
            assert!(!store.is_open());
            store.make_readable().unwrap();
            assert!(!store.read(|store| Ok(names(store))).unwrap().ends_with(&[true]));
            assert!(store.make_writable(|store| add(store, name)).unwrap());
            assert!(!store.make_writable(|_| unreachable!("it is open")).unwrap());
        }
        assert_eq!(store.read(|store| Ok(names(store))).unwrap(), [true; 3]);
    }

    /// A publish completes while a topic is being read.
    #[test]
    fn a_publish_does_not_wait_for_a_load() {
        let scratch = Scratch::new("beside");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        store.write(|store| add(store, "a"), || {}).unwrap();
        thread::scope(|scope| {
            let (reads, is_read) = channel();
            let (written, is_written) = channel::<()>();
            let shared = &store;
            let load = scope.spawn(move || {
                shared.read(|store| {
                    store.read("a", |_| reads.send(()).unwrap(), |(), _, _| Ok(()))?;
                    Ok(is_written.recv_timeout(Duration::from_mins(1)))
                })
            });
            is_read.recv().unwrap();
            store.make_writable(|_| unreachable!("it is open")).unwrap();
            store.write(|store| add(store, "b"), || {}).unwrap();
            written.send(()).unwrap();
            assert!(load.join().unwrap().unwrap().is_ok());
        });
    }
}
