//! [`Writer`], the thread that writes the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::batch::{Publish, address, age, batches, settle};
use super::fault::Fault;
use super::idle_trim::IdleTrim;
use super::record::unix_time;
use super::shared_store::SharedStore;
use super::store::Store;
use crate::topic::disk::Durability;
use crate::topic::shared_log::SharedLog;

/// Publishes are written together up to this many bytes, which are held twice meanwhile.
const MOST_TOGETHER: usize = 16 * 1024 * 1024;

/// How long after a failure the writer tries again to bring to the disk what was acknowledged. Doubled
/// with each failure up to [`LONGEST_RETRY`]: each try reads the file anew.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// How long the disk may lag with [`Durability::Eventual`].
const LAG: Duration = Duration::from_millis(100);

/// How long a turn of [`IdleTrim`] waits for the queue to be empty. A queue that never is does not
/// put it off for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest pause after a failure to open the file again.
const LONGEST_REST: Duration = Duration::from_secs(1);

const WRITING: &str = "cannot write to";

pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    store: Arc<SharedStore>,
    /// Topics of which the disk may not have what the log has, by the log's address; or it may have
    /// what a failed write has left. What is here is not forgotten by its hub.
    unsettled: HashMap<usize, Arc<SharedLog>>,
    /// What the file has as the age of a topic's events, by the address of the topic's log. The weak
    /// reference keeps the address from being used again.
    ages: HashMap<usize, (Weak<SharedLog>, u64)>,
    /// How many ages there may be before those of forgotten topics are taken out.
    most_ages: usize,
    /// When what is unsettled must be on the disk.
    flush_at: Option<Instant>,
    retry: Duration,
    /// The earliest time of the next try to open the file again.
    rest_until: Instant,
    trim: IdleTrim,
}

impl Writer {
    pub(super) fn new(path: PathBuf, durability: Durability, store: Arc<SharedStore>) -> Self {
        let now = Instant::now();
        Self {
            path,
            durability,
            store,
            unsettled: HashMap::new(),
            ages: HashMap::new(),
            most_ages: 1024,
            flush_at: None,
            retry: RETRY,
            rest_until: now,
            trim: IdleTrim::new(now),
        }
    }

