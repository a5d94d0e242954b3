//! [`DiskEngine`], a file and the threads that read and write it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::active::ActiveTopics;
use super::disk_fault::DiskFault;
use super::journal::Journal;
use super::loader::{AskSuperseded, Before, Find, FindBy, Load, LoadJob, Loader};
use super::queue::Queue;
use super::shared_store::SharedStore;
use super::write_batch::{Publish, Remove, WriteJob};
use super::writer::Writer;
use crate::topic::disk::Disk;
use crate::topic::encoded::Draft;
use crate::topic::engine::{Engine, EngineFuture, EngineTopic, Lease};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::Stored;

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

impl DiskEngine {
    pub(crate) fn open(disk: Disk) -> Result<Self, HubError> {
        let Disk { path, durability, compact } = disk;
        let store = SharedStore::open(&path, compact).map_err(|error| error.of("cannot open the events in", &path))?;
        let (store, journal, active) = (Arc::new(store), Arc::<Journal>::default(), Arc::<ActiveTopics>::default());
        let loader = Loader::new(path.clone(), Arc::clone(&store), Arc::clone(&journal));
        let writer = Writer::new(path.clone(), durability, store, journal, Arc::clone(&active));
        let started = |error: std::io::Error| DiskFault::thread(&path, &error);
        let loads = Queue::start("touka-disk-load", move |queue| loader.run(queue)).map_err(started)?;
        let writes = Queue::start("touka-disk", move |queue| writer.run(queue)).map_err(started)?;
        Ok(Self { path, active, writes, loads })
    }

    /// Queues a job, and waits for its answer.
    async fn ask<J: Send + 'static, T>(
        &self,
        queue: &Queue<J>,
        job: impl FnOnce(oneshot::Sender<Result<T, DiskFault>>) -> J,
    ) -> Result<T, HubError> {
        let answer = queue.ask(job).await;
        Ok(answer.unwrap_or_else(|| Err(DiskFault::ended(&self.path)))?)
    }

    async fn load(&self, topic: EngineTopic<'_>) -> Result<Lease, HubError> {
        // First, so that no event is missed that is written while the others are read.
        let Some(active) = self.active.add(topic.tail()) else { return Ok(Lease::none()) };
        let topic = Arc::clone(&active);
        self.ask(&self.loads, |answer| LoadJob::Load(Load { topic, answer })).await?;
        Ok(Lease::new(active))
    }

    async fn find(&self, by: FindBy) -> Result<Option<String>, HubError> {
        self.ask(&self.loads, |answer| LoadJob::Find(Find { by, answer })).await
    }

    async fn write(&self, topic: EngineTopic<'_>, draft: Draft, keys: EventKeys<'_>) -> Result<Position, HubError> {
        let (tail, retention, keys) = (topic.tail(), topic.retention(), keys.to_kept());
        self.ask(&self.writes, |answer| WriteJob::Publish(Publish { tail, retention, draft, keys, answer })).await
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
        EngineFuture::new(self.ask(&self.writes, |answer| WriteJob::Remove(Remove { tail, answer })))
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        let tail = topic.tail();
        let job = move |answer| LoadJob::Before(Before { tail, from, until, bytes, answer });
        EngineFuture::new(self.ask(&self.loads, job))
    }

    fn superseded<'a>(&'a self, topic: EngineTopic<'a>, from: u64, until: u64) -> EngineFuture<'a, Option<Tag>> {
        let tail = topic.tail();
        let job = move |answer| LoadJob::Superseded(AskSuperseded { tail, from, until, answer });
        EngineFuture::new(self.ask(&self.loads, job))
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move { Ok(self.find(FindBy::Name(name.to_owned())).await?.is_some()) })
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        EngineFuture::new(self.find(FindBy::Epoch(epoch)))
    }
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
