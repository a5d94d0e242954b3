//! [`IdleTrim`], which finds events on disk that have become too old, even in topics that are not in use.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::disk_fault::StoreError;
use super::head::Heads;
use super::record::Record;
use super::store::Store;
use super::tables::Tables;
use crate::topic::position::Mark;

/// The minimum time between two passes. The time after a long pass is longer, so that passes take at most a fiftieth of
/// the thread's time.
const PASS_PAUSE: Duration = Duration::from_secs(1);

/// The time between two turns of a pass.
const TURN_PAUSE: Duration = Duration::from_millis(5);

/// The time after a failure before the next pass.
const FAILURE_PAUSE: Duration = Duration::from_secs(30);

/// The limits of one turn. Publishes wait while it runs.
const MAX_TOPICS: usize = 256;
const MAX_EVENTS: usize = 1024;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Schedules passes, each of which goes through all topics of the file, in turns, when an event may have become too
/// old. A pass reads the times of the records, so the topics need not be in memory.
pub(super) struct IdleTrim {
    /// The time of the next turn. `None` if no event can become too old.
    at: Option<Instant>,
    /// The earliest time of the next pass.
    rests_until: Instant,
    /// The topic that the next turn begins with. `None` before the first turn of a pass.
    from: Option<Box<str>>,
    /// The earliest time at which an event becomes too old, of those that this pass has seen or that were published
    /// since. In milliseconds of Unix time.
    next: u64,
    /// The time that the turns of this pass have taken.
    elapsed: Duration,
}

/// The events of one topic that are too old: all up to a mark.
pub(super) struct Expired {
    name: Box<str>,
    number: u64,
    upto: Mark,
}

impl IdleTrim {
    pub(super) fn new(now: Instant) -> Self {
        let rests_until = now + PASS_PAUSE;
        Self { at: Some(rests_until), rests_until, from: None, next: u64::MAX, elapsed: Duration::ZERO }
    }

    /// The time of the next turn.
    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Schedules a pass for a topic whose oldest event will be too old at `expires`. Times are in milliseconds of Unix time.
    pub(super) fn schedule(&mut self, time: u64, expires: u64, now: Instant) {
        if expires < self.next {
            self.next = expires;
            // A pass that is in progress has its next turn scheduled already.
            if self.from.is_none() {
                let at = now + Duration::from_millis(expires.saturating_sub(time)).min(Duration::from_hours(24));
                let at = at.max(self.rests_until);
                self.at = Some(self.at.map_or(at, |planned| planned.min(at)));
            }
        }
    }

    /// Takes one turn and returns the events that are too old at `time`, in milliseconds of Unix time.
    pub(super) fn take_turn(&mut self, store: &Store, time: u64) -> Result<Vec<Expired>, StoreError> {
        let started = Instant::now();
        if self.from.is_none() {
            (self.next, self.elapsed) = (u64::MAX, Duration::ZERO);
        }
        let (mut found, mut next) = (Vec::new(), self.next);
        let mut budget = TurnBudget { topics: MAX_TOPICS, events: MAX_EVENTS, bytes: MAX_BYTES };
        let stopped = store.scan(self.from.as_deref(), |name, row, age, mut events| {
            // The newest event stays, however old it is.
            if events.next_back().transpose()?.is_none() {
                return Ok(budget.topic(name));
            }
            let mut upto = None;
            for event in events {
                let (key, bytes) = event?;
                let offset = key.value().1;
                let record = Record::read(bytes.value());
                let expires = record.time.saturating_add(age);
                if expires >= time {
                    next = next.min(expires);
                    break;
                }
                upto = Some(Mark { offset, tag: record.tag });
                if !budget.event(bytes.value().len()) {
                    break;
                }
            }
            found.extend(upto.map(|upto| Expired { name: name.into(), number: row.number, upto }));
            Ok(budget.topic(name))
        })?;
        self.next = next;
        self.elapsed += started.elapsed();
        let now = Instant::now();
        self.from = stopped;
        self.at = if self.from.is_some() {
            Some(now + TURN_PAUSE)
        } else {
            self.rests_until = now + PASS_PAUSE.max(self.elapsed * 50);
            (self.next != u64::MAX).then(|| {
                let wait = Duration::from_millis(self.next.saturating_sub(time)).min(Duration::from_hours(24));
                (now + wait).max(self.rests_until)
            })
        };
        Ok(found)
    }

