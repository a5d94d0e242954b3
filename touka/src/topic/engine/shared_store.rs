//! [`SharedStore`], the store as the threads of an engine share it: open, closed by a failure, or lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::database::{self, Identity};
use super::fault::Trouble;
use super::held_file::HeldFile;
use super::overlay::Overlay;
use super::store::Store;
use crate::stream::random;

/// Using the store takes the lock shared, opening and closing it takes the lock alone. So a load and a
/// publish go on side by side, and neither sees a database that is being closed.
pub(super) struct SharedStore(RwLock<State>);

enum State {
    /// The file is there, and locked. The stage comes first: redb still writes when it closes a database,
    /// and the lock must be held until then.
    Held { stage: Stage, file: HeldFile, known: Known },
    /// Another hub has opened the file. This one neither reads nor writes it any more, and its lock is
    /// released.
    Lost,
}

enum Stage {
    /// Open for reading and writing.
    Open(Store),
    /// Open for reading only, repaired in memory, after a failed write.
    Snapshot(Store),
    /// Closed by a failed write: redb must open the file again before anything else.
    Closed,
}

/// What the file is recognized by.
struct Known {
    seed: u64,
    /// The opening that this hub has written, and the one before: a write that was reported as failed may
    /// have been done all the same.
    openings: [u64; 2],
}

impl Known {
    fn is(&self, Identity { seed, opening }: Identity) -> bool {
        self.seed == seed && self.openings.contains(&opening)
    }
}

impl SharedStore {
    /// Opens the file, or makes it. On a full disk it is opened for reading only.
    pub(super) fn open(path: &Path, compact: bool) -> Result<Self, Trouble> {
        guarded(|| {
            database::make(path)?;
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
                Err(trouble) if trouble.is_no_space() => {
                    let store = Store::open(Overlay::new(file.storage()?)?)?;
                    let before = store.identity().opening;
                    let fault = trouble.of("until there is space, nothing can be published: cannot write to", path);
                    tracing::error!(target: "touka::topic", "{fault:?}");
                    (Stage::Snapshot(store), before)
                }
                Err(trouble) => return Err(trouble),
            };
            let (Stage::Open(store) | Stage::Snapshot(store)) = &stage else { return Err(Trouble::Taken) };
            let known = Known { seed: store.identity().seed, openings: [opening, before] };
            Ok(Self(RwLock::new(State::Held { file, known, stage })))
        })
    }

    fn shared(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store is open for writing.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.shared(), State::Held { stage: Stage::Open(_), .. })
    }

    /// Makes sure that the store can be read. After a failed write that opens a snapshot.
    pub(super) fn make_readable(&self) -> Result<(), Trouble> {
        // The lock is taken alone only where that is needed.
        if matches!(&*self.shared(), State::Held { stage: Stage::Open(_) | Stage::Snapshot(_), .. }) {
            return Ok(());
        }
        guarded(|| match &mut *self.alone() {
            State::Lost => Err(Trouble::Taken),
            State::Held { file, known, stage: stage @ Stage::Closed } => {
                file.check_begun()?;
                let store = Store::open(Overlay::new(file.storage()?)?)?;
                if !known.is(store.identity()) {
                    return Err(Trouble::Taken);
                }
                *stage = Stage::Snapshot(store);
                Ok(())
            }
            State::Held { .. } => Ok(()),
        })
    }

    /// Reads from the store, after [`SharedStore::make_readable`].
    pub(super) fn read<R>(&self, work: impl FnOnce(&Store) -> Result<R, Trouble>) -> Result<R, Trouble> {
        let done = guarded(|| match &*self.shared() {
            State::Held { stage: Stage::Open(store) | Stage::Snapshot(store), .. } => work(store),
            State::Held { .. } => Err(redb::Error::DatabaseClosed.into()),
            State::Lost => Err(Trouble::Taken),
        });
        if done.as_ref().is_err_and(Trouble::ends_database) {
            self.close();
        }
        done
    }

    /// Makes sure that the store can be written. After a failed write that opens the file again, and
    /// `settle` brings it up to date in one transaction. Returns whether that was so.
    pub(super) fn make_writable(&self, settle: impl FnOnce(&Store) -> Result<(), Trouble>) -> Result<bool, Trouble> {
        match &*self.shared() {
            State::Lost => return Err(Trouble::Taken),
            State::Held { file, stage, .. } => {
                file.check_path()?;
                if matches!(stage, Stage::Open(_)) {
                    return Ok(false);
                }
            }
        }
        let mut state = self.alone();
        let opened = guarded(|| {
            let State::Held { file, known, stage } = &mut *state else { return Err(Trouble::Taken) };
            // Two databases on one file would each take pages for free that the other has in use.
            *stage = Stage::Closed;
            file.check_begun()?;
            let store = Store::open(file.storage()?)?;
            if !known.is(store.identity()) {
                return Err(Trouble::Taken);
            }
            settle(&store)?;
            *stage = Stage::Open(store);
            Ok(true)
        });
        if matches!(opened, Err(Trouble::Taken)) {
            *state = State::Lost;
        }
        opened
    }

    /// Writes to the store, after [`SharedStore::make_writable`].
    pub(super) fn write<R>(&self, work: impl FnOnce(&Store) -> Result<R, Trouble>) -> Result<R, Trouble> {
        let done = guarded(|| match &*self.shared() {
            State::Held { stage: Stage::Open(store), .. } => work(store),
            State::Held { .. } => Err(redb::Error::DatabaseClosed.into()),
            State::Lost => Err(Trouble::Taken),
        });
        // A transaction that did not come to its end may have left pages behind, whatever ended it.
        if done.is_err() {
            self.close();
        }
        done
    }

    fn close(&self) {
        let mut state = self.alone();
        // Closing it may fail as well, in whatever way.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            if let State::Held { stage, .. } = &mut *state {
                *stage = Stage::Closed;
            }
        }));
    }
}

