//! [`Superseded`], which events of a file are superseded by newer ones with the same key, also those that are gone.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError, Value, WriteTransaction};

use super::database::{EVENTS, NEWEST, SPARED};
use super::disk_fault::StoreError;
use super::key_tables::KeyTables;
use super::record::Record;
use super::row::Row;
use crate::topic::position::{Mark, Tag};

/// The maximum number of trimmed events of a topic whose tags are kept.
const MAX_SPARED: usize = 4096;

/// The maximum number of events that are read for one client. They are still in the file, and no longer retained.
const MAX_READ: usize = 4096;

/// The events that a trim removes, the oldest first.
///
/// The marks of trimmed events that are followed by superseded ones only are kept in [`SPARED`]: a client that has seen one
/// of them, and wants the newest event of each key, has missed nothing. The topic's tail is among them. If it is not, the
/// others are out of date.
pub(super) struct Superseded {
    number: u64,
    /// The mark of the last event that is not superseded, and those of the superseded ones after it: at most
    /// [`MAX_SPARED`]. The first one is that of the topic's tail before the trim if all events are superseded.
    marks: VecDeque<Mark>,
    has_lost: bool,
}

impl Superseded {
    pub(super) fn new(row: &Row) -> Self {
        Self { number: row.number, marks: VecDeque::from([row.tail]), has_lost: false }
    }

    /// Adds an event that is about to be removed.
    pub(super) fn add(&mut self, keys: &mut KeyTables<'_>, offset: u64, record: &Record<'_>) -> Result<(), StoreError> {
        let newest = record.keys.key.map(|key| keys.newest_of(self.number, key)).transpose()?.flatten();
        if newest.is_none_or(|newest| newest <= offset) {
            self.marks.clear();
            self.has_lost = true;
        } else if self.marks.len() == MAX_SPARED {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { offset, tag: record.tag });
        Ok(())
    }

    /// Writes the marks.
    pub(super) fn write(self, writing: &WriteTransaction) -> Result<(), StoreError> {
        let Self { number, marks, has_lost } = self;
        let (Some(first), Some(last)) = (marks.front(), marks.back()) else { return Ok(()) };
        if first == last {
            // No proof is needed of a client that has seen the tail. The marks in the table are out of date from now on.
            return Ok(());
        }
        let mut spared = writing.open_table(SPARED)?;
        let is_up_to_date = !has_lost && spared.get((number, first.offset))?.is_some();
        let oldest = if is_up_to_date { 0 } else { first.offset };
        let oldest = oldest.max(last.offset.saturating_sub(MAX_SPARED as u64));
        spared.retain_in((number, 0)..(number, oldest), |_, _| false)?;
        for mark in marks {
            spared.insert((number, mark.offset), mark.tag.bits())?;
        }
        Ok(())
    }
}

/// The tag of the event at the offset `from`, if all events after it up to the first offset of `newer` are superseded by
/// newer ones, up to its last offset.
pub(super) fn superseded_after(
    reading: &ReadTransaction,
    row: &Row,
    from: u64,
    newer: RangeInclusive<u64>,
) -> Result<Option<Tag>, StoreError> {
    let (until, acknowledged) = newer.into_inner();
    // Without the tables, no event has ever had a key or was superseded, or an older version has written them.
    let (Some(newest), events) = (open(reading, NEWEST)?, reading.open_table(EVENTS)?) else { return Ok(None) };
    let tag = match from.cmp(&row.tail.offset) {
        Ordering::Less => {
            let Some(spared) = open(reading, SPARED)? else { return Ok(None) };
            if spared.get((row.number, row.tail.offset))?.is_none() {
                return Ok(None);
            }
            spared.get((row.number, from))?.map(|tag| Tag::from_bits(tag.value()))
        }
        Ordering::Equal => Some(row.tail.tag),
        Ordering::Greater => {
            events.get((row.number, from))?.and_then(|raw| Record::parse(raw.value()).map(|record| record.tag))
        }
    };
    // These have exceeded the retention and are still in the file.
    let mut next = from.max(row.tail.offset) + 1;
    if next > until {
        return Ok(tag);
    }
    for (count, event) in events.range((row.number, next)..=(row.number, until))?.enumerate() {
        let (place, raw) = event?;
        let offset = place.value().1;
        let Some(key) = Record::parse(raw.value()).and_then(|record| record.keys.key) else { return Ok(None) };
        let newer = newest.get((row.number, key))?.map_or(0, |newer| newer.value());
        if newer <= offset || newer > acknowledged || offset != next || count == MAX_READ {
            return Ok(None);
        }
        next += 1;
    }
    Ok(tag.filter(|_| next > until))
}

/// Opens a table, if there is one.
fn open<K: Key, V: Value>(
    reading: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, StoreError> {
    match reading.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