    /// Removes the events that [`IdleTrim::take_turn`] has found.
    pub(super) fn remove(tables: &mut Tables<'_>, found: &[Expired], heads: &mut Heads) -> Result<(), StoreError> {
        for Expired { name, number, upto } in found {
            if let Some(row) = tables.topic(name)?
                && row.number == *number
                && row.tail.offset < upto.offset
            {
                match heads.get_mut(name) {
                    Some(head) => head.trim(tables, name, |head| head.tail().offset < upto.offset)?,
                    None => tables.trim(name, &row, *upto)?,
                }
            }
        }
        Ok(())
    }

    /// Abandons the pass after a failure. The next one begins after [`FAILURE_PAUSE`].
    pub(super) fn give_up(&mut self, now: Instant) {
        self.rests_until = now + FAILURE_PAUSE;
        (self.at, self.from) = (Some(self.rests_until), None);
    }
}

/// The rest of a turn's limits.
struct TurnBudget {
    topics: usize,
    events: usize,
    bytes: usize,
}

impl TurnBudget {
    fn event(&mut self, bytes: usize) -> bool {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        !self.is_used_up()
    }

    const fn is_used_up(&self) -> bool {
        self.events == 0 || self.bytes == 0
    }

    /// Counts a topic. If the turn ends with it, the next turn begins with it, because it may have more events than one
    /// turn visits.
    fn topic(&mut self, name: &str) -> ControlFlow<Box<str>> {
        self.topics = self.topics.saturating_sub(1);
        if self.topics == 0 || self.is_used_up() { ControlFlow::Break(name.into()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::Event;
    use crate::topic::encoded::Draft;
    use crate::topic::engine::disk::record;
    use crate::topic::engine::disk::scratch::Scratch;
    use crate::topic::engine::disk::shared_store::SharedStore;
    use crate::topic::event_keys::EventKeys;
    use crate::topic::position::Tag;

    const AN_HOUR: u64 = 3_600_000;

    /// A store with topics. Each has a maximum age and the times of its events, in hours.
    fn store(scratch: &Scratch, topics: &[(&str, Option<u64>, &[u64])]) -> SharedStore {
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let draft = Draft::of(Event::data("x")).unwrap();
        let add = |store: &Store, tables: &mut Tables<'_>| {
            for (name, age, times) in topics {
                let row = tables.add(name, store.epoch(name)?, Mark::default())?;
                if let Some(age) = age {
                    tables.set_age(&row, age.saturating_mul(AN_HOUR))?;
                }
                for (offset, time) in (1..).zip(*times) {
                    let tag = Tag::from_bits(u32::try_from(offset).unwrap());
                    let record = record::of_draft(tag, time * AN_HOUR, None, EventKeys::default(), &draft);
                    tables.put(&row, offset, &record)?;
                }
            }
            Ok(())
        };
        store.write(|store| store.write(true, |tables| add(store, tables)), || {}).unwrap();
        store
    }

    /// Takes a turn at this hour and returns the number of topics that it has trimmed.
    fn turn(trim: &mut IdleTrim, store: &SharedStore, hour: u64) -> usize {
        let found = store.read(|store| trim.take_turn(store, hour * AN_HOUR)).unwrap();
        let mut heads = Heads::default();
        let remove = |store: &Store| store.write(true, |tables| IdleTrim::remove(tables, &found, &mut heads));
        store.write(remove, || {}).unwrap();
        found.len()
    }

    /// The offsets of the events of each topic.
    fn kept(store: &SharedStore, names: &[&str]) -> BTreeMap<String, Vec<u64>> {
        let offsets = |name: &&str| {
            let read = store.read(|store| {
                store.read(
                    name,
                    |row| (row.tail, Vec::new()),
                    |(_, offsets), offset, _| {
                        offsets.push(offset);
                        Ok(())
                    },
                )
            });
            let (tail, offsets) = read.unwrap().unwrap();
            assert_eq!((tail.offset + 1, tail.tag.bits()), (offsets[0], u32::try_from(tail.offset).unwrap()));
            ((*name).to_owned(), offsets)
        };
        names.iter().map(offsets).collect()
    }

    #[test]
    fn old_events_are_removed_except_the_newest() {
        let scratch = Scratch::new("idle");
        let store = store(
            &scratch,
            &[
                ("all", Some(1), &[1, 1, 2, 2]),
                ("ever", Some(u64::MAX), &[1, 1]),
                ("none", None, &[1, 1]),
                // The clock was set back.
                ("back", Some(1), &[1, 50, 1, 51]),
                ("some", Some(9), &[10, 11, 12, 13]),
            ],
        );
        let mut trim = IdleTrim::new(Instant::now());
        assert_eq!(turn(&mut trim, &store, 20), 3);
        let expected = [
            ("all", vec![4]),
            ("ever", vec![1, 2]),
            ("none", vec![1, 2]),
            ("back", vec![2, 3, 4]),
            ("some", vec![2, 3, 4]),
        ];
        let names = expected.each_ref().map(|(name, _)| *name);
        assert_eq!(kept(&store, &names), expected.map(|(name, offsets)| (name.to_owned(), offsets)).into());
        // The next event to expire is that of hour 11, just after hour 20.
        assert_eq!(trim.next, 20 * AN_HOUR);
        assert_eq!(turn(&mut trim, &store, 21), 1);
        assert_eq!(turn(&mut trim, &store, 21), 0);
        assert_eq!(turn(&mut trim, &store, 100), 2);
        assert_eq!(turn(&mut trim, &store, 1000), 0);
        // No event is left that could become too old.
        assert_eq!(trim.at(), None);
        assert_eq!(kept(&store, &["back", "some"]).into_values().collect::<Vec<_>>(), [[4], [4]]);
    }

    #[test]
    fn turns_are_bounded_and_visit_every_event() {
        let scratch = Scratch::new("turns");
        let names: Vec<String> = (0..600).map(|number| format!("{number:03}")).collect();
        let mut topics: Vec<(&str, Option<u64>, &[u64])> =
            names.iter().map(|name| (name.as_str(), Some(1), &[1, 1][..])).collect();
        let many = vec![1; 2500];
        topics.push(("m", Some(1), &many));
        let store = store(&scratch, &topics);
        let mut trim = IdleTrim::new(Instant::now());
        let mut turns = Vec::new();
        while turns.is_empty() || trim.from.is_some() {
            turns.push(turn(&mut trim, &store, 100));
        }
        // Each turn visits 255 new topics and one again, then 1,024 events of the large one.
        assert_eq!(turns, [256, 255, 90, 1, 1]);
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["m"]).collect();
        assert!(kept(&store, &names).into_values().all(|offsets| offsets.len() == 1));
        assert_eq!(trim.at(), None);
    }

    #[test]
    fn a_publish_schedules_a_pass() {
        let now = Instant::now();
        let mut trim = IdleTrim { at: None, ..IdleTrim::new(now) };
        trim.schedule(5_000, u64::MAX, now);
        assert_eq!(trim.at(), None);
        trim.schedule(5_000, 65_000, now);
        assert_eq!(trim.at(), Some(now + Duration::from_mins(1)));
        // Not later, not at once, and not at a time that overflows the clock.
        trim.schedule(5_000, 66_000, now);
        assert_eq!(trim.at(), Some(now + Duration::from_mins(1)));
        trim.schedule(5_000, 5_000, now);
        assert_eq!(trim.at(), Some(now + PASS_PAUSE));
        // Not before the end of the pause after a pass or a failure.
        let mut trim = IdleTrim { at: None, ..IdleTrim::new(now) };
        trim.give_up(now);
        trim.schedule(5_000, 5_000, now);
        assert_eq!(trim.at(), Some(now + FAILURE_PAUSE));
        let mut trim = IdleTrim { at: None, ..IdleTrim::new(now) };
        trim.schedule(0, u64::MAX - 1, now);
        assert!(trim.at().is_some_and(|at| at > now + Duration::from_hours(1)));
    }
}
