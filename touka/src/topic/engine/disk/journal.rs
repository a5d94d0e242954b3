//! [`Journal`], the events that are acknowledged and not certain to be in the file.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::disk_fault::StoreError;
use super::tables::Tables;
use crate::sync::Mutex;
use crate::topic::position::{Epoch, Mark};

/// The ends of the topics that were written since the last transaction that is certain to be on the disk.
///
/// When the database is closed by a failure and opened again, it may lack events that were acknowledged, and have others
/// that were not.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<HashMap<Arc<str>, Pending>>);

/// The end of one topic.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) epoch: Epoch,
    /// The mark of the newest event that is certain to be in the file.
    pub(super) before: Mark,
    /// The acknowledged events after that, each with its record.
    pub(super) events: Vec<(Mark, Bytes)>,
    /// The maximum age of the topic's events, in milliseconds, if it is not certain to be in the file.
    pub(super) age: Option<u64>,
}

impl Pending {
    /// A topic whose newest event has this mark.
    pub(super) const fn after(epoch: Epoch, before: Mark) -> Self {
        Self { epoch, before, events: Vec::new(), age: None }
    }

    /// The mark of the newest event that is acknowledged.
    pub(super) fn newest(&self) -> Mark {
        self.events.last().map_or(self.before, |(mark, _)| *mark)
    }

    /// Whether any event of the topic was ever acknowledged.
    pub(super) const fn is_topic(&self) -> bool {
        self.before.offset > 0 || !self.events.is_empty()
    }
}

impl Journal {
    /// Adds what was acknowledged of a topic. If nothing was, the entry keeps what may be in the file from being read.
    pub(super) fn add(&self, name: &Arc<str>, added: Pending) {
        let mut topics = self.0.lock();
        let pending = topics.entry(Arc::clone(name)).or_insert(Pending::after(added.epoch, added.before));
        pending.events.extend(added.events);
        pending.age = added.age.or(pending.age);
    }

    /// Forgets everything: it is on the disk.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(super) fn of(&self, name: &str) -> Option<Pending> {
        self.0.lock().get(name).cloned()
    }

    /// The name of the topic with this epoch.
    pub(super) fn name_of(&self, epoch: Epoch) -> Option<String> {
        let topics = self.0.lock();
        let found = topics.iter().find(|(_, pending)| pending.epoch == epoch && pending.is_topic());
        found.map(|(name, _)| (**name).to_owned())
    }

    /// Whether the topic with this name has events, or had some.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.lock().get(name).is_some_and(Pending::is_topic)
    }

    /// Makes the topics in the file end as they were acknowledged. Only differences are written: a disk that was full may
    /// have little free space.
    pub(super) fn reconcile(&self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        self.0.lock().iter().try_for_each(|(name, pending)| pending.reconcile(tables, name))
    }
}

impl Pending {
    fn reconcile(&self, tables: &mut Tables<'_>, name: &str) -> Result<(), StoreError> {
        let row = match tables.topic(name)? {
            Some(row) => row,
            None if !self.is_topic() => return Ok(()),
            // A removal that was reported as failed has succeeded: the topic goes on without its events.
            None => tables.add(name, self.epoch, self.before)?,
        };
        tables.cut(&row, self.before.offset.max(row.tail.offset))?;
        for (mark, record) in self.events.iter().filter(|(mark, _)| mark.offset > row.tail.offset) {
            tables.put(&row, mark.offset, record)?;
        }
        if let Some(age) = self.age {
            tables.set_age(&row, age)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::engine::disk::shared_store::SharedStore;
    use crate::topic::position::Tag;

    fn mark(offset: u64) -> Mark {
        Mark { offset, tag: Tag::from_bits(u32::try_from(offset).unwrap()) }
    }

    #[test]
    fn a_topic_ends_as_it_was_acknowledged() {
        let scratch = Scratch::new("journal");
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let epoch = store.read(|store| store.epoch("a")).unwrap();
        // The offsets in the file, the tail of the topic there, and the offsets that are expected.
        let cases: [(&[u64], u64, &[u64]); 5] = [
            (&[1, 2, 3], 0, &[1, 2, 3, 4, 5]),
            (&[1, 2, 3, 4, 5, 6], 0, &[1, 2, 3, 4, 5]),
            (&[3, 4], 2, &[3, 4, 5]),
            (&[5, 6], 4, &[5]),
            (&[], 0, &[4, 5]),
        ];
        let journal = Journal::default();
        let events = |offsets: std::ops::RangeInclusive<u64>| offsets.map(|at| (mark(at), Bytes::from("event")));
        journal.add(&"a".into(), Pending { events: events(4..=4).collect(), ..Pending::after(epoch, mark(3)) });
        journal.add(&"a".into(), Pending { events: events(5..=5).collect(), ..Pending::after(epoch, mark(4)) });
        journal.add(&"new".into(), Pending::after(epoch, Mark::default()));
        for (there, tail, expected) in cases {
            let read = store.write(
                |store| {
                    store.write(true, |tables| {
                        if tables.topic("a")?.is_some() {
                            tables.remove("a")?;
                        }
                        if !there.is_empty() {
                            let row = tables.add("a", epoch, mark(tail))?;
                            there.iter().try_for_each(|at| tables.put(&row, *at, b"event"))?;
                        }
                        journal.reconcile(tables)
                    })?;
                    let push = |read: &mut (u64, Vec<u64>), at, _: &[u8]| {
                        read.1.push(at);
                        Ok(())
                    };
                    Ok((store.read("a", |row| (row.tail.offset, Vec::new()), push)?, store.has("new")?))
                },
                || {},
            );
            let tail = if there.is_empty() { 3 } else { tail };
            assert_eq!(read.unwrap(), (Some((tail, expected.to_vec())), false), "{there:?}");
        }
    }
}
