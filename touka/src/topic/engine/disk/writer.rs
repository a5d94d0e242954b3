//! [`Writer`], the thread that writes the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use super::active::ActiveTopics;
use super::disk_fault::{DiskFault, StoreError};
use super::failures::Failures;
use super::head::{Head, Heads};
use super::idle_trim::IdleTrim;
use super::journal::{Journal, Pending};
use super::queue::JobReceiver;
use super::shared_store::SharedStore;
use super::store::Store;
use super::write_batch::{Publish, Remove, WriteJob, batches, fail, send_answer};
use crate::topic::disk::Durability;
use crate::topic::stored::unix_time;

/// The maximum size in bytes of the events of one transaction. They are in memory twice meanwhile.
const MAX_TRANSACTION: usize = 16 * 1024 * 1024;

/// The maximum size in bytes of the acknowledged events that are not on the disk yet.
const MAX_UNFLUSHED: usize = 16 * 1024 * 1024;

/// The time after a failed flush before the next one. It doubles with each failure up to [`MAX_FLUSH_RETRY`], because
/// each flush reads the whole file again.
const FLUSH_RETRY: Duration = Duration::from_secs(1);
const MAX_FLUSH_RETRY: Duration = Duration::from_secs(30);

/// The time after which events are on the disk with [`Durability::Eventual`].
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// How long a turn of [`IdleTrim`] waits for the queue to be empty. Then it is taken in any case.
const MAX_TRIM_WAIT: Duration = Duration::from_secs(1);

/// The maximum pause after a failure to open the file again.
const MAX_REOPEN_PAUSE: Duration = Duration::from_secs(1);

const WRITING: &str = "cannot write to";

