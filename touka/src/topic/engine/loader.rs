//! [`Loader`], the thread that reads from the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::disk_fault::{DiskFault, StoreError};
use super::record::{Record, unix_time};
use super::shared_store::SharedStore;
use super::store::Store;
use super::write_batch::send_answer;
use crate::topic::encoded::{Draft, Encoded};
use crate::topic::log::Log;
use crate::topic::position::{Epoch, Mark};
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;

/// A job for the loader. Its caller may have dropped its future.
pub(super) enum LoadJob {
    Load(Load),
    Find(Find),
}

/// A request to load a topic.
pub(super) struct Load {
    pub(super) log: Arc<SharedLog>,
    pub(super) answer: oneshot::Sender<Result<(), DiskFault>>,
    /// Capacity of the queue, released with the job.
    pub(super) permit: OwnedSemaphorePermit,
}

/// A request for the name of a topic that has events.
pub(super) struct Find {
    pub(super) by: FindBy,
    pub(super) answer: oneshot::Sender<Result<Option<String>, DiskFault>>,
    /// Capacity of the queue, released with the job.
    pub(super) permit: OwnedSemaphorePermit,
}

pub(super) enum FindBy {
    Name(String),
    Epoch(Epoch),
}

/// The time for which a failure is answered from memory. Reading the file again for each request would delay all other
/// topics.
const FAILURE_TTL: Duration = Duration::from_secs(5);

/// How many times a topic is read while its retention is being increased.
const MAX_READS: u32 = 8;

const READING: &str = "cannot read events from";

/// Reads on a thread of its own, so that publishes do not wait for a load.
pub(super) struct Loader {
    path: PathBuf,
    store: Arc<SharedStore>,
    /// Topics that could not be loaded, with the time until which they are not read again, and the error.
    failed: HashMap<Arc<str>, (std::time::Instant, DiskFault)>,
    /// The time until which the file is not opened again for reading, and the error.
    file_failed: Option<(std::time::Instant, DiskFault)>,
}

impl Loader {
    pub(super) fn new(path: PathBuf, store: Arc<SharedStore>) -> Self {
        Self { path, store, failed: HashMap::new(), file_failed: None }
    }

    /// Runs until the queue is closed.
    pub(super) fn run(mut self, queue: &Receiver<LoadJob>) {
        while let Ok(job) = queue.recv() {
            match job {
                LoadJob::Load(Load { log, answer, permit }) if !answer.is_closed() => {
                    let loaded = self.load(&log);
                    // First, so that the hub can evict the topic once the caller has the answer.
                    drop(log);
                    send_answer(answer, loaded);
                    drop(permit);
                }
                LoadJob::Find(Find { by, answer, permit }) if !answer.is_closed() => {
                    send_answer(answer, self.find(by));
                    drop(permit);
                }
                LoadJob::Load(_) | LoadJob::Find(_) => {}
            }
        }
    }

    /// Makes sure that the file can be read.
    fn make_readable(&mut self, now: std::time::Instant) -> Result<(), DiskFault> {
        if let Some((until, fault)) = &self.file_failed
            && now < *until
            && !self.store.is_open()
        {
            return Err(fault.clone());
        }
        self.file_failed = None;
        self.store.make_readable().map_err(|error| {
            let fault = error.of(READING, &self.path);
            self.file_failed = Some((now + FAILURE_TTL, fault.clone()));
            fault
        })
    }

    /// Finds the name of a topic that has events.
    fn find(&mut self, by: FindBy) -> Result<Option<String>, DiskFault> {
        self.make_readable(std::time::Instant::now())?;
        let found = self.store.read(|store| match by {
            FindBy::Name(name) => Ok(store.has(&name)?.then_some(name)),
            FindBy::Epoch(epoch) => store.name_of(epoch),
        });
        found.map_err(|error| error.of(READING, &self.path))
    }

    /// Reads the events of a topic into its log.
    pub(super) fn load(&mut self, log: &SharedLog) -> Result<(), DiskFault> {
        let now = std::time::Instant::now();
        if let Some((until, fault)) = self.failed.get(log.name())
            && now < *until
        {
            return Err(fault.clone());
        }
        self.make_readable(now)?;
        match self.read(log) {
            Ok(()) => {
                self.failed.remove(log.name());
                Ok(())
            }
            Err(error) => {
                let fault = error.of(READING, &self.path);
                tracing::error!(target: "touka::topic", topic = log.name(), "{fault:?}");
                self.failed.retain(|_, (until, _)| now < *until);
                self.failed.insert(log.name().into(), (now + FAILURE_TTL, fault.clone()));
                Err(fault)
            }
        }
    }

