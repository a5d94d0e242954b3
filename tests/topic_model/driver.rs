//! [`Driver`], which completes what the library has to do.

use futures_util::FutureExt;
use support::Folder;
use tokio::runtime::{Builder, Runtime};
use touka::Hub;
use touka::topic::{Cache, Disk, Durability};

/// The place where the hub keeps its topics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File,
    FileWithSmallCache,
}

/// Completes what the library has to do.
pub(crate) struct Driver {
    place: Place,
    pub(crate) runtime: Runtime,
}

impl Driver {
    pub(crate) fn new(place: Place) -> Self {
        // In memory the clock is paused: no body is dropped for lack of subscribers.
        let is_paused = place == Place::Memory;
        let runtime = Builder::new_current_thread().enable_time().start_paused(is_paused).build();
        Self { place, runtime: runtime.expect("a runtime") }
    }

    pub(crate) fn complete<F: Future>(&self, future: F) -> F::Output {
        match self.place {
            Place::Memory => future.now_or_never().expect("ready at once in memory"),
            Place::File | Place::FileWithSmallCache => self.runtime.block_on(future),
        }
    }

    /// Polls once, unless something `comes`, which may have to be read from the file.
    pub(crate) fn poll<F: Future>(&self, comes: bool, future: F) -> Option<F::Output> {
        if comes && self.place != Place::Memory { Some(self.runtime.block_on(future)) } else { future.now_or_never() }
    }

    /// The limits to set. What exceeds them is in a file until the next publish, and counts again with higher ones.
    pub(crate) fn limits(&self, new: (usize, usize), now: (usize, usize)) -> (usize, usize) {
        if self.place == Place::Memory { new } else { (new.0.min(now.0), new.1.min(now.1)) }
    }

    /// Whether a client may have read events from the file that were trimmed since.
    pub(crate) fn reads_ahead(&self) -> bool {
        self.place == Place::FileWithSmallCache
    }

    /// A hub, and the folder of its file.
    pub(crate) fn hub(&self) -> (Hub, Folder) {
        let folder = Folder::new();
        let disk = || Disk::new(folder.path("hub")).durability(Durability::Eventual);
        let hub = match self.place {
            Place::Memory => Hub::memory(),
            Place::File => Hub::open(disk()).expect("a file"),
            Place::FileWithSmallCache => Hub::builder().cache(Cache::new().events(2)).open(disk()).expect("a file"),
        };
        (hub, folder)
    }
}