/// Writes events on a thread of its own. Jobs that are queued at the same time share a transaction.
pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    store: Arc<SharedStore>,
    journal: Arc<Journal>,
    active: Arc<ActiveTopics>,
    heads: Heads,
    failed: Failures,
    /// The time of the next flush.
    flush_at: Option<Instant>,
    flush_retry: Duration,
    /// The size in bytes of the events that are acknowledged and not on the disk yet.
    unflushed: usize,
    /// The earliest time at which the file may be opened again.
    reopen_at: Instant,
    trim: IdleTrim,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        durability: Durability,
        store: Arc<SharedStore>,
        journal: Arc<Journal>,
        active: Arc<ActiveTopics>,
    ) -> Self {
        let now = Instant::now();
        Self {
            path,
            durability,
            store,
            journal,
            active,
            heads: Heads::default(),
            failed: Failures::default(),
            flush_at: None,
            flush_retry: FLUSH_RETRY,
            unflushed: 0,
            reopen_at: now,
            trim: IdleTrim::new(now),
        }
    }

    /// Runs until the queue is closed and all events are written.
    pub(super) fn run(mut self, queue: &JobReceiver<WriteJob>) {
        loop {
            let wake = [self.flush_at, self.trim.at()].into_iter().flatten().min();
            match queue.recv(wake) {
                Ok(first) => {
                    let (publishes, remove) = self.gather(first, queue);
                    self.publish(publishes);
                    if let Some(remove) = remove {
                        self.remove(remove);
                    }
                    self.flush_and_trim(MAX_TRIM_WAIT);
                }
                Err(RecvTimeoutError::Timeout) => self.flush_and_trim(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.flush();
    }

    /// Takes the publishes up to the first removal out of the queue, and that removal. Publishes whose callers have left
    /// are dropped.
    fn gather(&mut self, first: WriteJob, queue: &JobReceiver<WriteJob>) -> (Vec<Publish>, Option<Remove>) {
        let (mut publishes, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        if !self.store.is_open() {
            // At most half of the thread's time goes into opening a file that cannot be opened.
            thread::sleep(self.reopen_at.saturating_duration_since(Instant::now()));
        }
        while let Some(job) = next {
            match job {
                WriteJob::Publish(publish) if publish.answer.is_closed() => {}
                WriteJob::Publish(publish) => {
                    bytes += publish.draft.len();
                    publishes.push(publish);
                }
                WriteJob::Remove(remove) => return (publishes, Some(remove)),
            }
            next = if bytes < MAX_TRANSACTION { queue.try_recv() } else { None };
        }
        (publishes, None)
    }

    /// Flushes and trims, if that is due. A trim waits longer while there are events to publish.
    fn flush_and_trim(&mut self, trim_patience: Duration) {
        let now = Instant::now();
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
        if self.trim.at().is_some_and(|at| now.saturating_duration_since(at) >= trim_patience && at <= now) {
            self.trim();
        }
    }

    /// Makes sure that the file can be written. After a failure it is opened again, and gets the acknowledged events that
    /// it may lack.
    fn make_writable(&mut self, what: &str) -> Result<(), DiskFault> {
        let started = Instant::now();
        let journal = &self.journal;
        match self.store.make_writable(|store| store.write(true, |tables| journal.reconcile(tables))) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.settle();
                // Topics that were not on the disk yet may have other numbers now.
                self.heads.clear();
                Ok(())
            }
            Err(error) => {
                self.reopen_at = Instant::now() + started.elapsed().min(MAX_REOPEN_PAUSE);
                Err(error.of(what, &self.path))
            }
        }
    }

    /// Records that all acknowledged events are on the disk, and no others.
    fn settle(&mut self) {
        self.journal.clear();
        self.flush_at = None;
        self.flush_retry = FLUSH_RETRY;
        self.unflushed = 0;
    }

    /// Makes sure that the file can be written, and writes.
    fn write<R>(
        &mut self,
        what: &str,
        work: impl FnOnce(&Store, &mut Heads) -> Result<R, StoreError>,
        failed: impl FnOnce(&Journal),
    ) -> Result<R, DiskFault> {
        self.make_writable(what)?;
        self.write_open(what, work, failed)
    }

    /// Writes to the file, which is open. `failed` is called before the file can be read again.
    fn write_open<R>(
        &mut self,
        what: &str,
        work: impl FnOnce(&Store, &mut Heads) -> Result<R, StoreError>,
        failed: impl FnOnce(&Journal),
    ) -> Result<R, DiskFault> {
        let Self { store, heads, journal, .. } = self;
        let written = store.write(|store| work(store, heads), || failed(journal));
        written.inspect_err(|_| self.heads.clear()).map_err(|error| error.of(what, &self.path))
    }

    /// Assigns positions to events, writes them, and only then appends them to the logs.
    fn publish(&mut self, publishes: Vec<Publish>) {
        const WHAT: &str = "the event is not published: cannot write to";
        if publishes.is_empty() {
            return;
        }
        if let Err(fault) = self.make_writable(WHAT) {
            return fail(publishes, &fault);
        }
        let mut batches = batches(publishes, |name| self.head(name));
        if batches.is_empty() {
            return;
        }
        let time = unix_time();
        let durably = self.durability == Durability::Immediate;
        let doubts: Vec<_> = batches.iter().map(|batch| (Arc::clone(&batch.name), batch.pending())).collect();
        let doubt = |journal: &Journal| doubts.into_iter().for_each(|(name, pending)| journal.add(&name, pending));
        let write = |store: &Store, _: &mut Heads| {
            store.write(durably, |tables| batches.iter_mut().try_for_each(|batch| batch.write(tables, time)))
        };
        // The file must not be opened again in between: the batches have the numbers of their topics.
        if let Err(fault) = self.write_open(WHAT, write, doubt) {
            return batches.into_iter().for_each(|batch| batch.fail(&fault));
        }
        if durably {
            self.settle();
        } else {
            self.flush_at.get_or_insert_with(|| Instant::now() + FLUSH_AFTER);
        }
        for batch in batches {
            self.heads.set(Arc::clone(&batch.name), batch.head);
            self.trim.schedule(time, batch.expires(), Instant::now());
            if !durably {
                let acknowledged = batch.acknowledged();
                self.unflushed += acknowledged.events.iter().map(|(_, record)| record.len()).sum::<usize>();
                self.journal.add(&batch.name, acknowledged);
            }
            batch.finish(&self.active, time);
        }
        if self.unflushed > MAX_UNFLUSHED {
            self.flush();
        }
    }

    /// The end of a topic in the file, which is open for writing.
    fn head(&mut self, name: &Arc<str>) -> Result<Head, DiskFault> {
        if let Some(head) = self.heads.get(name) {
            return Ok(*head);
        }
        let Self { store, failed, path, .. } = self;
        let read = failed.read(name, || {
            let read = store.read(|store| Head::read(store, name));
            read.map_err(|error| error.of("the event is not published: cannot read events from", path))
        });
        if read.is_err() && !store.is_open() {
            // That was not the fault of the topic, and the file is opened again.
            failed.forget(name);
        }
        let mut head = read?;
        // A topic without events may have readers already. Its epoch may be another one since: see `Store::epoch`.
        let active = self.active.get(name).and_then(|active| active.tail.loaded_head());
        if let Some(known) = active.filter(|_| head.row.is_none()) {
            head.epoch = known.epoch;
        }
        Ok(head)
    }

    /// Removes a topic, after all events that were published before.
    fn remove(&mut self, Remove { tail, answer }: Remove) {
        if answer.is_closed() {
            return;
        }
        let name = Arc::clone(tail.topic());
        // Two callers may remove one topic, and another one may have its name by now.
        let is_removed = tail.is_removed();
        // If it fails, the transaction may have been committed all the same. The topic must not begin anew then.
        let newest = self.heads.get(&name).map(|head| Pending::after(head.epoch, head.newest));
        let active = self.active.get(&name).and_then(|active| active.tail.loaded_head());
        let newest = newest.or(active.map(|head| Pending::after(head.epoch, head.mark)));
        let doubt = |journal: &Journal| {
            if let Some(newest) = newest {
                journal.add(&name, newest);
            }
        };
        let remove = |store: &Store, _: &mut Heads| store.write(true, |tables| tables.remove(&name));
        let removed =
            if is_removed { Ok(()) } else { self.write("the topic is not removed: cannot write to", remove, doubt) };
        if removed.is_ok() && !is_removed {
            self.settle();
            self.heads.remove(&name);
            tail.remove();
        }
        send_answer(answer, removed);
    }

    /// Writes the acknowledged events that are not on the disk yet.
    fn flush(&mut self) {
        if self.journal.is_empty() {
            self.flush_at = None;
            return;
        }
        match self.write(WRITING, |store, _| store.write(true, |_| Ok(())), |_| {}) {
            Ok(()) => self.settle(),
            Err(fault) => {
                tracing::error!(target: "touka::topic", "{fault:?}");
                self.flush_at = Some(Instant::now() + self.flush_retry);
                self.flush_retry = (self.flush_retry * 2).min(MAX_FLUSH_RETRY);
            }
        }
    }

    /// Takes one turn of [`IdleTrim`].
    fn trim(&mut self) {
        // Trimming is not worth opening the file again: the disk may be full.
        if !self.store.is_open() {
            self.trim.give_up(Instant::now());
            return;
        }
        let trim = &mut self.trim;
        let remove = |found: Vec<_>| {
            move |store: &Store, heads: &mut Heads| store.write(true, |tables| IdleTrim::remove(tables, &found, heads))
        };
        let found = match self.store.read(|store| trim.take_turn(store, unix_time())) {
            Ok(found) if found.is_empty() => return,
            Ok(found) => self.write(WRITING, remove(found), |_| {}),
            Err(error) => Err(error.of("cannot look for old events in", &self.path)),
        };
        match found {
            Ok(()) => self.settle(),
            Err(fault) => {
                tracing::error!(target: "touka::topic", "{fault:?}");
                self.trim.give_up(Instant::now());
            }
        }
    }
}
