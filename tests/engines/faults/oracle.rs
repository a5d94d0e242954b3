//! [`check`], which compares what clients have seen with what was published and with what the engine has at the end.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::client::{Client, Item, Seen};
use super::contents::Contents;
use super::position::Position;
use super::record::{Outcome, Published, Record};

/// The harm that the faults of a test may do to events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Faults {
    /// No event is lost: each one that was acknowledged is there, and no client gets a gap.
    LoseNothing,
    /// The oldest events may be lost.
    Trim,
    /// The newest events may be lost, and with them the whole log.
    Lose,
}

/// Checks the promises of a topic, to the clients that follow it alone and to those of several topics:
///
/// - Events of one history have one order. What a client gets next follows what it had, or a gap comes first.
/// - A gap comes only if the client's position is no longer in the log, or the events after it are trimmed.
/// - A number is in the log at most once, and not at all if its publish has failed. An acknowledged event is at the
///   position of its acknowledgement, and is lost only by a fault that loses events.
/// - The acknowledged events of one publisher are in the order in which it has published them.
pub(crate) fn check(topic: &str, record: &Record, clients: &[Client], contents: &Contents, faults: Faults) {
    let clients: Vec<_> = clients.iter().filter(|client| client.follows(topic)).collect();
    let truth = Truth::new(topic, record, &clients, contents, faults);
    let mut errors = truth.errors();
    for client in clients {
        errors.extend(truth.errors_of(client));
    }
    let count = errors.len();
    errors.truncate(12);
    assert!(errors.is_empty(), "{count} promises of {topic} are broken:\n{}", errors.join("\n"));
}

struct Truth<'a> {
    topic: &'a str,
    faults: Faults,
    published: std::collections::BTreeMap<u64, Published>,
    contents: &'a Contents,
    /// The positions in the log of the engine, and the one before them.
    log: HashSet<Position>,
    /// The predecessor of each event, and who says so.
    previous: HashMap<Position, (Position, String)>,
    /// The positions of each number, as clients and the engine have them.
    positions: HashMap<u64, BTreeSet<Position>>,
    numbers: HashMap<Position, u64>,
    conflicts: Vec<String>,
}

impl<'a> Truth<'a> {
    fn new(topic: &'a str, record: &Record, clients: &[&Client], contents: &'a Contents, faults: Faults) -> Self {
        let log = contents.events.iter().map(|event| event.at).chain(contents.tail()).collect();
        let mut published = record.all();
        published.retain(|_, event| event.topic == topic);
        let mut truth = Self {
            topic,
            faults,
            published,
            contents,
            log,
            previous: HashMap::new(),
            positions: HashMap::new(),
            numbers: HashMap::new(),
            conflicts: Vec::new(),
        };
        for event in &contents.events {
            truth.add(event.at, Some(event.previous), event.number, "the engine");
        }
        for client in clients {
            let mut at = None;
            for Seen { item, .. } in client.items(topic) {
                match item {
                    Item::Data { number, at: next } => {
                        truth.add(next, at, number, &client.name);
                        at = Some(next);
                    }
                    Item::Opened(position) | Item::Gap { to: position, .. } => at = Some(position),
                    Item::End | Item::Wrong(_) => {}
                }
            }
        }
        truth
    }

    fn add(&mut self, at: Position, previous: Option<Position>, number: u64, who: &str) {
        self.positions.entry(number).or_default().insert(at);
        if let Some(other) = self.numbers.insert(at, number).filter(|other| *other != number) {
            self.conflicts.push(format!("{at:?} is {number} for {who}, and {other} for another"));
        }
        let Some(previous) = previous.filter(|previous| !previous.is_unknown()) else { return };
        let (known, first) = self.previous.entry(at).or_insert_with(|| (previous, who.to_owned())).clone();
        if known != previous {
            self.conflicts.push(format!("{at:?} follows {previous:?} for {who}, and {known:?} for {first}"));
        }
    }

    /// Whether the engine had this position and has trimmed it, as far as can be known.
    fn is_trimmed(&self, at: Position) -> bool {
        self.contents.tail().is_some_and(|tail| at.epoch == tail.epoch && at.offset <= tail.offset)
    }

