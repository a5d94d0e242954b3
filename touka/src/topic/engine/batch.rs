//! [`Batch`], the events of one topic that are written together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::fault::{Fault, Trouble};
use super::record::{self, unix_time};
use super::store::Tables;
use crate::stream::guarded;
use crate::topic::encoded::{Draft, Encoded};
use crate::topic::log::Log;
use crate::topic::position::Position;
use crate::topic::shared_log::SharedLog;

/// A request to publish an event. Its caller may have left.
pub(super) struct Publish {
    pub(super) log: Arc<SharedLog>,
    pub(super) draft: Draft,
    pub(super) key: Option<Box<str>>,
    pub(super) answer: oneshot::Sender<Result<Position, Fault>>,
    /// Released when the event is written or dropped.
    pub(super) room: OwnedSemaphorePermit,
}

pub(super) struct Batch {
    pub(super) log: Arc<SharedLog>,
    /// The log's address.
    pub(super) address: usize,
    publishes: Vec<Publish>,
    /// One for each of them, once the batch is written.
    placed: Vec<(Position, Encoded)>,
}

/// The events by topic, each topic's in the order in which they came.
pub(super) fn batches(publishes: Vec<Publish>) -> Vec<Batch> {
    let (mut batches, mut known) = (Vec::<Batch>::new(), HashMap::new());
    for publish in publishes {
        let address = address(&publish.log);
        let index = *known.entry(address).or_insert_with(|| {
            batches.push(Batch { log: Arc::clone(&publish.log), address, publishes: Vec::new(), placed: Vec::new() });
            batches.len() - 1
        });
        batches[index].publishes.push(publish);
    }
    batches
}

pub(super) fn address(log: &Arc<SharedLog>) -> usize {
    Arc::as_ptr(log).addr()
}

impl Batch {
    /// Gives the events their positions and writes them. With `age`, the topic's row is told how old
    /// its events may become.
    pub(super) fn write(&mut self, tables: &mut Tables<'_>, now: Instant, age: Option<u64>) -> Result<(), Trouble> {
        let time = unix_time();
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
        // The disk may have forgotten more than the memory: `IdleTrim` does not look at the log.
        if row.tail.offset < tail.offset {
            tables.trim(name, &row, tail)?;
        }
        if let Some(age) = age {
            tables.set_age(&row, age)?;
        }
        let mut newest = head;
        self.placed.clear();
        for Publish { draft, key, .. } in &self.publishes {
            let position = Log::position_after(epoch, newest);
            newest = position.mark;
            tables.put(&row, newest.offset, &record::of_draft(newest.tag, time, key.as_deref(), draft))?;
            self.placed.push((position, Encoded::new(draft, position)));
        }
        Ok(())
    }

    /// Shows the events to readers, and answers the publishers.
    pub(super) fn finish(self, now: Instant) {
        let Self { log, publishes, placed, .. } = self;
        let mut answers = Vec::with_capacity(publishes.len());
        log.change(|state| {
            for (Publish { key, answer, room, .. }, (position, event)) in publishes.into_iter().zip(placed) {
                state.log.push(position.mark, event, key.as_deref(), now);
                answers.push((answer, position, room));
            }
            state.log.trim(now);
            state.touch();
        });
        // First, so that the hub can forget the topic once the publishers have their answers.
        drop(log);
        for (answer, position, _room) in answers {
            tell(answer, Ok(position));
        }
    }

    /// Tells the publishers that nothing was published.
    pub(super) fn fail(self, fault: &Fault) {
        for publish in self.publishes {
            tell(publish.answer, Err(fault.clone()));
        }
    }
}

/// Answers one who waits. That wakes a task, and a waker is the user's code: its panic must not end the
/// thread that writes for everybody.
pub(super) fn tell<A>(answer: oneshot::Sender<A>, what: A) {
    guarded("the waker of one who waits for the disk", || drop(answer.send(what)));
}