/// Turns a panic into an error: redb has assertions about what it reads, and a file may hold anything.
fn guarded<R>(work: impl FnOnce() -> Result<R, Trouble>) -> Result<R, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Trouble::panicked(&*panic)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::position::Mark;

    fn add(store: &Store, name: &str) -> Result<(), Trouble> {
        store.write(true, |tables| tables.add(name, store.epoch(name), Mark::default()).map(drop))
    }

    fn names(store: &Store) -> Vec<bool> {
        ["a", "b", "c"].map(|name| store.read(name, drop, |(), _, _| Ok(())).unwrap().is_some()).into()
    }

    /// Two hubs have the file where locks do nothing, as on some network file systems.
    #[test]
    fn a_file_that_another_hub_has_opened_is_given_up() {
        let scratch = Scratch::new("taken");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        store.write(|store| add(store, "a")).unwrap();
        store.write(|_| Err::<(), _>(Trouble::Damaged("a failure".into()))).unwrap_err();
        let mut other = Store::open(HeldFile::open_without_lock(scratch.path()).storage().unwrap()).unwrap();
        other.sign(random()).unwrap();
        add(&other, "b").unwrap();
        for _ in 0..3 {
            let refused = store.make_writable(|store| add(store, "c")).unwrap_err();
            assert!(matches!(refused, Trouble::Taken), "{refused:?}");
            let text = refused.of("cannot write to", scratch.path());
            assert!(format!("{text:?}").contains("another hub has opened the file"), "{text:?}");
        }
        assert!(store.make_readable().is_err() && store.read(|_| Ok(())).is_err() && store.write(|_| Ok(())).is_err());
        assert_eq!(names(&other), [true, true, false]);
        drop(other);
        // It does not stand in the way of a hub that is opened anew.
        let anew = SharedStore::open(scratch.path(), false).unwrap();
        assert_eq!(anew.read(|store| Ok(names(store))).unwrap(), [true, true, false]);
    }

    /// A failure is not the other hub's opening, though the file is opened again and again.
    #[test]
    fn a_file_is_the_same_after_any_number_of_failures() {
        let scratch = Scratch::new("same");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        for name in ["a", "b", "c"] {
            store.write(|_| Err::<(), _>(Trouble::Damaged("a failure".into()))).unwrap_err();
            assert!(!store.is_open());
            store.make_readable().unwrap();
            assert!(!store.read(|store| Ok(names(store))).unwrap().ends_with(&[true]));
            assert!(store.make_writable(|store| add(store, name)).unwrap());
            assert!(!store.make_writable(|_| unreachable!("it is open")).unwrap());
        }
        assert_eq!(store.read(|store| Ok(names(store))).unwrap(), [true; 3]);
    }

    /// A topic is being read, and is not done yet.
    #[test]
    fn a_load_makes_no_publish_wait() {
        let scratch = Scratch::new("beside");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        store.write(|store| add(store, "a")).unwrap();
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
            store.write(|store| add(store, "b")).unwrap();
            written.send(()).unwrap();
            assert!(load.join().unwrap().unwrap().is_ok());
        });
    }
}
