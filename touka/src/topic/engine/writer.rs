//! [`Writer`], the thread that writes the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::disk_fault::{DiskFault, StoreError};
use super::idle_trim::IdleTrim;
use super::record::unix_time;
use super::shared_store::SharedStore;
use super::store::Store;
use super::write_batch::{Publish, Remove, WriteJob, address, age, batches, reconcile, send_answer};
use crate::topic::disk::Durability;
use crate::topic::shared_log::SharedLog;

/// The maximum size in bytes of the events of one transaction. They are in memory twice meanwhile.
const MAX_TRANSACTION: usize = 16 * 1024 * 1024;

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
    /// The topics whose events on disk may differ from those of their logs, by the address of the log: after a failed
    /// write, or before a flush. The reference keeps the hub from evicting the topic.
    unreconciled: HashMap<usize, Arc<SharedLog>>,
    /// The maximum age of each topic's events as written to the file, by the address of the topic's log. The weak
    /// reference keeps the address from being reused.
    ages: HashMap<usize, (Weak<SharedLog>, u64)>,
    /// The number of ages at which those of evicted topics are removed.
    prune_ages_at: usize,
    /// The time of the next flush.
    flush_at: Option<Instant>,
    flush_retry: Duration,
    /// The earliest time at which the file may be opened again.
    reopen_at: Instant,
    trim: IdleTrim,
}

impl Writer {
    pub(super) fn new(path: PathBuf, durability: Durability, store: Arc<SharedStore>) -> Self {
        let now = Instant::now();
        Self {
            path,
            durability,
            store,
            unreconciled: HashMap::new(),
            ages: HashMap::new(),
            prune_ages_at: 1024,
            flush_at: None,
            flush_retry: FLUSH_RETRY,
            reopen_at: now,
            trim: IdleTrim::new(now),
        }
    }

