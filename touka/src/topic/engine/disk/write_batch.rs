//! [`WriteBatch`], the events of one topic that are written together.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::active::ActiveTopics;
use super::disk_fault::{DiskFault, StoreError};
use super::head::{Head, milliseconds};
use super::journal::Pending;
use super::record;
use super::tables::Tables;
use crate::stream::guarded;
use crate::topic::encoded::Draft;
use crate::topic::engine::Tail;
use crate::topic::event_keys::KeptKeys;
use crate::topic::log::{Log, ONCE_WINDOW};
use crate::topic::position::{Mark, Position};
use crate::topic::retention::Retention;
use crate::topic::stored::Stored;

/// A job for the writer. Its caller may have dropped its future.
pub(super) enum WriteJob {
    Publish(Publish),
    Remove(Remove),
}

/// A request to publish an event.
pub(super) struct Publish {
    pub(super) tail: Tail,
    pub(super) retention: Retention,
    pub(super) draft: Draft,
    pub(super) keys: KeptKeys,
    pub(super) answer: oneshot::Sender<Result<Position, DiskFault>>,
}

/// A request to remove a topic with all its events.
pub(super) struct Remove {
    pub(super) tail: Tail,
    pub(super) answer: oneshot::Sender<Result<(), DiskFault>>,
}

/// The events of one topic that are written in one transaction.
pub(super) struct WriteBatch {
    pub(super) name: Arc<str>,
    pub(super) head: Head,
    /// The end of the topic before the batch.
    before: Head,
    publishes: Vec<Publish>,
    /// The outcomes of the publishes, once the batch is written.
    written: Vec<Written>,
}

/// The outcome of one publish of a batch that is written.
enum Written {
    /// The event is in the file, after the one with the mark `previous`.
    New { position: Position, previous: Mark, record: Bytes },
    /// The event was published before: its idempotency key is known.
    Known(Position),
    /// The topic is closed.
    Closed,
}

/// Groups events by topic. The events of each topic keep their order. Answers those that cannot be published.
pub(super) fn batches(
    publishes: Vec<Publish>,
    mut head: impl FnMut(&Arc<str>) -> Result<Head, DiskFault>,
) -> Vec<WriteBatch> {
    let mut groups = Vec::<(Arc<str>, Vec<Publish>)>::new();
    let mut known = HashMap::new();
    for publish in publishes {
        let name = publish.tail.topic();
        if publish.tail.is_removed() {
            let fault = DiskFault::removed(name);
            send_answer(publish.answer, Err(fault));
            continue;
        }
        let index = *known.entry(Arc::clone(name)).or_insert_with(|| {
            groups.push((Arc::clone(name), Vec::new()));
            groups.len() - 1
        });
        groups[index].1.push(publish);
    }
    let batch = |(name, publishes): (Arc<str>, Vec<Publish>)| match head(&name) {
        Ok(head) => Some(WriteBatch { name, head, before: head, publishes, written: Vec::new() }),
        Err(fault) => {
            fail(publishes, &fault);
            None
        }
    };
    groups.into_iter().filter_map(batch).collect()
}

impl WriteBatch {
    /// The maximum age of the topic's events in milliseconds.
    pub(super) fn age(&self) -> u64 {
        self.publishes.last().map_or(u64::MAX, |publish| milliseconds(publish.retention.age))
    }

    /// The time at which the oldest event of the topic becomes too old, in milliseconds of Unix time. That may be before the
    /// events of the batch do: the newest event of a topic stays until there is another one.
    pub(super) fn expires(&self) -> u64 {
        self.head.oldest().saturating_add(self.age())
    }

    /// Assigns positions to the events and writes them, at this time in milliseconds of Unix time.
    ///
    /// Before, events that exceed the retention are removed. Those that exceed it with this batch leave the file with the
    /// next one: this one may fail.
    pub(super) fn write(&mut self, tables: &mut Tables<'_>, time: u64) -> Result<(), StoreError> {
        let Self { name, head, publishes, written, .. } = self;
        let Some(retention) = publishes.last().map(|publish| publish.retention) else { return Ok(()) };
        head.trim(tables, name, |head| head.exceeds(&retention, time))?;
        for Publish { draft, keys, .. } in &*publishes {
            let epoch = head.epoch;
            if let (Some(row), Some(once)) = (&head.row, &keys.once)
                && let Some(mark) = tables.once(row, once, time.saturating_sub(milliseconds(ONCE_WINDOW) - 1))?
            {
                written.push(Written::Known(Position { epoch, mark }));
                continue;
            }
            if head.is_closed() {
                written.push(Written::Closed);
                continue;
            }
            let (position, previous) = (Log::position_after(epoch, head.newest), head.newest);
            let record = record::of_draft(position.mark.tag, time, Some(head.next_start()), keys.as_keys(), draft);
            head.put(tables, name, position.mark.offset, &record)?;
            written.push(Written::New { position, previous, record: record.into() });
        }
        head.set_age(tables, milliseconds(retention.age))
    }

    /// The end of the topic before the batch.
    pub(super) const fn pending(&self) -> Pending {
        Pending::after(self.before.epoch, self.before.newest)
    }

    /// The events of the batch, for the journal.
    pub(super) fn acknowledged(&self) -> Pending {
        let new = |written: &Written| match written {
            Written::New { position, record, .. } => Some((position.mark, record.clone())),
            Written::Known(_) | Written::Closed => None,
        };
        let events = self.written.iter().filter_map(new).collect();
        Pending { events, age: Some(self.age()), ..self.pending() }
    }

    /// Appends the written events to the log, if the topic is active, and answers the publishers.
    pub(super) fn finish(self, active: &ActiveTopics, time: u64) {
        let Self { name, head, before, publishes, written } = self;
        let active = active.get(&name);
        let (mut events, mut answers) = (Vec::new(), Vec::with_capacity(publishes.len()));
        for (Publish { draft, keys, answer, .. }, written) in publishes.into_iter().zip(written) {
            let outcome = match written {
                Written::New { position, previous, .. } => {
                    if active.is_some() {
                        events.push(Stored::of_draft(position, previous, time, keys.as_keys(), &draft));
                    }
                    Ok(position)
                }
                Written::Known(position) => Ok(position),
                Written::Closed => Err(DiskFault::closed(&name)),
            };
            answers.push((answer, outcome));
        }
        if let Some(active) = active {
            let tail = &active.tail;
            tail.apply(events);
            if head.tail() != before.tail() {
                tail.set_kept(Position { epoch: head.epoch, mark: head.tail() });
            }
        }
        for (answer, outcome) in answers {
            send_answer(answer, outcome);
        }
    }

    /// Answers the publishers that nothing was published.
    pub(super) fn fail(self, fault: &DiskFault) {
        fail(self.publishes, fault);
    }
}

/// Answers publishers that nothing was published.
pub(super) fn fail(publishes: Vec<Publish>, fault: &DiskFault) {
    for publish in publishes {
        send_answer(publish.answer, Err(fault.clone()));
    }
}

/// Answers a caller. That wakes its task, and a waker is user code: its panic must not end the thread.
pub(super) fn send_answer<A>(sender: oneshot::Sender<A>, answer: A) {
    guarded("the waker of a task that waits for the disk", || drop(sender.send(answer)));
}
