//! The expected result: a list of all events ever published, and how many of them each client has seen.
//!
//! The oracle shares nothing with the library. A client's position is the number of events that it has seen
//! or got a gap for.

use std::collections::HashMap;

use touka::topic::{OnLag, Retention};

/// One topic, as a list of all events that it ever had.
pub(crate) struct ExpectedTopic {
    pub(crate) name: &'static str,
    events: Vec<Published>,
    /// The number of events, from the first on, that are trimmed.
    trimmed: usize,
    most_events: usize,
    most_bytes: usize,
    /// The id of the position before the first event, once a client has got it.
    origin: Option<String>,
    /// Whether a body feeds the topic.
    pub(crate) fed: bool,
    /// The number of events at the end of each body, and whether it failed.
    ends: Vec<(usize, bool)>,
}

struct Published {
    id: String,
    key: Option<u8>,
    bytes: usize,
    /// Trimmed while no newer event had its key.
    lost: bool,
    /// The next event with its key when it was trimmed.
    newer: Option<usize>,
}

/// A client's policy, and its position in one topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) seen: usize,
    pub(crate) caught_up: bool,
    pub(crate) on_lag: OnLag,
    pub(crate) max_lag: Option<usize>,
    /// The number of bodies that had ended when the client subscribed.
    pub(crate) ends: usize,
    /// Whether the client follows other topics too: then a normal end of this one does not end its stream.
    pub(crate) several: bool,
    /// The topic's body has ended, and none has begun since.
    pub(crate) ended: bool,
    pub(crate) start: Start,
}

impl Reader {
    pub(crate) const fn new(on_lag: OnLag, max_lag: Option<usize>, several: bool) -> Self {
        Self { seen: 0, caught_up: false, on_lag, max_lag, ends: 0, several, ended: false, start: Start::Begun }
    }

    /// Moves the reader past the next event, which it gets even if it is trimmed by now.
    pub(crate) const fn take(&mut self, index: usize) -> Next {
        (self.seen, self.start) = (index + 1, Start::Begun);
        Next::Event(index)
    }
}

/// A reader's claim to the events that are trimmed before it got any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Without an id, the retained events up to this position: they may become fewer.
    History(usize),
    /// With an id, all events after it: a gap event tells what is missed.
    Returning,
    /// The next event, or another one after some: the reader lags.
    Begun,
}

/// A reader's next result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Event(usize),
    /// A gap event; the reader goes on at this position.
    Lagged(usize),
    Closed,
    /// The reader's end, and whether the body failed.
    Ended(bool),
    Nothing,
}

