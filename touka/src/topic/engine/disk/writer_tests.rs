//! Tests of [`Writer`].

use std::sync::Arc;

use tokio::sync::oneshot;

use super::head::Head;
use super::queue::jobs;
use super::record::Record;
use super::scratch::Scratch;
use super::shared_store::SharedStore;
use super::write_batch::{Publish, WriteJob, batches};
use super::writer::Writer;
use crate::event::Event;
use crate::topic::disk::Durability;
use crate::topic::encoded::Draft;
use crate::topic::engine::Tail;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::event_keys::KeptKeys;
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;

/// Runs a writer with publishes of numbers. Those that `stays` returns false for are dropped by their callers.
fn publish(
    store: &Arc<SharedStore>,
    log: &Arc<SharedLog>,
    retention: Retention,
    numbers: std::ops::Range<usize>,
    stays: impl Fn(usize) -> bool,
) -> Vec<u64> {
    let (jobs, queue) = jobs();
    let (mut answers, mut queued) = (Vec::new(), Vec::new());
    for number in numbers.clone() {
        let (answer, answered) = oneshot::channel();
        answers.extend(stays(number).then_some(answered));
        let draft = Draft::of(Event::data(number.to_string())).unwrap();
        let tail = Tail::new(log, &Arc::<EpochIndex>::default());
        let publish = Publish { tail, retention, draft, keys: KeptKeys::default(), answer };
        queued.extend(jobs.send(WriteJob::Publish(publish)));
    }
    drop(jobs);
    let (journal, active) = (Arc::default(), Arc::default());
    Writer::new("file".into(), Durability::Immediate, Arc::clone(store), journal, active).run(&queue);
    // No reference to the log is leaked.
    assert_eq!(Arc::strong_count(log), 1);
    answers.into_iter().map(|answer| answer.blocking_recv().unwrap().unwrap().mark.offset).collect()
}

/// The data of all events of the topic in the file.
fn written(store: &SharedStore) -> Vec<String> {
    let push = |data: &mut Vec<String>, _, bytes: &[u8]| {
        let wire = Record::parse(bytes).unwrap().wire;
        data.push(String::from_utf8_lossy(wire).trim().replace("data: ", ""));
        Ok(())
    };
    store.read(|store| store.read("a", |_| Vec::new(), push)).unwrap().unwrap()
}

#[test]
fn publishes_whose_callers_have_left_are_not_written() {
    let scratch = Scratch::new("abandoned");
    let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
    let log = Arc::new(SharedLog::new("a", Retention::new()));
    let offsets = publish(&store, &log, Retention::new(), 0..10, |number| number % 3 == 0);
    assert_eq!(offsets, [1, 2, 3, 4]);
    assert_eq!(written(&store), ["0", "3", "6", "9"]);
}

/// A topic that is published to and not read stays out of memory, and its retention applies in the file.
#[test]
fn a_topic_that_is_not_read_is_trimmed_in_the_file() {
    let scratch = Scratch::new("unread");
    let store = Arc::new(SharedStore::open(scratch.path(), false).unwrap());
    let log = Arc::new(SharedLog::new("a", Retention::new()));
    let three = Retention::new().events(3);
    assert_eq!(publish(&store, &log, three, 0..5, |_| true), [1, 2, 3, 4, 5]);
    // The events of one transaction leave the file with the next one.
    assert_eq!(publish(&store, &log, three, 5..6, |_| true), [6]);
    assert_eq!(written(&store), ["2", "3", "4", "5"]);
    assert!(log.lock().log.is_empty());
    // Each event has 39 bytes as a chunk, and the newest one stays.
    for (bytes, kept) in [(2 * 39, ["4", "5", "6"].as_slice()), (39, &["6", "7"]), (0, &["7", "8"])] {
        let number = kept.last().unwrap().parse().unwrap();
        publish(&store, &log, Retention::new().bytes(bytes), number..number + 1, |_| true);
        assert_eq!(written(&store), kept, "{bytes} bytes");
    }
}

/// The newest event of a topic stays, however old it is, and leaves the file soon after another one is published.
#[test]
fn a_topic_expires_with_its_oldest_event() {
    let scratch = Scratch::new("oldest");
    let store = SharedStore::open(scratch.path(), false).unwrap();
    let log = Arc::new(SharedLog::new("a", Retention::new()));
    let expires = |time| {
        let (tail, (answer, _)) = (Tail::new(&log, &Arc::<EpochIndex>::default()), oneshot::channel());
        let (retention, draft) = (Retention::new(), Draft::of(Event::data("x")).unwrap());
        let publish = Publish { tail, retention, draft, keys: KeptKeys::default(), answer };
        let head = |name: &Arc<str>| Ok(store.read(|store| Head::read(store, name)).unwrap());
        let mut batch = batches(vec![publish], head).remove(0);
        store.write(|store| store.write(true, |tables| batch.write(tables, time)), || {}).unwrap();
        batch.expires()
    };
    let hours = |hours: u64| hours * 3_600_000;
    assert_eq!([1, 9, 10].map(|hour| expires(hours(hour))), [2, 2, 10].map(hours));
}
