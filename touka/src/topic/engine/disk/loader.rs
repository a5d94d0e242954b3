//! [`Loader`], the thread that reads from the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::active::ActiveTopic;
use super::disk_fault::{DiskFault, StoreError};
use super::failures::{FAILURE_TTL, Failures, Holes};
use super::head::milliseconds;
use super::journal::Journal;
use super::queue::JobReceiver;
use super::reader::{Newest, PartBounds, Reader};
use super::shared_store::SharedStore;
use super::store::Store;
use super::write_batch::send_answer;
use crate::topic::engine::{Applied, Tail};
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::{Stored, unix_time};

/// A job for the loader.
pub(super) enum LoadJob {
    Load(Load),
    Before(Before),
    Superseded(AskSuperseded),
    Find(Find),
}

/// A request to load a topic's newest events into its log.
pub(super) struct Load {
    pub(super) topic: Arc<ActiveTopic>,
    pub(super) answer: oneshot::Sender<Result<(), DiskFault>>,
}

/// A request for the events after the offset `from`, up to the one at `until`, at most this many bytes of them.
pub(super) struct Before {
    pub(super) tail: Tail,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Vec<Stored>, DiskFault>>,
}

/// A request for the tag of the event at the offset `from`, if all events after it up to the one at `until` are superseded.
pub(super) struct AskSuperseded {
    pub(super) tail: Tail,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) answer: oneshot::Sender<Result<Option<Tag>, DiskFault>>,
}

/// A request for the name of a topic that has events.
pub(super) struct Find {
    pub(super) by: FindBy,
    pub(super) answer: oneshot::Sender<Result<Option<String>, DiskFault>>,
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
    pub(super) fn run(mut self, queue: &JobReceiver<LoadJob>) {
        while let Ok(job) = queue.recv(None) {
            match job {
                LoadJob::Load(Load { topic, answer }) => send_answer(answer, self.activate(&topic)),
                LoadJob::Before(Before { tail, from, until, bytes, answer }) => {
                    send_answer(answer, self.before(&tail, from, until, bytes));
                }
                LoadJob::Superseded(AskSuperseded { tail, from, until, answer }) => {
                    send_answer(answer, self.superseded(&tail, from, until));
                }
                LoadJob::Find(Find { by, answer }) => send_answer(answer, self.find(&by)),
            }
        }
    }

    /// Loads a topic, unless that was done for another caller.
    fn activate(&mut self, topic: &ActiveTopic) -> Result<(), DiskFault> {
        if !topic.is_loaded() {
            self.load(&topic.tail)?;
            topic.set_loaded();
        }
        Ok(())
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
    fn find(&mut self, by: &FindBy) -> Result<Option<String>, DiskFault> {
        self.make_readable()?;
        let found = read_again(&self.store, |store| match by {
            FindBy::Name(name) => Ok((store.has(name)? || self.journal.has(name)).then(|| name.clone())),
            FindBy::Epoch(epoch) => Ok(store.name_of(*epoch)?.or_else(|| self.journal.name_of(*epoch))),
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
    pub(super) fn before(
        &mut self,
        tail: &Tail,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> Result<Vec<Stored>, DiskFault> {
        self.read(tail, |reader| {
            let (Some(head), Some(retention)) = (tail.head(), tail.retention()) else { return Ok(Vec::new()) };
            // Events that are no longer retained leave the file with the next publish.
            let kept = tail.kept().map_or(0, |kept| kept.offset);
            let retained = head.mark.offset.saturating_sub(retention.events.max(1) as u64);
            let offsets = from.max(kept).max(retained)..=until;
            if offsets.is_empty() {
                // Publishes have overtaken the reader. No event is read, so it is not known what was before the oldest
                // one that is retained.
                return Ok(Vec::new());
            }
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

    pub(super) fn read<R>(
        &mut self,
        tail: &Tail,
        mut read: impl FnMut(&Reader<'_>) -> Result<R, StoreError>,
    ) -> Result<R, DiskFault> {
        self.make_readable()?;
        let Self { path, store, journal, failed, holes, .. } = self;
        let mut is_of_topic = true;
        let done = failed.read(tail.topic(), || {
            let done = read_again(store, |store| read(&Reader { store, journal, holes, time: unix_time() }));
            is_of_topic = !done.as_ref().is_err_and(StoreError::is_of_another_use);
            done.map_err(|error| error.of(READING, path))
        });
        if !is_of_topic {
            failed.forget(tail.topic());
        }
        done
    }
}

/// The number of times that a read is repeated because writes have failed meanwhile.
pub(super) const MAX_REPEATS: usize = 3;

/// Reads from the store. A write that fails meanwhile closes it, and then it is opened for reading again.
pub(super) fn read_again<R>(
    store: &SharedStore,
    mut read: impl FnMut(&Store) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    for _ in 0..MAX_REPEATS {
        match store.read(&mut read) {
            Err(error) if error.is_of_another_use() => store.make_readable()?,
            done => return done,
        }
    }
    store.read(read)
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
