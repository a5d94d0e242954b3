//! [`Store`], an engine over a store that several hubs of this process share, as nodes share a server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use touka::topic::engine::{
    Applied, Compared, Draft, Ended, Engine, EngineFuture, EngineTopic, Epoch, EventKeys, FeedEnd, Lead, Lease,
    Position, Stored, Tail,
};
use touka::{CloseReason, Event, HubError};

// The tests of runs include this file by its path, so that of its module is given as well.
#[path = "kept.rs"]
mod kept;

use kept::{Kept, Record};

/// An engine over a store. Clones share the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Store(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a right to run a feed is given up.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<String, Kept>,
    /// The holders of the rights to run feeds, by topic.
    leads: HashMap<String, String>,
    /// The number of guards that were given out.
    guards: u64,
    /// Whether processes learn of the end of a feed only when they compare their logs with the store.
    ends_are_late: bool,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of logs in which a topic is active.
    pub(super) fn active(&self, topic: &str) -> usize {
        self.lock().topics.get(topic).map_or(0, |kept| kept.tails.len())
    }

    /// The number of events of a topic.
    #[allow(dead_code, reason = "for the tests of runs")]
    pub(super) fn events(&self, topic: &str) -> usize {
        self.lock().topics.get(topic).map_or(0, |kept| kept.events.len())
    }

    /// Gives the events of a topic to another one. No process may have either.
    #[allow(dead_code, reason = "for the tests of runs")]
    pub(super) fn rename(&self, topic: &str, name: &str) {
        let mut state = self.lock();
        let kept = state.topics.remove(topic).expect("a topic");
        let events = kept.events;
        state.topics.insert(name.to_owned(), Kept { epoch: kept.epoch, head: kept.head, events, ..Kept::default() });
    }

    /// Loses the newest events of a topic, as a server does that restarts from a copy.
    pub(super) fn roll_back(&self, topic: &str, events: usize) {
        let tails = {
            let mut state = self.lock();
            let kept = state.topics.get_mut(topic).expect("a topic");
            let left = kept.events.len().saturating_sub(events);
            kept.head = kept.events[left].previous;
            kept.events.truncate(left);
            kept.is_closed = false;
            kept.tails.clone()
        };
        for (_, tail) in tails {
            self.bring_in_step(&tail);
        }
    }

    /// Appends what a process has sent that had not heard of the removal of a topic.
    #[allow(dead_code, reason = "for the tests of runs")]
    pub(super) fn append_stray(&self, topic: &str, wire: &[u8]) {
        let mut state = self.lock();
        let kept = state.topics.entry(topic.to_owned()).or_default();
        let position = Position { epoch: kept.epoch, mark: kept.head.next() };
        let record = Record { position, previous: kept.head, time: 0, key: None, wire: wire.to_vec() };
        kept.head = position.mark;
        kept.events.push(record);
    }

    /// Lets processes learn of the end of a feed only when they compare their logs with the store.
    pub(super) fn delay_ends(&self) {
        self.lock().ends_are_late = true;
    }

    /// Gives the right to run a feed to another process, as a store does after the time of its holder.
    pub(super) fn take_lead(&self, topic: &str) {
        self.lock().leads.insert(topic.to_owned(), "another process".into());
    }

    /// Frees the right to run a feed.
    pub(super) fn free_lead(&self, topic: &str) {
        self.lock().leads.remove(topic);
        self.0.freed.notify_waiters();
    }

    /// Brings a log in step with the store, and reports the last end of the feed.
    fn bring_in_step(&self, tail: &Tail) {
        self.bring_events_in_step(tail);
        let end = self.lock().topics.get(&**tail.topic()).and_then(|kept| kept.end.clone());
        if let Some(end) = end {
            tail.end_feed(end);
        }
    }

    fn bring_events_in_step(&self, tail: &Tail) {
        while let (Some(before), Some(bounds)) = (tail.head(), tail.bounds()) {
            let newest = self.lock().topics.entry(tail.topic().to_string()).or_default().newest(bounds.max_events());
            match tail.compare(before, newest.head) {
                Compared::InStep | Compared::Gone => return,
                Compared::Moved => {}
                Compared::Behind if tail.apply(newest.events.clone()) == Applied::Done => return,
                Compared::Behind | Compared::Diverged => {
                    if tail.reset(before, newest) {
                        return;
                    }
                }
            }
        }
    }

    fn deliver(&self, topic: &str) -> Vec<Tail> {
        self.lock()
            .topics
            .get(topic)
            .map(|kept| kept.tails.clone())
            .unwrap_or_default()
            .into_iter()
            .map(|(_, tail)| tail)
            .collect()
    }
}

/// Guard that ends the delivery to a log.
struct Delivery {
    store: Store,
    topic: String,
    number: u64,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(kept) = self.store.lock().topics.get_mut(&self.topic) {
            kept.tails.retain(|(number, _)| *number != self.number);
        }
    }
}

