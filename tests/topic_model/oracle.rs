//! What must come: a list of all that was ever published, and who has seen how much of it.
//!
//! It shares nothing with the library. Where somebody is, is how many events he has seen or was told
//! that he missed.

use std::collections::HashMap;

use touka::topic::{OnLag, Retention};

/// One topic, as a list of all events that it ever had.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    events: Vec<Published>,
    /// How many of the first are not kept any more.
    trimmed: usize,
    most_events: usize,
    most_bytes: usize,
    /// The id of the place before the first event, once somebody was told it.
    origin: Option<String>,
    /// A body feeds it.
    pub(crate) fed: bool,
    /// How many events were there at the end of each body, and whether it failed.
    ends: Vec<(usize, bool)>,
}

struct Published {
    id: String,
    key: Option<u8>,
    bytes: usize,
    /// When it was trimmed, nothing newer had its key.
    lost: bool,
    /// When it was trimmed, this was the next event with its key.
    newer: Option<usize>,
}

/// How somebody follows, and how far he is in one topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) seen: usize,
    pub(crate) caught_up: bool,
    pub(crate) on_lag: OnLag,
    pub(crate) max_lag: Option<usize>,
    /// How many bodies had ended when he came.
    pub(crate) ends: usize,
    /// He follows other topics too, and a normal end of one is not his.
    pub(crate) several: bool,
    /// The body of this one has ended, and none has begun since.
    pub(crate) ended: bool,
}

/// What a reader gets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Event(usize),
    /// A gap event; he goes on at this place.
    Lagged(usize),
    Closed,
    /// His end, and whether the body failed.
    Ended(bool),
    Nothing,
}

impl Story {
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

    pub(crate) fn retain(&mut self, events: usize, bytes: usize) -> Retention {
        (self.most_events, self.most_bytes) = (events, bytes);
        self.trim();
        Retention::new().events(events).bytes(bytes)
    }

    /// The body that feeds it ends.
    pub(crate) fn end(&mut self, failed: bool) {
        self.fed = false;
        self.ends.push((self.events.len(), failed));
    }

    /// How many bodies have ended.
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

    /// Whether something that was trimmed is said anew only after this place. A reader that ends there is
    /// told of a gap, although what it misses may be older than what it has seen.
    fn is_said_anew_after(&self, end: usize) -> bool {
        self.events[..self.trimmed].iter().filter_map(|event| event.newer).any(|newer| newer >= end)
    }

    /// The id of a place: that of the last event before it.
    pub(crate) fn id(&self, place: usize) -> Option<&str> {
        match place.checked_sub(1) {
            Some(before) => Some(&self.events[before].id),
            None => self.origin.as_deref(),
        }
    }

    /// Asserts that this is the id of the place. That of the first place is not known before.
    pub(crate) fn assert_id(&mut self, place: usize, id: &str) {
        if place == 0 && self.origin.is_none() {
            self.origin = Some(id.to_owned());
        }
        assert_eq!(self.id(place), Some(id), "place {place} of {}", self.name);
    }

    /// Whether a reader who goes from one place to another misses something.
    pub(crate) fn misses(&self, on_lag: OnLag, from: usize, to: usize) -> bool {
        on_lag != OnLag::Latest || self.events[from..to].iter().any(|event| event.lost)
    }

    /// What the reader gets next; he is there then.
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
        let far = reader.caught_up && on_lag != OnLag::Latest && reader.max_lag.is_some_and(|most| behind > most);
        if far || seen < self.trimmed {
            let to = match on_lag {
                OnLag::Skip => self.len(),
                OnLag::Latest => self.trimmed,
                _ => return Next::Closed,
            };
            let to = end.map_or(to, |(at, _)| to.min(at.max(self.trimmed)));
            reader.seen = to;
            let misses = self.misses(on_lag, seen, to) || end.is_some_and(|(at, _)| self.is_said_anew_after(at));
            return if misses { Next::Lagged(to) } else { self.next(reader) };
        }
        if seen == self.len() {
            reader.caught_up = true;
            reader.ended &= !self.fed;
            return Next::Nothing;
        }
        reader.seen = seen + 1;
        // A newer event that comes after its end is none for the reader.
        let is_said_anew = self.newer(seen).is_some_and(|newer| end.is_none_or(|(at, _)| newer < at));
        if on_lag == OnLag::Latest && is_said_anew { self.next(reader) } else { Next::Event(seen) }
    }
}

/// The ids of several topics, which are opaque: each says one combination of places, and nothing
/// else says that.
#[derive(Default)]
pub(crate) struct Composite {
    ids: HashMap<Vec<usize>, String>,
}

impl Composite {
    pub(crate) fn assert_id(&mut self, places: &[usize], id: &str) {
        let known = self.ids.entry(places.to_vec()).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "the places {places:?} have two ids");
        let same = self.ids.values().filter(|known| *known == id).count();
        assert_eq!(same, 1, "the id {id} says more than one combination of places");
    }
}
