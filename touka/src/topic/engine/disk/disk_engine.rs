//! [`DiskEngine`], a file and the threads that read and write it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use super::active::ActiveTopics;
use super::disk_fault::DiskFault;
use super::journal::Journal;
use super::loader::{AskSuperseded, Before, Find, FindBy, Load, LoadJob, Loader};
use super::shared_store::SharedStore;
use super::write_batch::{Publish, Remove, WriteJob};
use super::writer::Writer;
use crate::topic::disk::Disk;
use crate::topic::encoded::Draft;
use crate::topic::engine::guarded_waker::GuardedWaker;
use crate::topic::engine::{Engine, EngineFuture, EngineTopic, Lease};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::Stored;

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
/// thread reads it, for topics that are used for the first time and for clients that need older events.
pub(crate) struct DiskEngine {
    path: PathBuf,
    active: Arc<ActiveTopics>,
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
        let (store, journal, active) = (Arc::new(store), Arc::<Journal>::default(), Arc::<ActiveTopics>::default());
        let loader = Loader::new(path.clone(), Arc::clone(&store), Arc::clone(&journal));
        let writer = Writer::new(path.clone(), durability, store, journal, Arc::clone(&active));
        let started = |error: std::io::Error| DiskFault::thread(&path, &error);
        let loads = Queue::start("touka-disk-load", MAX_LOADS, move |queue| loader.run(queue)).map_err(started)?;
        let writes = Queue::start("touka-disk", MAX_QUEUED, move |queue| writer.run(queue)).map_err(started)?;
        Ok(Self { path, active, writes, loads })
    }

    /// Queues a job, and waits for its answer.
    async fn ask<J: Send + 'static, T>(
        &self,
        queue: &Queue<J>,
        size: u32,
        job: impl FnOnce(oneshot::Sender<Result<T, DiskFault>>, OwnedSemaphorePermit) -> J,
    ) -> Result<T, HubError> {
        let answer = queue.ask(size, job).await;
        Ok(answer.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }

    async fn load(&self, topic: EngineTopic<'_>) -> Result<Lease, HubError> {
        // First, so that no event is missed that is written while the others are read.
        let (tail, activation) = (topic.tail(), self.active.add(topic.tail()));
        self.ask(&self.loads, 1, |answer, permit| LoadJob::Load(Load { tail, answer, permit })).await?;
        Ok(Lease::new(activation))
    }

    async fn find(&self, by: FindBy) -> Result<Option<String>, HubError> {
        self.ask(&self.loads, 1, |answer, permit| LoadJob::Find(Find { by, answer, permit })).await
    }

    async fn write(&self, topic: EngineTopic<'_>, draft: Draft, keys: EventKeys<'_>) -> Result<Position, HubError> {
        let (tail, retention, keys) = (topic.tail(), topic.retention(), keys.to_kept());
        let size = job_size(draft.capacity().saturating_add(keys.len()));
        let job = |answer, permit| WriteJob::Publish(Publish { tail, retention, draft, keys, answer, permit });
        self.ask(&self.writes, size, job).await
    }
}

impl Engine for DiskEngine {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(self.load(topic))
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(self.write(topic, draft, keys))
    }

    /// Removes a topic from the file, after all events that were published before. Then its log is removed, too.
    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        let tail = topic.tail();
        let job = |answer, permit| WriteJob::Remove(Remove { tail, answer, permit });
        EngineFuture::new(self.ask(&self.writes, job_size(0), job))
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        let tail = topic.tail();
        let job = move |answer, permit| LoadJob::Before(Before { tail, from, until, bytes, answer, permit });
        EngineFuture::new(self.ask(&self.loads, 1, job))
    }

    fn superseded<'a>(&'a self, topic: EngineTopic<'a>, from: u64, until: u64) -> EngineFuture<'a, Option<Tag>> {
        let tail = topic.tail();
        let job = move |answer, permit| LoadJob::Superseded(AskSuperseded { tail, from, until, answer, permit });
        EngineFuture::new(self.ask(&self.loads, 1, job))
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move { Ok(self.find(FindBy::Name(name.to_owned())).await?.is_some()) })
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        EngineFuture::new(self.find(FindBy::Epoch(epoch)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::engine::disk::tables::bucket;
    use crate::topic::epoch_index::EpochIndex;
    use crate::topic::retention::Retention;
    use crate::topic::shared_log::SharedLog;

    fn count(log: &SharedLog) -> usize {
        log.lock().log.after(0).len()
    }

    /// The epoch of a topic without events changes when another topic of its bucket is removed, but not while it is read.
    #[tokio::test]
    async fn the_first_event_of_a_topic_reaches_its_readers() {
        let scratch = Scratch::new("first");
        let engine = DiskEngine::open(scratch.path().into()).unwrap();
        let epochs = Arc::<EpochIndex>::default();
        let of_bucket =
            |from: u32| (from..100_000).map(|name| name.to_string()).find(|name| bucket(name) == bucket("0"));
        let [read, other] = [0, 1].map(|from| {
            let name = of_bucket(from).unwrap();
            Arc::new(SharedLog::new(&name, Retention::new()))
        });
        let topic = |log| EngineTopic { log, epochs: &epochs };
        let draft = || Draft::of(Event::data("x")).unwrap();
        read.set_active(engine.activate(topic(&read)).await.unwrap());
        engine.publish(topic(&other), draft(), EventKeys::default()).await.unwrap();
        engine.remove(topic(&other)).await.unwrap();
        let position = engine.publish(topic(&read), draft(), EventKeys::default()).await.unwrap();
        assert_eq!((position.epoch, count(&read)), (read.lock().log.epoch(), 1));
    }

    #[tokio::test]
    async fn a_publish_loads_no_topic() {
        let scratch = Scratch::new("inactive");
        let engine = DiskEngine::open(scratch.path().into()).unwrap();
        let (epochs, log) = (Arc::<EpochIndex>::default(), Arc::new(SharedLog::new("a", Retention::new())));
        let topic = EngineTopic { log: &log, epochs: &epochs };
        let publish = || engine.publish(topic, Draft::of(Event::data("x")).unwrap(), EventKeys::default());
        publish().await.unwrap();
        assert_eq!((count(&log), log.is_active()), (0, false));
        log.set_active(engine.activate(topic).await.unwrap());
        publish().await.unwrap();
        assert_eq!(count(&log), 2);
        log.deactivate();
        publish().await.unwrap();
        assert_eq!(count(&log), 0);
        log.set_active(engine.activate(topic).await.unwrap());
        assert_eq!(count(&log), 3);
    }
}
