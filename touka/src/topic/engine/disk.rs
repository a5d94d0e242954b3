//! [`DiskEngine`], a file and the threads that read and write it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use super::disk_fault::DiskFault;
use super::guarded_waker::GuardedWaker;
use super::loader::{Find, FindBy, Load, LoadJob, Loader};
use super::shared_store::SharedStore;
use super::write_batch::{Publish, Remove, WriteJob};
use super::writer::Writer;
use crate::topic::disk::Disk;
use crate::topic::encoded::Draft;
use crate::topic::error::HubError;
use crate::topic::position::{Epoch, Position};
use crate::topic::shared_log::SharedLog;

/// The maximum number of bytes of events that are queued or being written. A publish beyond that keeps its event in its
/// own future until there is capacity, so that dropping the future frees the memory.
const MAX_QUEUED: usize = 32 * 1024 * 1024;

/// The memory of a queued job in addition to its event, rounded up. It bounds the number of jobs, too.
const JOB_BYTES: usize = 512;

/// The maximum number of topics that are queued to be read.
const MAX_LOADS: usize = 1024;

/// Keeps the events of a hub in a file.
///
/// One thread writes it, so that concurrent publishes share a transaction and a slow disk blocks no other task. Another
/// thread reads topics that are used for the first time.
pub(crate) struct DiskEngine {
    path: PathBuf,
    writes: Queue<WriteJob>,
    loads: Queue<LoadJob>,
}

/// A bounded queue to a thread.
struct Queue<J> {
    /// The capacity: one permit per byte, or per job.
    capacity: Arc<Semaphore>,
    /// `None` only while this is dropped.
    jobs: Option<Sender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Queue<J> {
    fn start(name: &str, capacity: usize, work: impl FnOnce(&Receiver<J>) + Send + 'static) -> std::io::Result<Self> {
        let capacity = Arc::new(Semaphore::new(capacity));
        let (jobs, queue) = channel();
        // However the thread ends, no task may wait for capacity after that.
        let close = CloseOnDrop(Arc::clone(&capacity));
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _close = close;
            work(&queue);
        })?;
        Ok(Self { capacity, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Waits for capacity, queues a job, and waits for its answer. `None` if the thread has ended.
    async fn ask<T>(&self, size: u32, job: impl FnOnce(oneshot::Sender<T>, OwnedSemaphorePermit) -> J) -> Option<T> {
        let permit = match Arc::clone(&self.capacity).try_acquire_many_owned(size) {
            Ok(permit) => permit,
            // Releasing a permit may wake several tasks. A waker that panics must not keep the others from being woken.
            Err(TryAcquireError::NoPermits) => {
                GuardedWaker::new(Arc::clone(&self.capacity).acquire_many_owned(size)).await.ok()?
            }
            Err(TryAcquireError::Closed) => return None,
        };
        let (answer, answered) = oneshot::channel();
        self.jobs.as_ref()?.send(job(answer, permit)).ok()?;
        answered.await.ok()
    }
}

impl<J> Drop for Queue<J> {
    /// Waits until all jobs are done. Otherwise the process could end first, and a hub that opens the file again would
    /// find it in use.
    fn drop(&mut self) {
        drop(self.jobs.take());
        // A waker may own the last handle of the hub and be dropped by this thread, which cannot join itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Guard that closes a queue when its thread ends, also by a panic.
struct CloseOnDrop(Arc<Semaphore>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl DiskEngine {
    pub(crate) fn open(disk: Disk) -> Result<Self, HubError> {
        let Disk { path, durability, compact } = disk;
        let store = SharedStore::open(&path, compact).map_err(|error| error.of("cannot open the events in", &path))?;
        let store = Arc::new(store);
        let loader = Loader::new(path.clone(), Arc::clone(&store));
        let writer = Writer::new(path.clone(), durability, store);
        let started = |error: std::io::Error| DiskFault::thread(&path, &error);
        let loads = Queue::start("touka-disk-load", MAX_LOADS, move |queue| loader.run(queue)).map_err(started)?;
        let writes = Queue::start("touka-disk", MAX_QUEUED, move |queue| writer.run(queue)).map_err(started)?;
        Ok(Self { path, writes, loads })
    }

    pub(crate) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let log = Arc::clone(log);
        let loaded = self.loads.ask(1, |answer, permit| LoadJob::Load(Load { log, answer, permit })).await;
        Ok(loaded.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }

    /// Whether the file has events of this topic.
    pub(crate) async fn has(&self, name: &str) -> Result<bool, HubError> {
        Ok(self.find(FindBy::Name(name.to_owned())).await?.is_some())
    }

    /// The name of the topic with this epoch, if the file has events of it.
    pub(crate) async fn name_of(&self, epoch: Epoch) -> Result<Option<String>, HubError> {
        self.find(FindBy::Epoch(epoch)).await
    }

    async fn find(&self, by: FindBy) -> Result<Option<String>, HubError> {
        let found = self.loads.ask(1, |answer, permit| LoadJob::Find(Find { by, answer, permit })).await;
        Ok(found.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }

    /// Removes a topic from the file, after all events that were published before. Then its log is removed, too.
    pub(crate) async fn remove(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let log = Arc::clone(log);
        let job = |answer, permit| WriteJob::Remove(Remove { log, answer, permit });
        let removed = self.writes.ask(job_size(0), job).await;
        Ok(removed.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }

    pub(crate) async fn publish(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        key: Option<&str>,
    ) -> Result<Position, HubError> {
        let (log, key) = (Arc::clone(log), key.map(Into::into));
        let size = job_size(draft.capacity().saturating_add(key.as_deref().map_or(0, str::len)));
        let job = |answer, permit| WriteJob::Publish(Publish { log, draft, key, answer, permit });
        let published = self.writes.ask(size, job).await;
        Ok(published.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }
}

/// The capacity that a job of this many bytes takes. A job that is larger than the queue gets all of it.
fn job_size(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_add(JOB_BYTES).min(MAX_QUEUED)).unwrap_or(u32::MAX)
}

impl fmt::Debug for DiskEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.path).finish()
    }
}
