//! [`NodeEngine`], the engine of one node of a cluster.

use tokio::time::sleep_until;

use super::kept::{Kept, Outcome};
use super::store::{Asked, Store};
use crate::error::CloseReason;
use crate::event::Event;
use crate::topic::HubError;
use crate::topic::engine::{
    Applied, Draft, Ended, Engine, EngineFuture, EngineTopic, Epoch, EventKeys, FeedEnd, Lead, Lease, Position, Stored,
    Tail,
};

/// The engine of one node.
#[derive(Clone, Debug)]
pub(super) struct NodeEngine {
    pub(super) store: Store,
    pub(super) node: u64,
}

impl NodeEngine {
    /// # Errors
    /// The node has crashed.
    fn check(&self) -> Result<(), HubError> {
        let is_alive = self.store.is_alive(self.node);
        if is_alive { Ok(()) } else { Err(HubError::unavailable("this node of the test's cluster has crashed")) }
    }

    /// The result of an operation of a node that is alive.
    fn answer<'a, R: Send + Unpin + 'a>(&self, operation: impl FnOnce() -> R) -> EngineFuture<'a, R> {
        EngineFuture::ready(self.check().map(|()| operation()))
    }

    fn deliver(&self, tails: Vec<Tail>, event: &Stored) {
        for tail in tails {
            // A publish of another thread may have been faster.
            if matches!(tail.apply([event.clone()]), Applied::Hole | Applied::Forked) {
                self.store.bring_in_step(&tail);
            }
        }
    }
}

impl Engine for NodeEngine {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        self.answer(|| {
            let (name, tail) = (topic.name().to_owned(), topic.tail());
            let lease = {
                let mut state = self.store.lock();
                // Not counted by topic: the guard of one that was removed must not end the delivery to the next with its name.
                let lease = state.next_number();
                let kept = state.topics.entry(name.clone()).or_default();
                kept.tails.push((self.node, lease, tail.clone()));
                lease
            };
            self.store.bring_in_step(&tail);
            Lease::new(Delivery { store: self.store.clone(), name, lease })
        })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        let publish = || {
            self.check()?;
            if topic.is_removed() {
                return Err(HubError::removed(topic.name()));
            }
            let (outcome, tails) = {
                let mut state = self.store.lock();
                let kept = state.topics.entry(topic.name().to_owned()).or_default();
                let outcome = kept.append(&draft, keys, topic.retention());
                (outcome, kept.tails())
            };
            match outcome {
                Outcome::New(event) => {
                    self.deliver(tails, &event);
                    Ok(event.position())
                }
                Outcome::Known(position) => Ok(position),
                Outcome::Closed => Err(HubError::closed(topic.name())),
            }
        };
        EngineFuture::ready(publish())
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.answer(|| {
            let removed = self.store.lock().topics.remove(topic.name());
            if let Some(kept) = removed {
                kept.tails().iter().for_each(Tail::remove);
                kept.is_free.notify_waiters();
            }
            topic.tail().remove();
        })
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        self.answer(|| {
            let state = self.store.lock();
            state.topics.get(topic.name()).map(|kept| kept.page(from, until, bytes)).unwrap_or_default()
        })
    }

    /// A client may have got an event on the node of its publisher before the others have it.
    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.answer(|| self.store.bring_in_step(&topic.tail()))
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        EngineFuture::new(async move {
            loop {
                self.check()?;
                match self.store.ask(topic.name(), self.node) {
                    Asked::Granted(holder, standing) => {
                        let right = Held { store: self.store.clone(), topic: topic.name().into(), holder };
                        return Ok(Lead::new(standing, holder.to_string(), right));
                    }
                    Asked::Taken(Some(until), _) => sleep_until(until).await,
                    Asked::Taken(None, is_free) => is_free.notified().await,
                }
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
        self.answer(|| {
            let (end, tails) = {
                let mut state = self.store.lock();
                let kept = state.topics.entry(topic.name().to_owned()).or_default();
                if kept.lead.as_ref().is_none_or(|right| right.holder.to_string() != lead.holder()) {
                    return Ended::Lost;
                }
                kept.ends += 1;
                let end = FeedEnd { number: kept.ends, at: kept.head.offset, reason, last: last.cloned() };
                (end, kept.tails())
            };
            for tail in &tails {
                tail.end_feed(end.clone());
            }
            Ended::Everywhere
        })
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        self.answer(|| self.store.lock().topics.get(name).is_some_and(|kept| !kept.events.is_empty()))
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        self.answer(|| {
            let is_it = |kept: &Kept| kept.epoch == epoch && !kept.events.is_empty();
            let state = self.store.lock();
            state.topics.iter().find(|(_, kept)| is_it(kept)).map(|(name, _)| name.clone())
        })
    }

    fn is_ready(&self) -> bool {
        self.store.is_alive(self.node)
    }
}

/// Guard that ends the delivery to a log.
struct Delivery {
    store: Store,
    name: String,
    lease: u64,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let ended: Vec<_> = {
            let mut state = self.store.lock();
            let Some(kept) = state.topics.get_mut(&self.name) else { return };
            kept.tails.extract_if(.., |(_, lease, _)| *lease == self.lease).collect()
        };
        drop(ended);
    }
}

/// Guard that gives up a right.
struct Held {
    store: Store,
    topic: String,
    holder: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.store.release(&self.topic, self.holder);
    }
}
