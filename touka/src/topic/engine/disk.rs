//! [`DiskEngine`], a file and the threads that read and write it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use super::batch::Publish;
use super::calm::Calm;
use super::fault::Fault;
use super::loader::{Load, Loader};
use super::shared_store::SharedStore;
use super::writer::Writer;
use crate::topic::disk::Disk;
use crate::topic::encoded::Draft;
use crate::topic::error::HubError;
use crate::topic::position::Position;
use crate::topic::shared_log::SharedLog;

/// The most bytes of events that are queued or being written. A publish beyond that keeps its event in
/// its own future until there is capacity, so that the memory goes with the future when it is dropped.
const MOST_QUEUED: usize = 32 * 1024 * 1024;

/// The bytes that a queued event takes beside its own, rounded up. They bound the number of events, too.
const EACH: usize = 512;

/// The most topics that are queued to be read.
const MOST_LOADS: usize = 1024;

/// Keeps the events of a hub in a file. One thread writes it: publishes that come together are
/// written together, and a disk that is slow makes nobody's task wait but theirs. Another thread reads
/// topics that are used for the first time.
pub(crate) struct DiskEngine {
    path: PathBuf,
    publishes: Queue<Publish>,
    loads: Queue<Load>,
}

/// A bounded queue to a thread.
struct Queue<J> {
    /// The capacity: a permit for each byte, or for each job.
    room: Arc<Semaphore>,
    /// `None` only while this is dropped.
    jobs: Option<Sender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Queue<J> {
    fn start(name: &str, most: usize, work: impl FnOnce(&Receiver<J>) + Send + 'static) -> std::io::Result<Self> {
        let room = Arc::new(Semaphore::new(most));
        let (jobs, queue) = channel();
        // However the thread ends, nobody waits for capacity any more.
        let ends = Closes(Arc::clone(&room));
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _ends = ends;
            work(&queue);
        })?;
        Ok(Self { room, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Waits for capacity, queues a job, and waits for its answer. `None` if the thread has ended.
    async fn ask<T>(&self, room: u32, job: impl FnOnce(oneshot::Sender<T>, OwnedSemaphorePermit) -> J) -> Option<T> {
        let room = match Arc::clone(&self.room).try_acquire_many_owned(room) {
            Ok(room) => room,
            // The thread wakes many at once when it is done with something. A waker that panics would
            // keep it from waking the others.
            Err(TryAcquireError::NoPermits) => Calm::new(Arc::clone(&self.room).acquire_many_owned(room)).await.ok()?,
            Err(TryAcquireError::Closed) => return None,
        };
        let (answer, answered) = oneshot::channel();
        self.jobs.as_ref()?.send(job(answer, room)).ok()?;
        answered.await.ok()
    }
}

impl<J> Drop for Queue<J> {
    /// Waits until all jobs are done. Otherwise the process could end first, and a hub that opens the
    /// file again would find it in use.
    fn drop(&mut self) {
        drop(self.jobs.take());
        // A waker may own the last handle of the hub, and be dropped by the thread that wakes it.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Closes a queue when its thread ends, also by a panic.
struct Closes(Arc<Semaphore>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl DiskEngine {
    pub(crate) fn open(disk: Disk) -> Result<Self, HubError> {
        let Disk { path, durability, compact } = disk;
        let store =
            SharedStore::open(&path, compact).map_err(|trouble| trouble.of("cannot open the events in", &path))?;
        let store = Arc::new(store);
        let loader = Loader::new(path.clone(), Arc::clone(&store));
        let writer = Writer::new(path.clone(), durability, store);
        let started = |error: std::io::Error| Fault::thread(&path, &error);
        let loads = Queue::start("touka-disk-load", MOST_LOADS, move |queue| loader.run(queue)).map_err(started)?;
        let publishes = Queue::start("touka-disk", MOST_QUEUED, move |queue| writer.run(queue)).map_err(started)?;
        Ok(Self { path, publishes, loads })
    }

    pub(crate) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let log = Arc::clone(log);
        let loaded = self.loads.ask(1, |answer, room| Load { log, answer, room }).await;
        Ok(loaded.unwrap_or_else(|| Err(Fault::ended(&self.path)))?)
    }

    pub(crate) async fn publish(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        key: Option<&str>,
    ) -> Result<Position, HubError> {
        let (log, key) = (Arc::clone(log), key.map(Into::into));
        let room = room(&draft, key.as_deref());
        let published = self.publishes.ask(room, |answer, room| Publish { log, draft, key, answer, room }).await;
        Ok(published.unwrap_or_else(|| Err(Fault::ended(&self.path)))?)
    }
}

/// The capacity that an event takes. One that is larger than the whole queue has it for itself.
fn room(draft: &Draft, key: Option<&str>) -> u32 {
    let bytes = draft.capacity().saturating_add(key.map_or(0, str::len)).saturating_add(EACH);
    u32::try_from(bytes.min(MOST_QUEUED)).unwrap_or(u32::MAX)
}

impl fmt::Debug for DiskEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.path).finish()
    }
}