    fn errors(&self) -> Vec<String> {
        let mut errors = self.conflicts.clone();
        for (number, positions) in &self.positions {
            // A publish whose event was lost with its log may put it into the next one.
            let kept: Vec<_> = positions.iter().filter(|at| self.log.contains(at)).collect();
            if kept.len() > 1 || self.faults != Faults::Lose && positions.len() > 1 {
                errors.push(format!(
                    "{number} was published several times: {positions:?}, of which the engine has {kept:?}"
                ));
            }
            match self.published.get(number).map(|event| &event.outcome) {
                None => errors.push(format!("{number} was never published")),
                Some(Outcome::Failed(reason)) => {
                    errors.push(format!("{number} has failed ({reason}) and is at {positions:?}"));
                }
                Some(Outcome::Acknowledged(at)) => {
                    if !positions.contains(at) && kept.iter().any(|kept| *kept != at) {
                        errors.push(format!("{number} was acknowledged as {at:?}, and is at {positions:?}"));
                    }
                }
                Some(Outcome::Unknown) => {}
            }
        }
        for (number, Published { outcome, .. }) in &self.published {
            if let Outcome::Acknowledged(at) = outcome {
                let is_lost = !self.log.contains(at) && !self.is_trimmed(*at);
                if is_lost && self.faults != Faults::Lose {
                    errors.push(format!("{number} was acknowledged as {at:?}, and the engine does not have it"));
                }
            }
        }
        errors.extend(self.errors_of_order());
        errors
    }

    /// Compares the order of each publisher's acknowledged events in the engine with that of their numbers.
    fn errors_of_order(&self) -> Vec<String> {
        let mut newest: HashMap<usize, u64> = HashMap::new();
        let mut errors = Vec::new();
        for event in &self.contents.events {
            let Some(published) = self.published.get(&event.number) else { continue };
            if published.outcome != Outcome::Acknowledged(event.at) {
                continue;
            }
            let newest = newest.entry(published.publisher).or_default();
            if event.number < *newest {
                errors.push(format!("{} is after {newest} of the same publisher", event.number));
            }
            *newest = event.number.max(*newest);
        }
        errors
    }

    fn errors_of(&self, client: &Client) -> Vec<String> {
        let mut errors = Vec::new();
        let mut at: Option<Position> = None;
        let mut seen: HashMap<u64, Position> = HashMap::new();
        let items = client.items(self.topic);
        for (index, Seen { item, time, .. }) in items.iter().enumerate() {
            let mut error = |text: String| {
                let before: Vec<_> =
                    items[index.saturating_sub(3)..=index].iter().map(|seen| (&seen.item, seen.node)).collect();
                errors.push(format!("{}: {text}; the last items and their nodes: {before:?}", client.name));
            };
            match item {
                Item::End if client.may_end => {}
                Item::End => error("its stream has ended".into()),
                Item::Wrong(text) => error(text.clone()),
                Item::Opened(position) => {
                    if at.is_some_and(|at| at != *position) {
                        error(format!("it was moved from {at:?} without a gap"));
                    }
                    at = Some(*position);
                }
                Item::Data { number, at: next } => {
                    if !at.is_some_and(|at| self.follows(at, *next)) {
                        error(format!("it got {next:?} after {at:?} without a gap"));
                    }
                    if let Some(before) = seen.insert(*number, *next)
                        && (self.log.contains(&before) || before == *next || self.faults != Faults::Lose)
                    {
                        error(format!("it got {number} twice"));
                    }
                    at = Some(*next);
                }
                Item::Gap { reason, from, to } => {
                    if at != Some(*from) {
                        error(format!("its gap is from {from:?}, and it was at {at:?}"));
                    }
                    if !self.is_due(*from, *time) {
                        error("this gap is false".into());
                    }
                    let skips_kept = reason == "trimmed" && self.log.contains(to) && !self.is_trimmed(*to);
                    if skips_kept {
                        error(format!("it was moved past events that the engine has, to {to:?}"));
                    }
                    at = Some(*to);
                }
            }
        }
        if at != self.contents.head() {
            errors.push(format!("{}: it is at {at:?} in the end, and not at {:?}", client.name, self.contents.head()));
        }
        errors
    }

    /// Whether an event follows a position: as the engine says, or by their offsets if it has lost the event. Offsets of
    /// NATS have holes, so those of a lost event prove less there. After a gap, a position may stand for a predecessor that
    /// is not known.
    fn follows(&self, at: Position, next: Position) -> bool {
        let known = self.contents.events.iter().find(|event| event.at == next).map(|event| event.previous);
        let is_next = if self.contents.is_sparse { at.offset < next.offset } else { at.offset + 1 == next.offset };
        let is_known = known.is_none_or(|previous| previous == at || previous.is_unknown());
        at.epoch == next.epoch && is_next && (is_known || at.is_unknown() && at.offset + 1 == next.offset)
    }

    /// Whether a client at this position may get a gap at this time.
    fn is_due(&self, from: Position, time: u64) -> bool {
        if self.is_trimmed(from) && self.contents.tail() != Some(from) {
            return true;
        }
        if self.faults != Faults::Lose || self.log.contains(&from) {
            return false;
        }
        // The event was lost, but perhaps by a later fault than the client was told of.
        let began = self.numbers.get(&from).and_then(|number| self.published.get(number)).map(|event| event.began);
        time > 0 && began.is_none_or(|began| began % 2 == 1 || began < time)
    }
}
