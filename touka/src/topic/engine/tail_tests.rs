use std::sync::Arc;

use super::feed_end::FeedEnd;
use super::newest_events::NewestEvents;
use super::tail::Tail;
use crate::error::CloseReason;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position, Tag};
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;
use crate::topic::stored::{Stored, unix_time};

const EPOCH: Epoch = Epoch::from_bits(7);

fn mark(offset: u64) -> Mark {
    Mark { offset, tag: Tag::from_bits(u32::try_from(offset).unwrap_or(0)) }
}

fn event(epoch: Epoch, previous: u64, offset: u64) -> Stored {
    let position = Position { epoch, mark: mark(offset) };
    Stored::new(position, mark(previous), unix_time(), EventKeys::default(), b"data: x\n\n")
}

fn newest(previous: u64, events: Vec<Stored>, head: u64, ends: u64) -> NewestEvents {
    NewestEvents { head: Position { epoch: EPOCH, mark: mark(head) }, previous: mark(previous), events, ends }
}

fn log() -> (Arc<SharedLog>, Tail) {
    let log = Arc::new(SharedLog::new("topic", Retention::new()));
    let tail = Tail::new(&log, &Arc::default());
    (log, tail)
}

/// The offset before the first event of a log that was reset.
fn reset(newest: NewestEvents) -> u64 {
    let (log, tail) = log();
    let head = newest.head;
    assert!(tail.reset(tail.head().unwrap(), newest));
    assert_eq!(tail.head(), Some(head));
    log.lock().log.tail().offset
}

#[test]
fn a_reset_takes_events_that_follow_each_other() {
    assert_eq!(reset(newest(2, vec![event(EPOCH, 2, 3), event(EPOCH, 3, 7)], 7, 0)), 2);
}

#[test]
fn a_reset_takes_no_events_with_a_hole() {
    assert_eq!(reset(newest(0, vec![event(EPOCH, 0, 1), event(EPOCH, 2, 3)], 3, 0)), 3);
    assert_eq!(reset(newest(1, vec![event(EPOCH, 2, 3)], 3, 0)), 3);
}

#[test]
fn a_reset_takes_no_events_of_another_epoch() {
    assert_eq!(reset(newest(0, vec![event(Epoch::from_bits(8), 0, 1)], 1, 0)), 1);
}

/// The message of an end may come after a read that counts it.
#[test]
fn a_reset_hides_no_end_of_a_feed() {
    let (log, tail) = log();
    assert!(tail.reset(tail.head().unwrap(), newest(0, Vec::new(), 1, 4)));
    assert!(tail.reset(tail.head().unwrap(), newest(0, Vec::new(), 2, 5)));
    assert_eq!(log.lock().log.engine_ends(), Some(4));
}

/// A store that has lost all begins another epoch, and may count the ends anew. Those that a log has not been told of count
/// for its streams.
#[test]
fn an_end_of_another_epoch_is_not_known() {
    let (log, tail) = log();
    assert!(tail.reset(tail.head().unwrap(), newest(0, Vec::new(), 1, 4)));
    let head = Position { epoch: Epoch::from_bits(8), mark: Mark::default() };
    assert!(tail.reset(tail.head().unwrap(), NewestEvents { head, ..newest(0, Vec::new(), 0, 1) }));
    let ends = || log.lock().log.version().ends;
    let before = ends();
    for _ in 0..2 {
        tail.end_feed(FeedEnd { number: 1, at: 0, reason: CloseReason::Completed, last: None });
        assert_eq!(ends(), before + 1);
    }
}

/// An engine that loses its events gives the log another epoch each time.
#[test]
fn a_log_is_found_by_its_last_epoch_only() {
    let index = Arc::<EpochIndex>::default();
    let [log, other] = [(); 2].map(|()| Arc::new(SharedLog::new("topic", Retention::new())));
    let reset = |log, bits| {
        let tail = Tail::new(log, &index);
        let head = Position { epoch: Epoch::from_bits(bits), mark: Mark::default() };
        assert!(tail.reset(tail.head().unwrap(), NewestEvents { head, ..newest(0, Vec::new(), 0, 0) }));
    };
    let is_found = |bits, log| index.get(Epoch::from_bits(bits)).is_some_and(|found| Arc::ptr_eq(&found, log));
    for bits in 1..100 {
        reset(&log, bits);
        assert!(is_found(bits, &log) && index.get(Epoch::from_bits(bits - 1)).is_none());
    }
    // Another log gets the epoch first.
    reset(&other, 99);
    reset(&log, 100);
    assert!(is_found(99, &other) && is_found(100, &log));
}