    /// Works until the queue is closed and all is written.
    pub(super) fn run(mut self, queue: &Receiver<Publish>) {
        loop {
            let wake = [self.flush_at, self.trim.at()].into_iter().flatten().min();
            let first = match wake {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match first {
                Ok(first) => {
                    let together = self.gather(first, queue);
                    self.publish(together);
                    self.work_that_is_due(PATIENCE);
                }
                Err(RecvTimeoutError::Timeout) => self.work_that_is_due(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.flush();
    }

    /// The publishes that are written with the first one. Those whose callers have left are dropped.
    fn gather(&mut self, first: Publish, queue: &Receiver<Publish>) -> Vec<Publish> {
        let (mut together, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        if !self.store.is_open() {
            // At most half of the time goes into opening what cannot be opened.
            thread::sleep(self.rest_until.saturating_duration_since(Instant::now()));
        }
        while let Some(publish) = next {
            if !publish.answer.is_closed() {
                bytes += publish.draft.len();
                together.push(publish);
            }
            next = if bytes < MOST_TOGETHER { queue.try_recv().ok() } else { None };
        }
        together
    }

    /// Flushes and trims, if that is due. A trim waits longer while there is something to publish.
    fn work_that_is_due(&mut self, trim_patience: Duration) {
        let now = Instant::now();
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
        if self.trim.at().is_some_and(|at| now.saturating_duration_since(at) >= trim_patience && at <= now) {
            self.trim();
        }
    }

    /// Makes sure that the file can be written. After a failure it is opened anew and given what the
    /// logs have.
    fn make_writable(&mut self, what: &str) -> Result<(), Fault> {
        let started = Instant::now();
        let made = self.store.make_writable(|store| {
            store.write(true, |tables| self.unsettled.values().try_for_each(|log| settle(tables, log)))
        });
        match made {
            Ok(reopened) => {
                if reopened {
                    self.settled();
                }
                Ok(())
            }
            Err(trouble) => {
                self.rest_until = Instant::now() + started.elapsed().min(LONGEST_REST);
                Err(trouble.of(what, &self.path))
            }
        }
    }

    /// The disk has what the logs have.
    fn settled(&mut self) {
        self.unsettled.clear();
        self.flush_at = None;
        self.retry = RETRY;
    }

    fn write<R>(
        &mut self,
        what: &str,
        work: impl FnOnce(&Store) -> Result<R, super::fault::Trouble>,
    ) -> Result<R, Fault> {
        self.make_writable(what)?;
        self.store.write(work).map_err(|trouble| trouble.of(what, &self.path))
    }

    /// Gives events their positions, writes them, and only then shows them to readers.
    fn publish(&mut self, publishes: Vec<Publish>) {
        if publishes.is_empty() {
            return;
        }
        // Each with the age of its events, and whether the file has another.
        let mut batches: Vec<_> = batches(publishes)
            .into_iter()
            .map(|batch| {
                let age = age(&batch.log);
                let is_known = self.ages.get(&batch.address).is_some_and(|(_, known)| *known == age);
                (batch, age, !is_known)
            })
            .collect();
        let (now, time) = (tokio::time::Instant::now(), unix_time());
        let durably = self.durability == Durability::Immediate;
        let written = self.write("the event is not published: cannot write to", |store| {
            store.write(durably, |tables| {
                batches.iter_mut().try_for_each(|(batch, age, is_new)| batch.write(tables, now, is_new.then_some(*age)))
            })
        });
        if let Err(fault) = written {
            for (batch, ..) in batches {
                self.unsettled.insert(batch.address, Arc::clone(&batch.log));
                batch.fail(&fault);
            }
            return;
        }
        if durably {
            self.settled();
        } else {
            self.flush_at.get_or_insert_with(|| Instant::now() + LAG);
        }
        for (batch, age, is_new) in batches {
            if is_new {
                self.remember_age(&batch.log, age);
            }
            self.trim.expect(time, time.saturating_add(age), Instant::now());
            if !durably {
                self.unsettled.insert(batch.address, Arc::clone(&batch.log));
            }
            batch.finish(now);
        }
    }

    fn remember_age(&mut self, log: &Arc<SharedLog>, age: u64) {
        if self.ages.len() >= self.most_ages {
            self.ages.retain(|_, (log, _)| log.strong_count() > 0);
            self.most_ages = 1024 + 2 * self.ages.len();
        }
        self.ages.insert(address(log), (Arc::downgrade(log), age));
    }

    /// Brings to the disk what was acknowledged before it was there.
    fn flush(&mut self) {
        if self.unsettled.is_empty() {
            self.flush_at = None;
            return;
        }
        match self.write(WRITING, |store| store.write(true, |_| Ok(()))) {
            Ok(()) => self.settled(),
            Err(fault) => {
                tracing::error!(target: "touka::topic", "{fault:?}");
                self.flush_at = Some(Instant::now() + self.retry);
                self.retry = (self.retry * 2).min(LONGEST_RETRY);
            }
        }
    }

    /// Takes one bounded turn of forgetting what has become too old on the disk.
    fn trim(&mut self) {
        // A disk that may be full is not worth opening the file again.
        if !self.store.is_open() {
            self.trim.give_up(Instant::now());
            return;
        }
        let trim = &mut self.trim;
        let found = match self.store.read(|store| trim.look(store, unix_time())) {
            Ok(found) if found.is_empty() => return,
            Ok(found) => self.write(WRITING, |store| store.write(true, |tables| IdleTrim::forget(tables, &found))),
            Err(trouble) => Err(trouble.of("cannot find what is too old in", &self.path)),
        };
        match found {
            Ok(()) => self.settled(),
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
    fn what_nobody_waits_for_is_not_written() {
        let scratch = Scratch::new("abandoned");
        let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
        let room = Arc::new(Semaphore::new(10));
        let log = Arc::new(SharedLog::new("a", Retention::new()));
        let (jobs, queue) = channel();
        let mut answers = Vec::new();
        for number in 0..10 {
            let (answer, answered) = oneshot::channel();
            answers.extend((number % 3 == 0).then_some(answered));
            let draft = Draft::of(Event::data(number.to_string())).unwrap();
            let room = Arc::clone(&room).try_acquire_owned().unwrap();
            jobs.send(Publish { log: Arc::clone(&log), draft, key: None, answer, room }).unwrap();
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
        // Nothing of it is held any more, neither the room nor the log.
        assert_eq!((room.available_permits(), Arc::strong_count(&log)), (10, 1));
    }
}