    /// Runs until the queue is closed and all events are written.
    pub(super) fn run(mut self, queue: &Receiver<WriteJob>) {
        loop {
            let wake = [self.flush_at, self.trim.at()].into_iter().flatten().min();
            let first = match wake {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match first {
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
    fn gather(&mut self, first: WriteJob, queue: &Receiver<WriteJob>) -> (Vec<Publish>, Option<Remove>) {
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
            next = if bytes < MAX_TRANSACTION { queue.try_recv().ok() } else { None };
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

    /// Makes sure that the file can be written. After a failure it is opened again, and the unreconciled topics are
    /// written.
    fn make_writable(&mut self, what: &str) -> Result<(), DiskFault> {
        let started = Instant::now();
        let made = self.store.make_writable(|store| {
            store.write(true, |tables| self.unreconciled.values().try_for_each(|log| reconcile(tables, log)))
        });
        match made {
            Ok(reopened) => {
                if reopened {
                    self.mark_reconciled();
                }
                Ok(())
            }
            Err(error) => {
                self.reopen_at = Instant::now() + started.elapsed().min(MAX_REOPEN_PAUSE);
                Err(error.of(what, &self.path))
            }
        }
    }

    /// Records that the events on disk are those of the logs.
    fn mark_reconciled(&mut self) {
        self.unreconciled.clear();
        self.flush_at = None;
        self.flush_retry = FLUSH_RETRY;
    }

    fn write<R>(&mut self, what: &str, work: impl FnOnce(&Store) -> Result<R, StoreError>) -> Result<R, DiskFault> {
        self.make_writable(what)?;
        self.store.write(work).map_err(|error| error.of(what, &self.path))
    }

    /// Assigns positions to events, writes them, and only then appends them to the logs.
    fn publish(&mut self, publishes: Vec<Publish>) {
        // Each batch with the maximum age of its events, and whether the file has another one.
        let mut batches: Vec<_> = batches(publishes)
            .into_iter()
            .filter_map(|batch| {
                let Some(age) = age(&batch.log) else {
                    let fault = DiskFault::removed(batch.log.name());
                    batch.fail(&fault);
                    return None;
                };
                let is_known = self.ages.get(&batch.address).is_some_and(|(_, known)| *known == age);
                Some((batch, age, !is_known))
            })
            .collect();
        if batches.is_empty() {
            return;
        }
        let (now, time) = (tokio::time::Instant::now(), unix_time());
        let durably = self.durability == Durability::Immediate;
        let written = self.write("the event is not published: cannot write to", |store| {
            store.write(durably, |tables| {
                batches.iter_mut().try_for_each(|(batch, age, is_new)| batch.write(tables, now, is_new.then_some(*age)))
            })
        });
        if let Err(fault) = written {
            for (batch, ..) in batches {
                self.unreconciled.insert(batch.address, Arc::clone(&batch.log));
                batch.fail(&fault);
            }
            return;
        }
        if durably {
            self.mark_reconciled();
        } else {
            self.flush_at.get_or_insert_with(|| Instant::now() + FLUSH_AFTER);
        }
        for (batch, age, is_new) in batches {
            if is_new {
                self.remember_age(&batch.log, age);
            }
            self.trim.schedule(time, time.saturating_add(age), Instant::now());
            if !durably {
                self.unreconciled.insert(batch.address, Arc::clone(&batch.log));
            }
            batch.finish(now);
        }
    }

    /// Removes a topic, after all events that were published before.
    fn remove(&mut self, Remove { log, answer, permit }: Remove) {
        if answer.is_closed() {
            return;
        }
        // Two callers may remove one topic, and another one may have its name by now.
        let is_removed = log.is_removed();
        let removed = if is_removed {
            Ok(())
        } else {
            self.write("the topic is not removed: cannot write to", |store| {
                store.write(true, |tables| tables.remove(log.name()))
            })
        };
        match &removed {
            Ok(()) if is_removed => {}
            Ok(()) => {
                self.mark_reconciled();
                self.ages.remove(&address(&log));
                log.remove();
            }
            // The transaction may have been committed all the same. Settling brings the events back. A topic that is not
            // loaded has none in memory; it is loaded with those that the file has.
            Err(_) if log.loaded.initialized() => {
                self.unreconciled.insert(address(&log), Arc::clone(&log));
            }
            Err(_) => {}
        }
        drop(log);
        send_answer(answer, removed);
        drop(permit);
    }

    fn remember_age(&mut self, log: &Arc<SharedLog>, age: u64) {
        if self.ages.len() >= self.prune_ages_at {
            self.ages.retain(|_, (log, _)| log.strong_count() > 0);
            self.prune_ages_at = 1024 + 2 * self.ages.len();
        }
        self.ages.insert(address(log), (Arc::downgrade(log), age));
    }

    /// Writes the acknowledged events that are not on the disk yet.
    fn flush(&mut self) {
        if self.unreconciled.is_empty() {
            self.flush_at = None;
            return;
        }
        match self.write(WRITING, |store| store.write(true, |_| Ok(()))) {
            Ok(()) => self.mark_reconciled(),
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
        let found = match self.store.read(|store| trim.take_turn(store, unix_time())) {
            Ok(found) if found.is_empty() => return,
            Ok(found) => self.write(WRITING, |store| store.write(true, |tables| IdleTrim::remove(tables, &found))),
            Err(error) => Err(error.of("cannot look for old events in", &self.path)),
        };
        match found {
            Ok(()) => self.mark_reconciled(),
            Err(fault) => {
                tracing::error!(target: "touka::topic", "{fault:?}");
                self.trim.give_up(Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::sync::{Semaphore, oneshot};

    use super::*;
    use crate::event::Event;
    use crate::topic::encoded::Draft;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::retention::Retention;

    #[test]
    fn publishes_whose_callers_have_left_are_not_written() {
        let scratch = Scratch::new("abandoned");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let capacity = Arc::new(Semaphore::new(10));
        let log = Arc::new(SharedLog::new("a", Retention::new()));
        let (jobs, queue) = channel();
        let mut answers = Vec::new();
        for number in 0..10 {
            let (answer, answered) = oneshot::channel();
            answers.extend((number % 3 == 0).then_some(answered));
            let draft = Draft::of(Event::data(number.to_string())).unwrap();
            let permit = Arc::clone(&capacity).try_acquire_owned().unwrap();
            jobs.send(WriteJob::Publish(Publish { log: Arc::clone(&log), draft, key: None, answer, permit })).unwrap();
        }
        drop(jobs);
        Writer::new(scratch.path().into(), Durability::Immediate, Arc::clone(&store)).run(&queue);
        let offsets: Vec<_> =
            answers.into_iter().map(|answer| answer.blocking_recv().unwrap().unwrap().mark.offset).collect();
        assert_eq!(offsets, [1, 2, 3, 4]);
        let written: Vec<_> = log.lock().log.entries().map(|(_, entry)| entry.event.wire()).collect();
        for (wire, number) in written.iter().zip([0, 3, 6, 9]) {
            assert!(wire.ends_with(format!("data: {number}\n\n").as_bytes()), "{wire:?}");
        }
        // Neither capacity nor a reference to the log is leaked.
        assert_eq!((capacity.available_permits(), Arc::strong_count(&log)), (10, 1));
    }
}
