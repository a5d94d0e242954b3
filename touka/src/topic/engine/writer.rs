//! [`Writer`], the thread that has the file.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::fault::{Fault, Trouble};
use super::record::{self, Record};
use super::store::{Store, Tables};
use crate::topic::disk::{Disk, Durability};
use crate::topic::encoded::{Draft, Encoded};
use crate::topic::log::Log;
use crate::topic::position::{Mark, Position};
use crate::topic::shared_log::SharedLog;

/// What is asked of the thread. Whoever asks waits for the answer, or has left.
pub(super) enum Job {
    Load { log: Arc<SharedLog>, answer: oneshot::Sender<Result<(), Fault>> },
    Publish(Publish),
}

pub(super) struct Publish {
    pub(super) log: Arc<SharedLog>,
    pub(super) draft: Draft,
    pub(super) key: Option<Box<str>>,
    pub(super) answer: oneshot::Sender<Result<Position, Fault>>,
}

/// Publishes are written together up to so many bytes: so much is held twice meanwhile.
const MOST_TOGETHER: usize = 16 * 1024 * 1024;

/// How long after a failure it is tried again to bring to the disk what was acknowledged.
const RETRY: Duration = Duration::from_secs(1);

/// How long the disk may lag with [`Durability::Eventual`].
const LAG: Duration = Duration::from_millis(100);

pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    /// There is none after a failure, until it can be opened again: redb wants it so.
    store: Option<Store>,
    /// Topics of which the disk may not have what the log has, by their address; or it may have
    /// what a failed write has left. What is here is not forgotten by its hub.
    unsettled: HashMap<usize, Arc<SharedLog>>,
    /// When what is unsettled must be on the disk.
    flush_at: Option<std::time::Instant>,
}

/// The events of one topic that are written together.
struct Batch {
    log: Arc<SharedLog>,
    key: usize,
    publishes: Vec<Publish>,
    /// One for each of them.
    placed: Vec<(Position, Encoded)>,
}

impl Writer {
    pub(super) fn open(disk: Disk) -> Result<Self, Fault> {
        let Disk { path, durability } = disk;
        let store = Store::open(&path).map_err(|trouble| trouble.of("cannot open the events in", &path))?;
        Ok(Self { path, durability, store: Some(store), unsettled: HashMap::new(), flush_at: None })
    }

    /// Works until nobody can ask any more and all is done.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let first = match self.flush_at {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(std::time::Instant::now())),
            };
            let first = match first {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let (mut publishes, mut bytes, mut next) = (Vec::new(), 0, Some(first));
            while let Some(job) = next {
                next = None;
                match job {
                    // Those who publish do not wait until the last of many topics is read.
                    Job::Load { log, answer } => {
                        let loaded = self.load(&log);
                        // With the answer the topic is in nobody's use that the asker does not know.
                        drop(log);
                        let _ = answer.send(loaded);
                    }
                    Job::Publish(publish) => {
                        bytes += publish.draft.len();
                        publishes.push(publish);
                        if bytes < MOST_TOGETHER {
                            next = queue.try_recv().ok();
                        }
                    }
                }
            }
            self.publish(publishes);
            // In a queue that is never empty nothing times out.
            if self.flush_at.is_some_and(|at| at <= std::time::Instant::now()) {
                self.flush();
            }
        }
        self.flush();
    }

    /// Does something with the file, which after a failure is opened anew and given what the logs
    /// have.
    fn attempt<R>(&mut self, what: &str, work: impl FnOnce(&Store) -> Result<R, Trouble>) -> Result<R, Fault> {
        let work = AssertUnwindSafe(|| {
            if self.store.is_none() {
                let store = Store::open(&self.path)?;
                store.write(true, |tables| self.unsettled.values().try_for_each(|log| settle(tables, log)))?;
                self.store = Some(store);
                self.unsettled.clear();
                self.flush_at = None;
            }
            self.store.as_ref().map_or_else(|| Err(redb::Error::DatabaseClosed.into()), work)
        });
        // As in `Store::open`.
        let done = catch_unwind(work).unwrap_or_else(|panic| Err(Trouble::panicked(&*panic)));
        done.map_err(|trouble| {
            // Closing it may fail as well, in whatever way.
            let _ = catch_unwind(AssertUnwindSafe(|| self.store = None));
            trouble.of(what, &self.path)
        })
    }

    /// Reads what is kept of a topic into its log.
    fn load(&mut self, log: &SharedLog) -> Result<(), Fault> {
        let retention = log.lock().log.retention();
        let (now, time) = (Instant::now(), unix_time());
        let loaded = self.attempt("cannot read events from", |store| {
            // The row comes last, and says where the log begins.
            let mut records = Vec::new();
            let row = store.read(log.name(), |offset, bytes| {
                records.push((offset, bytes.to_vec()));
                Ok(())
            })?;
            let Some(row) = row else { return Ok(Log::begin(store.epoch(log.name()), retention)) };
            let mut loaded = Log::resumed(row.epoch, row.tail, retention);
            for (offset, bytes) in records {
                let damaged = || Trouble::Damaged(format!("event {offset} of {:?} cannot be read", log.name()));
                let Record { tag, time: published, key, wire } = Record::parse(&bytes).ok_or_else(damaged)?;
                if offset != loaded.head().offset + 1 {
                    return Err(damaged());
                }
                let mark = Mark { offset, tag };
                let event = Encoded::new(&Draft::stored(wire), loaded.position(mark));
                // A clock may have been set back, and a machine be younger than its events.
                let age = Duration::from_millis(time.saturating_sub(published));
                loaded.push(mark, event, key, now.checked_sub(age).unwrap_or(now));
            }
            loaded.trim(now);
            Ok(loaded)
        })?;
        log.lock().log = loaded;
        Ok(())
    }

    /// Gives events their places, writes them, and only then shows them to readers.
    fn publish(&mut self, publishes: Vec<Publish>) {
        if publishes.is_empty() {
            return;
        }
        let mut batches = batches(publishes);
        let (now, time) = (Instant::now(), unix_time());
        let durably = self.durability == Durability::Immediate;
        let written = self.attempt("the event is not published: cannot write to", |store| {
            store.write(durably, |tables| batches.iter_mut().try_for_each(|batch| batch.write(tables, now, time)))
        });
        if let Err(fault) = written {
            for Batch { log, key, publishes, .. } in batches {
                self.unsettled.insert(key, log);
                for publish in publishes {
                    let _ = publish.answer.send(Err(fault.clone()));
                }
            }
            return;
        }
        if durably {
            self.unsettled.clear();
        } else {
            self.flush_at.get_or_insert_with(|| std::time::Instant::now() + LAG);
        }
        for Batch { log, key, publishes, placed } in batches {
            let mut answers = Vec::with_capacity(publishes.len());
            log.change(|state| {
                for (Publish { key, answer, .. }, (position, event)) in publishes.into_iter().zip(placed) {
                    state.log.push(position.mark, event, key.as_deref(), now);
                    answers.push((answer, position));
                }
                state.log.trim(now);
                state.touch();
            });
            if durably {
                drop(log);
            } else {
                self.unsettled.insert(key, log);
            }
            for (answer, position) in answers {
                let _ = answer.send(Ok(position));
            }
        }
    }

    /// Brings to the disk what was acknowledged before it was there.
    fn flush(&mut self) {
        if self.unsettled.is_empty() {
            self.flush_at = None;
            return;
        }
        match self.attempt("cannot write to", |store| store.write(true, |_| Ok(()))) {
            Ok(()) => {
                self.unsettled.clear();
                self.flush_at = None;
            }
            Err(fault) => {
                tracing::error!(target: "touka::topic", "{fault:?}");
                self.flush_at = Some(std::time::Instant::now() + RETRY);
            }
        }
    }
}

