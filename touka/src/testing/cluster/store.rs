//! [`Store`], what the nodes of a cluster share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::kept::{Kept, Right};
use crate::sync::{Mutex, MutexGuard};
use crate::topic::engine::{Compared, Standing, Tail};

/// The topics of a cluster, which its nodes share. Clones are of the same store.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// The time for which the rights of a node that has crashed count.
    lease: Duration,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) topics: HashMap<String, Kept>,
    /// The numbers of the nodes that are alive.
    alive: HashSet<u64>,
    /// The number of nodes, leases and holders so far.
    count: u64,
}

impl State {
    /// A number that nothing else has.
    pub(super) const fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// The answer to a question for a right.
pub(super) enum Asked {
    /// The right, by the number of its holder.
    Granted(u64, watch::Receiver<Standing>),
    /// Another one has it: until this time if its node has crashed, or until it is notified.
    Taken(Option<Instant>, Arc<Notify>),
}

impl Store {
    pub(super) fn new(lease: Duration) -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), lease }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Adds a node, and returns its number.
    pub(super) fn add_node(&self) -> u64 {
        let mut state = self.lock();
        let number = state.next_number();
        state.alive.insert(number);
        number
    }

    pub(super) fn is_alive(&self, node: u64) -> bool {
        self.lock().alive.contains(&node)
    }

    /// Ends a node: nothing is delivered to it any more, and its rights expire.
    pub(super) fn crash(&self, node: u64) {
        let mut state = self.lock();
        state.alive.remove(&node);
        let until = Instant::now().checked_add(self.0.lease);
        // Tails and senders run code of others when they are dropped.
        let mut left = Vec::new();
        for kept in state.topics.values_mut() {
            left.extend(kept.tails.extract_if(.., |(of, _, _)| *of == node));
            if let Some(right) = kept.lead.as_mut().filter(|right| right.node == node) {
                right.until = until;
                right.standing.send_replace(Standing::Lost);
                // Those who wait for it learn the time.
                kept.is_free.notify_waiters();
            }
        }
        drop(state);
        drop(left);
    }

    /// Asks for the right to run the feed of a topic.
    pub(super) fn ask(&self, topic: &str, node: u64) -> Asked {
        let mut state = self.lock();
        let holder = state.next_number();
        let kept = state.topics.entry(topic.to_owned()).or_default();
        match &kept.lead {
            Some(Right { until: None, .. }) => return Asked::Taken(None, Arc::clone(&kept.is_free)),
            Some(Right { until: Some(until), .. }) if Instant::now() < *until => {
                return Asked::Taken(Some(*until), Arc::clone(&kept.is_free));
            }
            _ => {}
        }
        let now = Instant::now();
        let (standing, receiver) = watch::channel(Standing::Until(now.checked_add(FAR).unwrap_or(now)));
        kept.lead = Some(Right { holder, node, standing, until: None });
        Asked::Granted(holder, receiver)
    }

    /// Gives up a right, unless its node has crashed.
    pub(super) fn release(&self, topic: &str, holder: u64) {
        let mut state = self.lock();
        let Some(kept) = state.topics.get_mut(topic) else { return };
        let released = kept.lead.take_if(|right| right.holder == holder && right.until.is_none());
        if released.is_some() {
            kept.is_free.notify_waiters();
        }
    }

    /// Brings a log in step with the store. No lock is held while the tail is used.
    pub(super) fn bring_in_step(&self, tail: &Tail) {
        while let (Some(before), Some(bounds)) = (tail.head(), tail.bounds()) {
            let newest = self.lock().topics.entry(tail.topic().to_string()).or_default().newest(bounds.max_events());
            match tail.compare(before, newest.head) {
                Compared::InStep | Compared::Gone => return,
                Compared::Moved => {}
                Compared::Behind | Compared::Diverged => {
                    if tail.reset(before, newest) {
                        return;
                    }
                }
            }
        }
    }
}

/// A time that is as good as for ever.
const FAR: Duration = Duration::from_hours(24 * 365);
