//! [`IdleTrim`], which finds what has become too old on disk while nobody uses its topic.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::fault::Trouble;
use super::record::Record;
use super::store::{Store, Tables};
use crate::topic::position::Mark;

/// How long there is between two passes at least. A pass that took long is followed by a longer
/// pause: no more than a fiftieth of the thread's time goes into it.
const PAUSE: Duration = Duration::from_secs(1);

/// How long there is between two turns of a pass.
const BETWEEN: Duration = Duration::from_millis(5);

/// How long nothing is tried after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What one turn looks at, at most: publishers may be waiting for its end.
const MOST_TOPICS: usize = 256;
const MOST_EVENTS: usize = 1024;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A pass goes through all topics of the file, in turns, when something may have become too old. It
/// reads the times of the records, so the topics need not be in memory.
pub(super) struct IdleTrim {
    /// When the next turn is. `None` if nothing can become too old.
    at: Option<Instant>,
    /// The topic that the turn goes on with. `None` before the first turn of a pass.
    from: Option<Box<str>>,
    /// When something becomes too old, as far as this pass and the publishes since know. In
    /// milliseconds of Unix time.
    next: u64,
    /// How long the turns of this pass have taken.
    took: Duration,
}

/// The events of one topic that are too old: all up to a position.
pub(super) struct Expired {
    name: Box<str>,
    number: u64,
    upto: Mark,
}

impl IdleTrim {
    pub(super) fn new(now: Instant) -> Self {
        Self { at: Some(now + PAUSE), from: None, next: u64::MAX, took: Duration::ZERO }
    }

    /// When a turn is to be taken.
    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// An event was written that is too old at that time, in milliseconds of Unix time.
    pub(super) fn expect(&mut self, time: u64, expires: u64, now: Instant) {
        if expires < self.next {
            self.next = expires;
            // Not while a pass is under way, which is scheduled already.
            if self.from.is_none() {
                let at = now + Duration::from_millis(expires.saturating_sub(time)).min(Duration::from_hours(24));
                self.at = Some(self.at.map_or(at.max(now + PAUSE), |planned| planned.min(at.max(now + PAUSE))));
            }
        }
    }

    /// Takes a turn of looking, at that time, in milliseconds of Unix time.
    pub(super) fn look(&mut self, store: &Store, time: u64) -> Result<Vec<Expired>, Trouble> {
        let started = Instant::now();
        if self.from.is_none() {
            (self.next, self.took) = (u64::MAX, Duration::ZERO);
        }
        let (mut found, mut next) = (Vec::new(), self.next);
        let mut left = Left { topics: MOST_TOPICS, events: MOST_EVENTS, bytes: MOST_BYTES };
        let stopped = store.walk(self.from.as_deref(), |name, row, age, mut events| {
            // The newest stays, however old it is.
            let Some(newest) = events.next_back().transpose()?.map(|(place, _)| place.value().1) else {
                return Ok(left.topic(name));
            };
            let mut upto = None;
            for event in events {
                let (place, bytes) = event?;
                let offset = place.value().1;
                let Some(record) = Record::parse(bytes.value()).filter(|_| offset < newest) else { break };
                let expires = record.time.saturating_add(age);
                if expires >= time {
                    next = next.min(expires);
                    break;
                }
                upto = Some(Mark { offset, tag: record.tag });
                if !left.event(bytes.value().len()) {
                    break;
                }
            }
            found.extend(upto.map(|upto| Expired { name: name.into(), number: row.number, upto }));
            Ok(left.topic(name))
        })?;
        self.next = next;
        self.took += started.elapsed();
        let now = Instant::now();
        self.from = stopped;
        self.at = if self.from.is_some() {
            Some(now + BETWEEN)
        } else {
            let pause = PAUSE.max(self.took * 50);
            (self.next != u64::MAX).then(|| {
                let wait = Duration::from_millis(self.next.saturating_sub(time)).min(Duration::from_hours(24));
                now + wait.max(pause)
            })
        };
        Ok(found)
    }

    /// Removes what [`IdleTrim::look`] has found.
    pub(super) fn forget(tables: &mut Tables<'_>, found: &[Expired]) -> Result<(), Trouble> {
        for Expired { name, number, upto } in found {
            if let Some(row) = tables.topic(name)?
                && row.number == *number
                && row.tail.offset < upto.offset
            {
                tables.trim(name, &row, *upto)?;
            }
        }
        Ok(())
    }