/// Guard that gives up the right to run a feed.
struct Held {
    store: Store,
    topic: String,
    holder: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        if state.leads.get(&self.topic) == Some(&self.holder) {
            state.leads.remove(&self.topic);
        }
        drop(state);
        self.store.0.freed.notify_waiters();
    }
}

impl Engine for Store {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(async move {
            let (name, tail) = (topic.name().to_owned(), topic.tail());
            let number = {
                let mut state = self.lock();
                state.guards += 1;
                let number = state.guards;
                state.topics.entry(name.clone()).or_default().tails.push((number, tail.clone()));
                number
            };
            let delivery = Delivery { store: self.clone(), topic: name, number };
            // Other tasks run between the two steps.
            tokio::task::yield_now().await;
            self.bring_in_step(&tail);
            Ok(Lease::new(delivery))
        })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(async move {
            if topic.is_removed() {
                return Err(HubError::removed(topic.name()));
            }
            let record = {
                let mut state = self.lock();
                let kept = state.topics.entry(topic.name().to_owned()).or_default();
                if let Some(known) = keys.once.and_then(|once| kept.once.get(once)) {
                    return Ok(*known);
                }
                if kept.is_closed {
                    return Err(HubError::closed(topic.name()));
                }
                kept.is_closed = draft.is_last();
                let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let mark = kept.head.next();
                let record = Record {
                    position: Position { epoch: kept.epoch, mark },
                    previous: kept.head,
                    time: u64::try_from(time).expect("a time of this age"),
                    key: keys.key.map(str::to_owned),
                    wire: draft.to_bytes().to_vec(),
                };
                kept.head = mark;
                kept.events.push(record.clone());
                kept.once.extend(keys.once.map(|once| (once.to_owned(), record.position)));
                let excess = kept.events.len().saturating_sub(topic.retention().max_events().max(1));
                kept.events.drain(..excess);
                record
            };
            let event = record.to_stored();
            for tail in self.deliver(topic.name()) {
                if matches!(tail.apply([event.clone()]), Applied::Hole | Applied::Forked) {
                    self.bring_in_step(&tail);
                }
            }
            Ok(event.position())
        })
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move {
            let removed = self.lock().topics.remove(topic.name());
            for (_, tail) in removed.into_iter().flat_map(|kept| kept.tails) {
                tail.remove();
            }
            topic.tail().remove();
            Ok(())
        })
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        EngineFuture::new(async move {
            let state = self.lock();
            let events = state.topics.get(topic.name()).map_or(&[][..], |kept| &kept.events);
            let (mut page, mut size) = (Vec::new(), 0);
            for record in events.iter().filter(|record| (from + 1..=until).contains(&record.position.mark.offset)) {
                let event = record.to_stored();
                size += event.size();
                if size > bytes && !page.is_empty() {
                    break;
                }
                page.push(event);
            }
            Ok(page)
        })
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.bring_in_step(&topic.tail());
        EngineFuture::ready(Ok(()))
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::ready(Ok(self.lock().topics.get(name).is_some_and(|kept| !kept.events.is_empty())))
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        let is_it = |kept: &Kept| kept.epoch == epoch && !kept.events.is_empty();
        let found = self.lock().topics.iter().find(|(_, kept)| is_it(kept)).map(|(name, _)| name.clone());
        EngineFuture::ready(Ok(found))
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        EngineFuture::new(async move {
            let topic = topic.name().to_owned();
            loop {
                let mut freed = std::pin::pin!(self.0.freed.notified());
                freed.as_mut().enable();
                {
                    let mut state = self.lock();
                    if !state.leads.contains_key(&topic) {
                        state.guards += 1;
                        let holder = format!("holder {}", state.guards);
                        state.leads.insert(topic.clone(), holder.clone());
                        let held = Held { store: self.clone(), topic, holder: holder.clone() };
                        return Ok(Lead::held(holder, held));
                    }
                }
                freed.await;
            }
        })
    }

    fn end_feed<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        lead: &'a Lead,
        reason: CloseReason,
        last: Option<&'a Event>,
    ) -> EngineFuture<'a, Ended> {
        EngineFuture::new(async move {
            let (end, is_late) = {
                let mut state = self.lock();
                if state.leads.get(topic.name()).is_none_or(|holder| holder != lead.holder()) {
                    return Ok(Ended::Lost);
                }
                let kept = state.topics.entry(topic.name().to_owned()).or_default();
                kept.ends += 1;
                let end = FeedEnd { number: kept.ends, at: kept.head.offset, reason, last: last.cloned() };
                kept.end = Some(end.clone());
                (end, state.ends_are_late)
            };
            for tail in self.deliver(topic.name()).iter().filter(|_| !is_late) {
                tail.end_feed(end.clone());
            }
            Ok(Ended::Everywhere)
        })
    }
}
