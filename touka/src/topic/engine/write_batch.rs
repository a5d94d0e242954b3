//! [`WriteBatch`], the events of one topic that are written together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::disk_fault::{DiskFault, StoreError};
use super::record::{self, unix_time};
use super::tables::Tables;
use crate::stream::guarded;
use crate::topic::encoded::{Draft, Encoded};
use crate::topic::log::Log;
use crate::topic::position::Position;
use crate::topic::shared_log::SharedLog;

/// A job for the writer. Its caller may have dropped its future.
pub(super) enum WriteJob {
    Publish(Publish),
    Remove(Remove),
}

/// A request to publish an event.
pub(super) struct Publish {
    pub(super) log: Arc<SharedLog>,
    pub(super) draft: Draft,
    pub(super) key: Option<Box<str>>,
    pub(super) answer: oneshot::Sender<Result<Position, DiskFault>>,
    /// Capacity of the queue, released when the event is written or dropped.
    pub(super) permit: OwnedSemaphorePermit,
}

/// A request to remove a topic with all its events.
pub(super) struct Remove {
    pub(super) log: Arc<SharedLog>,
    pub(super) answer: oneshot::Sender<Result<(), DiskFault>>,
    /// Capacity of the queue, released with the job.
    pub(super) permit: OwnedSemaphorePermit,
}

/// The events of one topic that are written in one transaction.
pub(super) struct WriteBatch {
    pub(super) log: Arc<SharedLog>,
    /// The log's address.
    pub(super) address: usize,
    publishes: Vec<Publish>,
    /// The positions and the bytes of the events, once the batch is written.
    written: Vec<(Position, Encoded)>,
}

/// Groups events by topic. The events of each topic keep their order.
pub(super) fn batches(publishes: Vec<Publish>) -> Vec<WriteBatch> {
    let (mut batches, mut known) = (Vec::<WriteBatch>::new(), HashMap::new());
    for publish in publishes {
        let address = address(&publish.log);
        let index = *known.entry(address).or_insert_with(|| {
            batches.push(WriteBatch {
                log: Arc::clone(&publish.log),
                address,
                publishes: Vec::new(),
                written: Vec::new(),
            });
            batches.len() - 1
        });
        batches[index].publishes.push(publish);
    }
    batches
}

pub(super) fn address(log: &Arc<SharedLog>) -> usize {
    Arc::as_ptr(log).addr()
}

impl WriteBatch {
    /// Assigns positions to the events and writes them. If `age` is given, it is written as the maximum age of the
    /// topic's events.
    pub(super) fn write(&mut self, tables: &mut Tables<'_>, now: Instant, age: Option<u64>) -> Result<(), StoreError> {
        let time = unix_time();
        let mut state = self.log.lock();
        // Events that exceed the retention leave the disk with this write.
        state.log.trim(now);
        let (epoch, tail, head) = (state.log.epoch(), state.log.tail(), state.log.head());
        drop(state);
        let name = self.log.name();
        let row = match tables.topic(name)? {
            Some(row) => row,
            None => tables.add(name, epoch, tail)?,
        };
        // The disk may have fewer events than the log, because `IdleTrim` does not trim the log.
        if row.tail.offset < tail.offset {
            tables.trim(name, &row, tail)?;
        }
        if let Some(age) = age {
            tables.set_age(&row, age)?;
        }
        let mut newest = head;
        self.written.clear();
        for Publish { draft, key, .. } in &self.publishes {
            let position = Log::position_after(epoch, newest);
            newest = position.mark;
            tables.put(&row, newest.offset, &record::of_draft(newest.tag, time, key.as_deref(), draft))?;
            self.written.push((position, Encoded::new(draft, position)));
        }
        Ok(())
    }

    /// Appends the written events to the log and answers the publishers.
    pub(super) fn finish(self, now: Instant) {
        let Self { log, publishes, written, .. } = self;
        let mut answers = Vec::with_capacity(publishes.len());
        log.change(|state| {
            for (Publish { key, answer, permit, .. }, (position, event)) in publishes.into_iter().zip(written) {
                state.log.push(position.mark, event, key.as_deref(), now);
                answers.push((answer, position, permit));
            }
            state.log.trim(now);
            state.touch();
        });
        // First, so that the hub can evict the topic once the publishers have their answers.
        drop(log);
        for (answer, position, _permit) in answers {
            send_answer(answer, Ok(position));
        }
    }

    /// Answers the publishers that nothing was published.
    pub(super) fn fail(self, fault: &DiskFault) {
        for publish in self.publishes {
            send_answer(publish.answer, Err(fault.clone()));
        }
    }
}

/// Answers a caller. That wakes its task, and a waker is user code: its panic must not end the thread.
pub(super) fn send_answer<A>(sender: oneshot::Sender<A>, answer: A) {
    guarded("the waker of a task that waits for the disk", || drop(sender.send(answer)));
}

/// The maximum age of the topic's events in milliseconds. `None` if the topic is removed.
pub(super) fn age(log: &SharedLog) -> Option<u64> {
    let state = log.lock();
    (!state.removed()).then(|| milliseconds(state.log.retention().age))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Makes the events of a topic on disk equal to those of its log. Only differences are written: a disk that was full
/// may have little free space.
pub(super) fn reconcile(tables: &mut Tables<'_>, log: &SharedLog) -> Result<(), StoreError> {
    let (now, time) = (Instant::now(), unix_time());
    // The entries share their bytes with the log, so copying them is cheap, and the lock is free while redb writes. Only
    // this thread appends. Events that are trimmed meanwhile may stay on the disk.
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

    /// A disk whose next write, once armed, blocks until the test continues it.
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
                gone_on.map_err(|_| Error::other("the log was locked meanwhile"))?;
            }
            self.memory.write(offset, data)
        }
    }

    #[test]
    fn a_log_can_be_used_while_it_is_reconciled() {
        let ((stopped, is_stopped), (goes_on, go_on)) = (channel(), channel());
        let is_armed = Arc::new(AtomicBool::new(false));
        let memory = InMemoryBackend::new();
        let disk = Stops { memory, is_armed: Arc::clone(&is_armed), stopped, go_on: Mutex::new(go_on) };
        let store = Store::open(disk).unwrap();
        let log = SharedLog::new("a", Retention::new().bytes(usize::MAX));
        // More than redb buffers, so that it writes before all events are put.
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
            let reconciled = store.write(true, |tables| {
                is_armed.store(true, Ordering::SeqCst);
                reconcile(tables, log)?;
                assert!(!is_armed.load(Ordering::SeqCst), "nothing was written while it was reconciled");
                Ok(())
            });
            reconciled.unwrap();
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