/// The events by topic, each topic's in the order in which they came.
fn batches(publishes: Vec<Publish>) -> Vec<Batch> {
    let (mut batches, mut known) = (Vec::<Batch>::new(), HashMap::new());
    for publish in publishes {
        let key = Arc::as_ptr(&publish.log).addr();
        let index = *known.entry(key).or_insert_with(|| {
            batches.push(Batch { log: Arc::clone(&publish.log), key, publishes: Vec::new(), placed: Vec::new() });
            batches.len() - 1
        });
        batches[index].publishes.push(publish);
    }
    batches
}

impl Batch {
    fn write(&mut self, tables: &mut Tables<'_>, now: Instant, time: u64) -> Result<(), Trouble> {
        let mut state = self.log.lock();
        // What is too old, or was too much after the last write, leaves the disk with this one.
        state.log.trim(now);
        let (epoch, tail, head) = (state.log.epoch(), state.log.tail(), state.log.head());
        drop(state);
        let name = self.log.name();
        let row = match tables.topic(name)? {
            Some(row) => row,
            None => tables.add(name, epoch, tail)?,
        };
        if row.tail != tail {
            tables.trim(name, &row, tail)?;
        }
        let mut newest = head;
        for Publish { draft, key, .. } in &self.publishes {
            let position = Log::position_after(epoch, newest);
            newest = position.mark;
            tables.put(&row, newest.offset, &record::of_draft(newest.tag, time, key.as_deref(), draft))?;
            self.placed.push((position, Encoded::new(draft, position)));
        }
        Ok(())
    }
}

/// Makes the disk have of a topic what its log has, and nothing else.
fn settle(tables: &mut Tables<'_>, log: &SharedLog) -> Result<(), Trouble> {
    let (now, time) = (Instant::now(), unix_time());
    let state = log.lock();
    let name = log.name();
    let row = match tables.topic(name)? {
        Some(row) => row,
        None if state.log.is_empty() => return Ok(()),
        None => tables.add(name, state.log.epoch(), state.log.tail())?,
    };
    tables.clear(&row)?;
    tables.trim(name, &row, state.log.tail())?;
    for (mark, entry) in state.log.entries() {
        let age = u64::try_from(now.saturating_duration_since(entry.since).as_millis()).unwrap_or(u64::MAX);
        let record = record::of_encoded(mark.tag, time.saturating_sub(age), entry.key(), &entry.event);
        tables.put(&row, mark.offset, &record)?;
    }
    Ok(())
}

/// In milliseconds.
fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::topic::position::Tag;
    use crate::topic::retention::Retention;

    #[test]
    fn events_are_as_old_as_they_were_when_they_are_read() {
        let path = std::env::temp_dir().join(format!("touka-writer-age-{}", std::process::id()));
        let mut writer = Writer::open(Disk::at(&path)).unwrap();
        let (draft, time) = (Draft::of(Event::data("x")).unwrap(), unix_time());
        // In minutes; the last is of a clock that was set back since.
        let ages = [90, 61, 59, 0, -5_i64];
        let written = writer.attempt("cannot write to", |store| {
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
        let loaded = writer.load(&log);
        let _ = std::fs::remove_file(&path);
        loaded.unwrap();
        let kept = log.lock().log.entries().map(|(mark, _)| mark.offset).collect::<Vec<_>>();
        assert_eq!(kept, [3, 4, 5]);
    }
}