impl ExpectedTopic {
    pub(crate) fn new(name: &'static str) -> Self {
        let events = Vec::new();
        Self {
            name,
            events,
            trimmed: 0,
            most_events: 10_000,
            most_bytes: 4 << 20,
            origin: None,
            fed: false,
            ends: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn trimmed(&self) -> usize {
        self.trimmed
    }

    pub(crate) fn text(&self, index: usize) -> String {
        format!("{}:{index}", self.name)
    }

    pub(crate) fn published(&mut self, id: String, key: Option<u8>) {
        let wire = format!("id: {id}\ndata: {}\n\n", self.text(self.events.len())).len();
        let key_len = key.map_or(0, |key| key.to_string().len());
        let bytes = wire + format!("{wire:x}\r\n\r\n").len() + key_len;
        self.events.push(Published { id, key, bytes, lost: false, newer: None });
        self.trim();
    }

    /// The maximum number of events and of their bytes.
    pub(crate) const fn limits(&self) -> (usize, usize) {
        (self.most_events, self.most_bytes)
    }

    pub(crate) fn retain(&mut self, events: usize, bytes: usize) -> Retention {
        (self.most_events, self.most_bytes) = (events, bytes);
        self.trim();
        Retention::new().events(events).bytes(bytes)
    }

    /// Ends the body that feeds the topic.
    pub(crate) fn end(&mut self, failed: bool) {
        self.fed = false;
        self.ends.push((self.events.len(), failed));
    }

    /// The number of bodies that have ended.
    pub(crate) fn ends(&self) -> usize {
        self.ends.len()
    }

    fn trim(&mut self) {
        while self.trimmed + 1 < self.events.len() {
            let kept = &self.events[self.trimmed..];
            let bytes: usize = kept.iter().map(|event| event.bytes).sum();
            if kept.len() <= self.most_events && bytes <= self.most_bytes {
                return;
            }
            let newer = self.newer(self.trimmed);
            (self.events[self.trimmed].newer, self.events[self.trimmed].lost) = (newer, newer.is_none());
            self.trimmed += 1;
        }
    }

    /// The next event with the same key.
    fn newer(&self, index: usize) -> Option<usize> {
        let key = self.events[index].key?;
        (index + 1..self.len()).find(|&newer| self.events[newer].key == Some(key))
    }

    /// Whether the newer event of some trimmed event is at or after this position. A reader that ends there
    /// gets a gap, although the trimmed event may be older than its position.
    fn is_replaced_after(&self, end: usize) -> bool {
        self.events[..self.trimmed].iter().filter_map(|event| event.newer).any(|newer| newer >= end)
    }

    /// The id of a position: that of the last event before it.
    pub(crate) fn id(&self, position: usize) -> Option<&str> {
        match position.checked_sub(1) {
            Some(before) => Some(&self.events[before].id),
            None => self.origin.as_deref(),
        }
    }

    /// Asserts the id of a position. The id of the first position is learned here.
    pub(crate) fn assert_id(&mut self, position: usize, id: &str) {
        if position == 0 && self.origin.is_none() {
            self.origin = Some(id.to_owned());
        }
        assert_eq!(self.id(position), Some(id), "position {position} of {}", self.name);
    }

    /// Whether a reader that moves between two positions misses something.
    pub(crate) fn misses(&self, on_lag: OnLag, from: usize, to: usize) -> bool {
        on_lag != OnLag::Latest || self.events[from..to].iter().any(|event| event.lost)
    }

    /// The position with this id. The id of the first position is learned here.
    pub(crate) fn position(&mut self, id: &str) -> usize {
        if let Some(before) = self.events.iter().position(|event| event.id == id) {
            return before + 1;
        }
        self.assert_id(0, id);
        0
    }

    /// Whether each of these events has a newer one with its key.
    pub(crate) fn is_superseded(&self, mut events: std::ops::Range<usize>) -> bool {
        events.all(|index| self.newer(index).is_some())
    }

    /// Returns what the reader gets next, and moves the reader there.
    pub(crate) fn next(&self, reader: &mut Reader) -> Next {
        let Reader { seen, on_lag, .. } = *reader;
        let end = self.ends.get(reader.ends).copied();
        if let Some((_, failed)) = end.filter(|(at, _)| seen >= *at) {
            if failed || !reader.several {
                return Next::Ended(failed);
            }
            (reader.ends, reader.ended) = (self.ends.len(), true);
            return self.next(reader);
        }
        let behind = self.len() - seen;
        if seen < self.trimmed && matches!(reader.start, Start::History(to) if self.trimmed <= to) {
            reader.seen = self.trimmed;
            return self.next(reader);
        }
        let far = reader.caught_up && on_lag != OnLag::Latest && reader.max_lag.is_some_and(|most| behind > most);
        if far || seen < self.trimmed {
            let to = match on_lag {
                OnLag::Skip => self.len(),
                OnLag::Latest => self.trimmed,
                _ if reader.start == Start::Returning && seen < self.trimmed => self.trimmed,
                _ => return Next::Closed,
            };
            let to = end.map_or(to, |(at, _)| to.min(at.max(self.trimmed)));
            reader.seen = to;
            let misses = self.misses(on_lag, seen, to) || end.is_some_and(|(at, _)| self.is_replaced_after(at));
            if misses {
                reader.start = Start::Begun;
            }
            return if misses { Next::Lagged(to) } else { self.next(reader) };
        }
        if seen == self.len() {
            reader.caught_up = true;
            reader.ended &= !self.fed;
            return Next::Nothing;
        }
        reader.seen = seen + 1;
        // A newer event after the reader's end is not for this reader.
        let is_replaced = self.newer(seen).is_some_and(|newer| end.is_none_or(|(at, _)| newer < at));
        if on_lag == OnLag::Latest && is_replaced {
            return self.next(reader);
        }
        reader.start = Start::Begun;
        Next::Event(seen)
    }
}

/// The ids of several topics, which are opaque. Invariant: each id stands for one combination of positions,
/// and each combination has one id.
#[derive(Default)]
pub(crate) struct Composite {
    ids: HashMap<Vec<usize>, String>,
}

impl Composite {
    pub(crate) fn assert_id(&mut self, positions: &[usize], id: &str) {
        let known = self.ids.entry(positions.to_vec()).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "the positions {positions:?} have two ids");
        let same = self.ids.values().filter(|known| *known == id).count();
        assert_eq!(same, 1, "the id {id} stands for more than one combination of positions");
    }
}
