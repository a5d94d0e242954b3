//! [`Loader`], the thread that reads from the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::disk_fault::{DiskFault, StoreError};
use super::failures::{FAILURE_TTL, Failures, Holes};
use super::head::milliseconds;
use super::journal::Journal;
use super::reader::{Newest, PartBounds, Reader};
use super::shared_store::SharedStore;
use super::write_batch::send_answer;
use crate::topic::engine::{Applied, Tail};
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::{Stored, unix_time};

/// A job for the loader. Its caller may have dropped its future.
pub(super) enum LoadJob {
    Load(Load),
    Before(Before),
    Superseded(AskSuperseded),
    Find(Find),
}

/// A request to load a topic's newest events into its log.
pub(super) struct Load {
    pub(super) tail: Tail,
    pub(super) answer: oneshot::Sender<Result<(), DiskFault>>,
    /// Capacity of the queue, released with the job.
    pub(super) permit: OwnedSemaphorePermit,
}

/// A request for the events after the offset `from`, up to the one at `until`, at most this many bytes of them.
pub(super) struct Before {
    pub(super) tail: Tail,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Vec<Stored>, DiskFault>>,
    /// Capacity of the queue, released with the job.
    pub(super) permit: OwnedSemaphorePermit,
}

/// A request for the tag of the event at the offset `from`, if all events after it up to the one at `until` are superseded.
pub(super) struct AskSuperseded {
    pub(super) tail: Tail,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) answer: oneshot::Sender<Result<Option<Tag>, DiskFault>>,
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

const READING: &str = "cannot read events from";

/// Reads on a thread of its own, so that publishes do not wait for a load.
pub(super) struct Loader {
    path: PathBuf,
    store: Arc<SharedStore>,
    journal: Arc<Journal>,
    failed: Failures,
    holes: Holes,
    /// The time until which the file is not opened again for reading, and the error.
    file_failed: Option<(Instant, DiskFault)>,
}

impl Loader {
    pub(super) fn new(path: PathBuf, store: Arc<SharedStore>, journal: Arc<Journal>) -> Self {
        Self { path, store, journal, failed: Failures::default(), holes: Holes::default(), file_failed: None }
    }

    /// Runs until the queue is closed.
    pub(super) fn run(mut self, queue: &Receiver<LoadJob>) {
        while let Ok(job) = queue.recv() {
            match job {
                LoadJob::Load(Load { tail, answer, permit }) if !answer.is_closed() => {
                    send_answer(answer, self.load(&tail));
                    drop(permit);
                }
                LoadJob::Before(Before { tail, from, until, bytes, answer, permit }) if !answer.is_closed() => {
                    send_answer(answer, self.before(&tail, from, until, bytes));
                    drop(permit);
                }
                LoadJob::Superseded(AskSuperseded { tail, from, until, answer, permit }) if !answer.is_closed() => {
                    send_answer(answer, self.superseded(&tail, from, until));
                    drop(permit);
                }
                LoadJob::Find(Find { by, answer, permit }) if !answer.is_closed() => {
                    send_answer(answer, self.find(by));
                    drop(permit);
                }
                LoadJob::Load(_) | LoadJob::Before(_) | LoadJob::Superseded(_) | LoadJob::Find(_) => {}
            }
        }
    }

    /// Makes sure that the file can be read.
    fn make_readable(&mut self) -> Result<(), DiskFault> {
        let now = Instant::now();
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
        self.make_readable()?;
        let found = self.store.read(|store| match by {
            FindBy::Name(name) => Ok((store.has(&name)? || self.journal.has(&name)).then_some(name)),
            FindBy::Epoch(epoch) => Ok(store.name_of(epoch)?.or_else(|| self.journal.name_of(epoch))),
        });
        found.map_err(|error| error.of(READING, &self.path))
    }

    /// Reads the newest events of a topic into its log. The writer appends those that it writes meanwhile, as soon as it
    /// can.
    pub(super) fn load(&mut self, tail: &Tail) -> Result<(), DiskFault> {
        self.read(tail, |reader| {
            while let (Some(before), Some(bounds)) = (tail.head(), tail.bounds()) {
                let Newest { snapshot, kept } = reader.newest(tail.topic(), bounds)?;
                let epoch = snapshot.head.epoch;
                if tail.reset(before, snapshot) {
                    tail.set_kept(Position { epoch, mark: kept });
                    if catch_up(reader, tail)? {
                        break;
                    }
                }
            }
            Ok(())
        })
    }