/// How old the topic's events may become, in milliseconds.
pub(super) fn age(log: &SharedLog) -> u64 {
    milliseconds(log.lock().log.retention().age)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Makes the disk have of a topic what its log has, and nothing else. Only what differs is written: a disk
/// that was full may have little room.
pub(super) fn settle(tables: &mut Tables<'_>, log: &SharedLog) -> Result<(), Trouble> {
    let (now, time) = (Instant::now(), unix_time());
    // The entries share their bytes with the log, so copying them is cheap, and nobody waits for the lock
    // while redb writes. Only this thread appends; what is trimmed meanwhile may stay on the disk.
    let state = log.lock();
    let (epoch, tail, retention) = (state.log.epoch(), state.log.tail(), state.log.retention());
    let entries: Vec<_> = state
        .log
        .entries()
        .map(|(mark, entry)| (mark, entry.event.clone(), entry.key().cloned(), entry.since))
        .collect();
    drop(state);
    let name = log.name();
    let row = match tables.topic(name)? {
        Some(row) => row,
        None if entries.is_empty() => return Ok(()),
        None => tables.add(name, epoch, tail)?,
    };
    let mut is_there = vec![false; entries.len()];
    tables.retain(&row, |offset, bytes| {
        let index = offset.checked_sub(tail.offset + 1).and_then(|index| usize::try_from(index).ok());
        let Some((index, (mark, event, key, _))) = index.and_then(|index| Some((index, entries.get(index)?))) else {
            return false;
        };
        is_there[index] = record::is_of(bytes, mark.tag, key.as_deref(), event);
        is_there[index]
    })?;
    if row.tail != tail {
        tables.trim(name, &row, tail)?;
    }
    tables.set_age(&row, milliseconds(retention.age))?;
    let missing = entries.into_iter().zip(is_there).filter(|(_, is_there)| !is_there);
    for ((mark, event, key, since), _) in missing {
        let age = milliseconds(now.saturating_duration_since(since));
        let record = record::of_encoded(mark.tag, time.saturating_sub(age), key.as_deref(), &event);
        tables.put(&row, mark.offset, &record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Error;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::event::Event;
    use crate::topic::engine::store::Store;
    use crate::topic::retention::Retention;

    /// A disk that stops at its next write until it is told to go on.
    #[derive(Debug)]
    struct Stops {
        memory: InMemoryBackend,
        is_armed: Arc<AtomicBool>,
        stopped: Sender<()>,
        go_on: Mutex<Receiver<()>>,
    }

    impl StorageBackend for Stops {
        fn len(&self) -> Result<u64, Error> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
            self.memory.read(offset, out)
        }

        fn set_len(&self, len: u64) -> Result<(), Error> {
            self.memory.set_len(len)
        }

        fn sync_data(&self) -> Result<(), Error> {
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
            if self.is_armed.swap(false, Ordering::SeqCst) {
                self.stopped.send(()).unwrap();
                let gone_on = self.go_on.lock().unwrap().recv_timeout(Duration::from_mins(1));
                gone_on.map_err(|_| Error::other("nobody could have the log meanwhile"))?;
            }
            self.memory.write(offset, data)
        }
    }

    #[test]
    fn a_log_can_be_used_while_it_is_settled() {
        let ((stopped, is_stopped), (goes_on, go_on)) = (channel(), channel());
        let is_armed = Arc::new(AtomicBool::new(false));
        let memory = InMemoryBackend::new();
        let disk = Stops { memory, is_armed: Arc::clone(&is_armed), stopped, go_on: Mutex::new(go_on) };
        let store = Store::open(disk).unwrap();
        let log = SharedLog::new("a", Retention::new().bytes(usize::MAX));
        // More than redb holds back in memory, so that it writes before all is put.
        let draft = Draft::of(Event::data("x".repeat(1024 * 1024))).unwrap();
        for _ in 0..40 {
            log.lock().log.append(&draft, Some("key"), Instant::now());
        }
        thread::scope(|scope| {
            let log = &log;
            scope.spawn(move || {
                is_stopped.recv().unwrap();
                assert_eq!(log.lock().log.entries().count(), 40);
                goes_on.send(()).unwrap();
            });
            let settled = store.write(true, |tables| {
                is_armed.store(true, Ordering::SeqCst);
                settle(tables, log)?;
                assert!(!is_armed.load(Ordering::SeqCst), "nothing was written while it was settled");
                Ok(())
            });
            settled.unwrap();
        });
        let read = store.read(
            "a",
            |_| 0,
            |count, _, _| {
                *count += 1;
                Ok(())
            },
        );
        assert_eq!(read.unwrap(), Some(40));
    }
}