    /// Something has failed: the pass begins anew, later.
    pub(super) fn give_up(&mut self, now: Instant) {
        (self.at, self.from) = (Some(now + AFTER_FAILURE), None);
    }
}

/// What a turn may still look at.
struct Left {
    topics: usize,
    events: usize,
    bytes: usize,
}

impl Left {
    fn event(&mut self, bytes: usize) -> bool {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        !self.is_used_up()
    }

    const fn is_used_up(&self) -> bool {
        self.events == 0 || self.bytes == 0
    }

    /// One more topic was looked at. When the turn ends with it, the next turn begins with it: there
    /// may be more in it than one turn takes.
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
    use crate::topic::engine::record;
    use crate::topic::engine::scratch::Scratch;
    use crate::topic::engine::shared_store::SharedStore;
    use crate::topic::position::Tag;

    const AN_HOUR: u64 = 3_600_000;

    /// A store with topics, each of which has an age in hours and events of such times, in hours.
    fn store(scratch: &Scratch, topics: &[(&str, Option<u64>, &[u64])]) -> SharedStore {
        let store = SharedStore::open(scratch.path(), false).unwrap();
        let draft = Draft::of(Event::data("x")).unwrap();
        let written = store.write(|store| {
            store.write(true, |tables| {
                for (name, age, times) in topics {
                    let row = tables.add(name, store.epoch(name), Mark::default())?;
                    if let Some(age) = age {
                        tables.set_age(&row, age.saturating_mul(AN_HOUR))?;
                    }
                    for (offset, time) in (1..).zip(*times) {
                        let tag = Tag::from_bits(u32::try_from(offset).unwrap());
                        tables.put(&row, offset, &record::of_draft(tag, time * AN_HOUR, None, &draft))?;
                    }
                }
                Ok(())
            })
        });
        written.unwrap();
        store
    }

    /// Takes a turn at that hour, and gives how many events and topics it has forgotten.
    fn turn(trim: &mut IdleTrim, store: &SharedStore, hour: u64) -> usize {
        let found = store.read(|store| trim.look(store, hour * AN_HOUR)).unwrap();
        store.write(|store| store.write(true, |tables| IdleTrim::forget(tables, &found))).unwrap();
        found.len()
    }

    /// The offsets of each topic.
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
    fn what_is_too_old_is_forgotten_but_for_the_newest() {
        let scratch = Scratch::new("idle");
        let store = store(
            &scratch,
            &[
                ("all", Some(1), &[1, 1, 2, 2]),
                ("ever", Some(u64::MAX), &[1, 1]),
                ("none", None, &[1, 1]),
                // Of a clock that was set back.
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
        // The next is the one of the hour 11, at the hour 20 and a bit.
        assert_eq!(trim.next, 20 * AN_HOUR);
        assert_eq!(turn(&mut trim, &store, 21), 1);
        assert_eq!(turn(&mut trim, &store, 21), 0);
        assert_eq!(turn(&mut trim, &store, 100), 2);
        assert_eq!(turn(&mut trim, &store, 1000), 0);
        // Nothing is left that could become too old.
        assert_eq!(trim.at(), None);
        assert_eq!(kept(&store, &["back", "some"]).into_values().collect::<Vec<_>>(), [[4], [4]]);
    }

    #[test]
    fn a_turn_is_bounded_and_the_turns_see_everything() {
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
        // 255 new ones and one again in each turn; then 1,024 events of the large one in each.
        assert_eq!(turns, [256, 255, 90, 1, 1]);
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["m"]).collect();
        assert!(kept(&store, &names).into_values().all(|offsets| offsets.len() == 1));
        assert_eq!(trim.at(), None);
    }

    #[test]
    fn a_pass_is_planned_when_something_is_published() {
        let now = Instant::now();
        let mut trim = IdleTrim { at: None, ..IdleTrim::new(now) };
        trim.expect(5_000, u64::MAX, now);
        assert_eq!(trim.at(), None);
        trim.expect(5_000, 65_000, now);
        assert_eq!(trim.at(), Some(now + Duration::from_mins(1)));
        // Neither later, nor at once, nor in a time that no clock has.
        trim.expect(5_000, 66_000, now);
        assert_eq!(trim.at(), Some(now + Duration::from_mins(1)));
        trim.expect(5_000, 5_000, now);
        assert_eq!(trim.at(), Some(now + PAUSE));
        let mut trim = IdleTrim { at: None, ..IdleTrim::new(now) };
        trim.expect(0, u64::MAX - 1, now);
        assert!(trim.at().is_some_and(|at| at > now + Duration::from_hours(1)));
    }
}