    /// Reads older events of a topic than its log has.
    fn before(&mut self, tail: &Tail, from: u64, until: u64, bytes: usize) -> Result<Vec<Stored>, DiskFault> {
        self.read(tail, |reader| {
            let (Some(head), Some(retention)) = (tail.head(), tail.retention()) else { return Ok(Vec::new()) };
            // Events that are no longer retained leave the file with the next publish.
            let kept = tail.kept().map_or(0, |kept| kept.offset);
            let retained = head.mark.offset.saturating_sub(retention.events.max(1) as u64);
            let offsets = from.max(kept).max(retained)..=until;
            let (age, newest) = (milliseconds(retention.age), head.mark.offset);
            let part = reader.part(tail.topic(), &PartBounds { offsets, bytes, age, newest })?;
            let Some(part) = part.filter(|part| part.epoch == head.epoch) else { return Ok(Vec::new()) };
            if part.start.offset > from {
                tail.set_kept(Position { epoch: part.epoch, mark: part.start });
            }
            Ok(part.events)
        })
    }

    /// Returns the tag of the event at the offset `from`, if all events after it up to the one at `until` are superseded.
    fn superseded(&mut self, tail: &Tail, from: u64, until: u64) -> Result<Option<Tag>, DiskFault> {
        self.read(tail, |reader| {
            let Some(head) = tail.head() else { return Ok(None) };
            let found = reader.superseded_after(tail.topic(), from, until)?;
            Ok(found.filter(|(epoch, _)| *epoch == head.epoch).map(|(_, tag)| tag))
        })
    }

    fn read<R>(
        &mut self,
        tail: &Tail,
        read: impl FnOnce(&Reader<'_>) -> Result<R, StoreError>,
    ) -> Result<R, DiskFault> {
        self.make_readable()?;
        let Self { path, store, journal, failed, holes, .. } = self;
        failed.read(tail.topic(), || {
            let read = store.read(|store| read(&Reader { store, journal, holes, time: unix_time() }));
            read.map_err(|error| error.of(READING, path))
        })
    }
}

/// Appends the events that were written before the log had the others. Returns false if the log has another history.
fn catch_up(reader: &Reader<'_>, tail: &Tail) -> Result<bool, StoreError> {
    while let Some(head) = tail.head() {
        let offsets = head.mark.offset..=u64::MAX;
        let bounds = PartBounds { offsets, bytes: usize::MAX, age: u64::MAX, newest: u64::MAX };
        let Some(part) = reader.part(tail.topic(), &bounds)? else { break };
        if part.epoch != head.epoch {
            return Ok(tail.is_removed());
        }
        if part.events.is_empty() {
            break;
        }
        match tail.apply(part.events) {
            Applied::Done => {}
            Applied::Hole | Applied::Forked => return Ok(false),
            Applied::Gone => break,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::Event;
    use crate::topic::encoded::Draft;
    use crate::topic::engine::disk::record;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::epoch_index::EpochIndex;
    use crate::topic::event_keys::EventKeys;
    use crate::topic::position::Mark;
    use crate::topic::retention::Retention;
    use crate::topic::shared_log::SharedLog;

    /// A file with a topic whose events have these ages in minutes and this key.
    fn store(scratch: &Scratch, ages: &[i64], key: Option<&str>) -> Arc<SharedStore> {
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let (draft, time) = (Draft::of(Event::data("x")).unwrap(), unix_time());
        let written = store.write(
            |store| {
                store.write(true, |tables| {
                    let row = tables.add("a", store.epoch("a")?, Mark::default())?;
                    (1..).zip(ages).try_for_each(|(offset, age)| {
                        let time = time.saturating_add_signed(-age * 60_000);
                        let keys = EventKeys { key, once: None };
                        tables.put(&row, offset, &record::of_draft(Tag::from_bits(1), time, None, keys, &draft))
                    })
                })
            },
            || {},
        );
        written.unwrap();
        Arc::new(store)
    }

    fn load(scratch: &Scratch, store: Arc<SharedStore>, log: &Arc<SharedLog>) {
        let tail = Tail::new(log, &Arc::<EpochIndex>::default());
        Loader::new(scratch.path().into(), store, Arc::default()).load(&tail).unwrap();
    }

    fn offsets(log: &SharedLog) -> Vec<u64> {
        log.lock().log.after(0).map(|entry| entry.mark.offset).collect()
    }

    #[test]
    fn events_keep_their_age_when_they_are_loaded() {
        let scratch = Scratch::new("age");
        // The clock was set back after the last one.
        let store = store(&scratch, &[90, 61, 59, 0, -5], None);
        let log = Arc::new(SharedLog::new("a", Retention::new().age(Duration::from_hours(1))));
        load(&scratch, store, &log);
        assert_eq!(offsets(&log), [3, 4, 5]);
    }

    /// Older versions did not limit the length of keys.
    #[test]
    fn events_with_keys_beyond_the_limit_are_loaded() {
        let scratch = Scratch::new("key");
        let key = "k".repeat(100_000);
        let log = Arc::new(SharedLog::new("a", Retention::new()));
        load(&scratch, store(&scratch, &[0], Some(&key)), &log);
        assert_eq!(log.lock().log.newest_of(&key), Some(1));
    }
}
