//! [`KeyTables`], the indexes of a file's events by their keys.

use std::ops::RangeInclusive;

use redb::{ReadableTable, Table, WriteTransaction};

use super::database::{NEWEST, ONCE};
use super::disk_fault::StoreError;
use crate::topic::event_keys::EventKeys;

/// The indexes of events by their keys, each opened for the first event with such a key.
pub(super) struct KeyTables<'t> {
    writing: &'t WriteTransaction,
    newest: Option<KeyTable<'t>>,
    once: Option<KeyTable<'t>>,
}

/// Offsets of events by the number of their topic and a key.
type KeyTable<'t> = Table<'t, (u64, &'static str), u64>;

impl<'t> KeyTables<'t> {
    pub(super) const fn new(writing: &'t WriteTransaction) -> Self {
        Self { writing, newest: None, once: None }
    }

    fn newest(&mut self) -> Result<&mut KeyTable<'t>, StoreError> {
        Ok(match &mut self.newest {
            Some(table) => table,
            none => none.insert(self.writing.open_table(NEWEST)?),
        })
    }

    fn once(&mut self) -> Result<&mut KeyTable<'t>, StoreError> {
        Ok(match &mut self.once {
            Some(table) => table,
            none => none.insert(self.writing.open_table(ONCE)?),
        })
    }

    /// The offset of the newest event of a topic with this key.
    pub(super) fn newest_of(&mut self, number: u64, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.newest()?.get((number, key))?.map(|newest| newest.value()))
    }

    /// The offset of the newest event of a topic with this idempotency key.
    pub(super) fn once_of(&mut self, number: u64, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.once()?.get((number, key))?.map(|newest| newest.value()))
    }

    /// Adds the keys of an event.
    pub(super) fn put(&mut self, number: u64, keys: &EventKeys<'_>, offset: u64) -> Result<(), StoreError> {
        if let Some(key) = keys.key {
            self.newest()?.insert((number, key), offset)?;
        }
        if let Some(key) = keys.once {
            self.once()?.insert((number, key), offset)?;
        }
        Ok(())
    }

    /// Removes the keys of an event, unless they belong to an event without one of these offsets, too.
    pub(super) fn forget(
        &mut self,
        number: u64,
        keys: &EventKeys<'_>,
        offsets: &RangeInclusive<u64>,
    ) -> Result<(), StoreError> {
        if let Some(key) = keys.key {
            forget(self.newest()?, (number, key), offsets)?;
        }
        if let Some(key) = keys.once {
            forget(self.once()?, (number, key), offsets)?;
        }
        Ok(())
    }
}

fn forget(table: &mut KeyTable<'_>, key: (u64, &str), offsets: &RangeInclusive<u64>) -> Result<(), StoreError> {
    let is_gone = table.get(key)?.is_some_and(|offset| offsets.contains(&offset.value()));
    if is_gone {
        table.remove(key)?;
    }
    Ok(())
}
