//! [`Loader`], the thread that reads topics which are used for the first time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::batch::tell;
use super::fault::{Fault, Trouble};
use super::record::{Record, unix_time};
use super::shared_store::SharedStore;
use crate::topic::encoded::{Draft, Encoded};
use crate::topic::log::Log;
use crate::topic::position::Mark;
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;

/// A request to read a topic.
pub(super) struct Load {
    pub(super) log: Arc<SharedLog>,
    pub(super) answer: oneshot::Sender<Result<(), Fault>>,
    /// Released with the job.
    pub(super) room: OwnedSemaphorePermit,
}

/// How long a failure is answered from memory. Reading the file again for each request would keep all
/// other topics waiting.
const REMEMBERED: Duration = Duration::from_secs(5);

/// How often a topic is read when its retention is set to more each time.
const MOST_READS: u32 = 8;

const READING: &str = "cannot read events from";

/// Reads topics on a thread of its own, so that publishes to other topics do not wait for a load.
pub(super) struct Loader {
    path: PathBuf,
    store: Arc<SharedStore>,
    /// By topic: until when it is not read again, and why.
    failed: HashMap<Arc<str>, (std::time::Instant, Fault)>,
    /// Until when the file is not opened again for reading, and why.
    file_failed: Option<(std::time::Instant, Fault)>,
}

impl Loader {
    pub(super) fn new(path: PathBuf, store: Arc<SharedStore>) -> Self {
        Self { path, store, failed: HashMap::new(), file_failed: None }
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self, queue: &Receiver<Load>) {
        while let Ok(Load { log, answer, room }) = queue.recv() {
            if answer.is_closed() {
                continue;
            }
            let loaded = self.load(&log);
            // First, so that the hub can forget the topic once it has the answer.
            drop(log);
            tell(answer, loaded);
            drop(room);
        }
    }

    /// Reads what is kept of a topic into its log.
    pub(super) fn load(&mut self, log: &SharedLog) -> Result<(), Fault> {
        let now = std::time::Instant::now();
        if let Some((until, fault)) = &self.file_failed
            && now < *until
            && !self.store.is_open()
        {
            return Err(fault.clone());
        }
        self.file_failed = None;
        if let Some((until, fault)) = self.failed.get(log.name())
            && now < *until
        {
            return Err(fault.clone());
        }
        if let Err(trouble) = self.store.make_readable() {
            let fault = trouble.of(READING, &self.path);
            self.file_failed = Some((now + REMEMBERED, fault.clone()));
            return Err(fault);
        }
        match self.read(log) {
            Ok(()) => {
                self.failed.remove(log.name());
                Ok(())
            }
            Err(trouble) => {
                let fault = trouble.of(READING, &self.path);
                tracing::error!(target: "touka::topic", topic = log.name(), "{fault:?}");
                self.failed.retain(|_, (until, _)| now < *until);
                self.failed.insert(log.name().into(), (now + REMEMBERED, fault.clone()));
                Err(fault)
            }
        }
    }

    /// Reads what is kept of a topic into its log.
    fn read(&self, log: &SharedLog) -> Result<(), Trouble> {
        for attempt in 1..=MOST_READS {
            let retention = log.lock().log.retention();
            let loaded = self.store.read(|store| {
                Ok(match read(store, log.name(), retention)? {
                    Some(loaded) => loaded,
                    None => Log::begin(store.epoch(log.name()), retention),
                })
            })?;
            if install(log, loaded, attempt == MOST_READS) {
                break;
            }
        }
        Ok(())
    }
}

/// Puts what was read into its place. False, unless it must, if more is to be kept now than was read: the
/// retention was set meanwhile.
fn install(log: &SharedLog, loaded: Log, must: bool) -> bool {
    let mut state = log.lock();
    if !must && state.log.retention().keeps_more_than(loaded.retention()) {
        return false;
    }
    state.log.load(loaded, Instant::now());
    true
}

/// The log of a topic, if anything was ever published to it.
fn read(store: &super::store::Store, name: &str, retention: Retention) -> Result<Option<Log>, Trouble> {
    let (now, time) = (Instant::now(), unix_time());
    store.read(
        name,
        |row| Log::resumed(row.epoch, row.tail, retention),
        |loaded, offset, bytes| {
            let damaged = || Trouble::Damaged(format!("event {offset} of {name:?} cannot be read"));
            let Record { tag, time: published, key, wire } = Record::parse(bytes).ok_or_else(damaged)?;
            if offset != loaded.head().offset + 1 {
                return Err(damaged());
            }
            let mark = Mark { offset, tag };
            let event = Encoded::new(&Draft::stored(wire), loaded.position(mark));
            // A clock may have been set back, and a machine be younger than its events.
            let age = Duration::from_millis(time.saturating_sub(published));
            loaded.push(mark, event, key, now.checked_sub(age).unwrap_or(now));
            // At once: there may be more on the disk than is to be in memory.
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
    fn events_are_as_old_as_they_were_when_they_are_read() {
        let scratch = Scratch::new("age");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let (draft, time) = (Draft::of(Event::data("x")).unwrap(), unix_time());
        // In minutes; the last is of a clock that was set back since.
        let ages = [90, 61, 59, 0, -5_i64];
        let written = store.write(|store| {
            store.write(true, |tables| {
                let row = tables.add("a", store.epoch("a"), Mark::default())?;
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

    /// Older versions had no longest key.
    #[test]
    fn events_with_keys_that_are_too_long_today_are_read() {
        let scratch = Scratch::new("key");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let (draft, key) = (Draft::of(Event::data("x")).unwrap(), "k".repeat(100_000));
        let written = store.write(|store| {
            store.write(true, |tables| {
                let row = tables.add("a", store.epoch("a"), Mark::default())?;
                tables.put(&row, 1, &record::of_draft(Tag::from_bits(1), unix_time(), Some(&key), &draft))
            })
        });
        written.unwrap();
        let log = SharedLog::new("a", Retention::new());
        Loader::new(scratch.path().into(), store).load(&log).unwrap();
        let state = log.lock();
        assert_eq!(state.log.entries().next().unwrap().1.key().unwrap().len(), key.len());
    }

    /// The retention of a topic may be set while it is read.
    #[test]
    fn the_retention_that_is_set_last_counts() {
        let scratch = Scratch::new("retention");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let log = SharedLog::new("a", Retention::new());
        let mut loaded = Log::begin(store.read(|store| Ok(store.epoch("a"))).unwrap(), Retention::new());
        for _ in 0..5 {
            loaded.append(&Draft::of(Event::data("x")).unwrap(), None, Instant::now());
        }
        log.lock().log.set_retention(Retention::new().events(2));
        assert!(install(&log, loaded, false));
        assert_eq!(log.lock().log.entries().count(), 2);
        // More than was read: that takes another look at the disk.
        let loaded = Log::begin(log.lock().log.epoch(), Retention::new().events(1));
        assert!(!install(&log, loaded, false));
    }
}
