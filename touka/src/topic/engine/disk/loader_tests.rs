//! Tests of [`Loader`].

use std::sync::Arc;
use std::time::Duration;

use super::disk_fault::StoreError;
use super::loader::{Loader, MAX_REPEATS, read_again};
use super::record;
use super::scratch::Scratch;
use super::shared_store::SharedStore;
use crate::event::Event;
use crate::topic::cache::{Cache, CacheShare, Caches};
use crate::topic::encoded::Draft;
use crate::topic::engine::Tail;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Mark, Tag};
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;
use crate::topic::stored::unix_time;

/// A file with a topic whose events have these ages in minutes and this key.
fn store(scratch: &Scratch, ages: &[i64], key: Option<&str>) -> Arc<SharedStore> {
    let store = SharedStore::open(scratch.path(), false).unwrap();
    let (draft, time) = (Draft::of(Event::data("x")).unwrap(), unix_time());
    let written = store.write(
        |store| {
            store.write(true, |tables| {
                let row = tables.add("a", store.epoch("a")?, Mark::default())?;
                (1..).zip(ages).try_for_each(|(offset, age)| {
                    let time = time.saturating_add_signed(-age * 60_000);
                    let keys = EventKeys { key, once: None };
                    tables.put(&row, offset, &record::of_draft(Tag::from_bits(1), time, None, keys, &draft))
                })
            })
        },
        || {},
    );
    written.unwrap();
    Arc::new(store)
}

fn load(scratch: &Scratch, store: Arc<SharedStore>, log: &Arc<SharedLog>) {
    let tail = Tail::new(log, &Arc::<EpochIndex>::default());
    Loader::new(scratch.path().into(), store, Arc::default()).load(&tail).unwrap();
}

fn offsets(log: &SharedLog) -> Vec<u64> {
    log.lock().log.after(0).map(|entry| entry.mark.offset).collect()
}

#[test]
fn events_keep_their_age_when_they_are_loaded() {
    let scratch = Scratch::new("age");
    // The clock was set back after the last one.
    let store = store(&scratch, &[90, 61, 59, 0, -5], None);
    let log = Arc::new(SharedLog::new("a", Retention::new().age(Duration::from_hours(1))));
    load(&scratch, store, &log);
    assert_eq!(offsets(&log), [3, 4, 5]);
}

/// Publishes may trim a topic further than to where a reader has asked for events.
#[test]
fn a_reader_that_is_overtaken_does_not_change_what_is_kept() {
    let scratch = Scratch::new("overtaken");
    let store = store(&scratch, &[0; 5], None);
    let log = Arc::new(SharedLog::new("a", Retention::new().events(2)));
    log.lock().log.set_cache(CacheShare::new(Arc::new(Caches::new(Cache::new()))));
    let tail = Tail::new(&log, &Arc::<EpochIndex>::default());
    let mut loader = Loader::new(scratch.path().into(), store, Arc::default());
    loader.load(&tail).unwrap();
    let mut before = |until| {
        let events = loader.before(&tail, 0, until, usize::MAX).unwrap();
        (events.len(), tail.kept().map(|kept| (kept.offset, kept.tag.bits())))
    };
    assert_eq!([1, 2].map(&mut before), [(0, Some((0, 0))); 2]);
    // The event before the oldest that is retained is read, so that its tag is known.
    assert_eq!([3, 4].map(before), [(0, Some((3, 1))), (1, Some((3, 1)))]);
}

/// The writer closes the database when a write fails, also while a topic is read.
#[test]
fn a_read_is_repeated_if_a_write_fails_meanwhile() {
    let scratch = Scratch::new("meanwhile");
    let store = store(&scratch, &[0], None);
    let log = Arc::new(SharedLog::new("a", Retention::new()));
    let tail = Tail::new(&log, &Arc::<EpochIndex>::default());
    let mut loader = Loader::new(scratch.path().into(), Arc::clone(&store), Arc::default());
    let mut read = |failures| {
        let mut reads = 0;
        let done = loader.read(&tail, |_| {
            reads += 1;
            if reads <= failures { Err(redb::Error::PreviousIo.into()) } else { Ok(()) }
        });
        (done.is_ok(), reads)
    };
    assert_eq!(read(1), (true, 2));
    // If all of them fail, the topic is not refused later.
    assert_eq!([read(100), read(0)], [(false, MAX_REPEATS + 1), (true, 1)]);
    // The store is closed after the check that it can be read.
    store.write(|_| Err::<(), _>(StoreError::Damaged("a failure".into())), || {}).unwrap_err();
    assert!(store.read(|_| Ok(())).is_err_and(|error| error.is_of_another_use()));
    read_again(&store, |_| Ok(())).unwrap();
}

/// Older versions did not limit the length of keys.
#[test]
fn events_with_keys_beyond_the_limit_are_loaded() {
    let scratch = Scratch::new("key");
    let key = "k".repeat(100_000);
    let log = Arc::new(SharedLog::new("a", Retention::new()));
    load(&scratch, store(&scratch, &[0], Some(&key)), &log);
    assert_eq!(log.lock().log.newest_of(&key), Some(1));
}