    /// Reads the events of a topic into its log.
    fn read(&self, log: &SharedLog) -> Result<(), StoreError> {
        for attempt in 1..=MAX_READS {
            let retention = log.lock().log.retention();
            let loaded = self.store.read(|store| {
                Ok(match read(store, log.name(), retention)? {
                    Some(loaded) => loaded,
                    None => Log::begin(store.epoch(log.name())?, retention),
                })
            })?;
            if install(log, loaded, attempt == MAX_READS) {
                break;
            }
        }
        Ok(())
    }
}

/// Replaces the log's events by those that were read. Returns false, unless it must succeed, if the retention was
/// increased meanwhile: then too few events were read.
fn install(log: &SharedLog, loaded: Log, must: bool) -> bool {
    let mut state = log.lock();
    if !must && state.log.retention().keeps_more_than(loaded.retention()) {
        return false;
    }
    state.log.load(loaded, Instant::now());
    true
}

/// Reads the log of a topic, if it has events.
fn read(store: &Store, name: &str, retention: Retention) -> Result<Option<Log>, StoreError> {
    let (now, time) = (Instant::now(), unix_time());
    store.read(
        name,
        |row| Log::resumed(row.epoch, row.tail, retention),
        |loaded, offset, bytes| {
            let damaged = || StoreError::Damaged(format!("event {offset} of {name:?} cannot be read"));
            let Record { tag, time: published, key, wire } = Record::parse(bytes).ok_or_else(damaged)?;
            if offset != loaded.head().offset + 1 {
                return Err(damaged());
            }
            let mark = Mark { offset, tag };
            let event = Encoded::new(&Draft::stored(wire), loaded.position(mark));
            // The clock may have been set back, and the monotonic clock may be younger than the event.
            let age = Duration::from_millis(time.saturating_sub(published));
            loaded.push(mark, event, key, now.checked_sub(age).unwrap_or(now));
            // After each event: the disk may have more events than fit into memory.
            loaded.trim(now);
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::topic::engine::record;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::position::Tag;

    #[test]
    fn events_keep_their_age_when_they_are_loaded() {
        let scratch = Scratch::new("age");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let (draft, time) = (Draft::of(Event::data("x")).unwrap(), unix_time());
        // In minutes. The clock was set back after the last one.
        let ages = [90, 61, 59, 0, -5_i64];
        let written = store.write(|store| {
            store.write(true, |tables| {
                let row = tables.add("a", store.epoch("a")?, Mark::default())?;
                (1..).zip(ages).try_for_each(|(offset, age)| {
                    let time = time.saturating_add_signed(-age * 60_000);
                    tables.put(&row, offset, &record::of_draft(Tag::from_bits(1), time, None, &draft))
                })
            })
        });
        written.unwrap();
        let log = SharedLog::new("a", Retention::new().age(Duration::from_hours(1)));
        Loader::new(scratch.path().into(), store).load(&log).unwrap();
        let kept = log.lock().log.entries().map(|(mark, _)| mark.offset).collect::<Vec<_>>();
        assert_eq!(kept, [3, 4, 5]);
    }

    /// Older versions did not limit the length of keys.
    #[test]
    fn events_with_keys_beyond_the_limit_are_loaded() {
        let scratch = Scratch::new("key");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let (draft, key) = (Draft::of(Event::data("x")).unwrap(), "k".repeat(100_000));
        let written = store.write(|store| {
            store.write(true, |tables| {
                let row = tables.add("a", store.epoch("a")?, Mark::default())?;
                tables.put(&row, 1, &record::of_draft(Tag::from_bits(1), unix_time(), Some(&key), &draft))
            })
        });
        written.unwrap();
        let log = SharedLog::new("a", Retention::new());
        Loader::new(scratch.path().into(), store).load(&log).unwrap();
        let state = log.lock();
        assert_eq!(state.log.entries().next().unwrap().1.key().unwrap().len(), key.len());
    }

    /// The retention of a topic may be set while the topic is being read.
    #[test]
    fn the_retention_that_was_set_last_applies() {
        let scratch = Scratch::new("retention");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let log = SharedLog::new("a", Retention::new());
        let mut loaded = Log::begin(store.read(|store| store.epoch("a")).unwrap(), Retention::new());
        for _ in 0..5 {
            loaded.append(&Draft::of(Event::data("x")).unwrap(), None, Instant::now());
        }
        log.lock().log.set_retention(Retention::new().events(2));
        assert!(install(&log, loaded, false));
        assert_eq!(log.lock().log.entries().count(), 2);
        // An increase requires another read.
        let loaded = Log::begin(log.lock().log.epoch(), Retention::new().events(1));
        assert!(!install(&log, loaded, false));
    }
}
