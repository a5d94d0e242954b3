//! [`ActiveTopics`], the topics whose events a node receives.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

use crate::sync::Mutex;
use crate::topic::engine::Tail;

/// The topics whose events this node receives, by channel, and the changes that the listener has yet to make.
#[derive(Debug, Default)]
pub(in crate::topic::engine) struct ActiveTopics {
    state: Mutex<State>,
    /// Notified when there are changes for the listener.
    pub(in crate::topic::engine) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<Arc<str>, Arc<ActiveTopic>>,
    /// The channels to subscribe to.
    new: HashSet<Arc<str>>,
    /// The channels to unsubscribe from.
    gone: HashSet<Arc<str>>,
    /// The channels that the current round of checks has yet to visit.
    unchecked: Vec<Arc<str>>,
}

/// A topic whose events this node receives.
#[derive(Debug)]
pub(in crate::topic::engine) struct ActiveTopic {
    pub(in crate::topic::engine) channel: Arc<str>,
    pub(in crate::topic::engine) tail: Tail,
    /// Whether the subscription to the channel is confirmed.
    pub(in crate::topic::engine) is_heard: watch::Sender<bool>,
    /// The number of times that the subscription was confirmed, or that the log was doubted.
    confirmations: AtomicU64,
    /// The number of confirmations when the last sync began that has succeeded.
    synced: AtomicU64,
    /// The number of syncs that have begun.
    begun: AtomicU64,
    /// The number of the last sync that has succeeded.
    done: watch::Sender<u64>,
    /// Notified when the node that has run the feed of the topic has given up the right.
    pub(in crate::topic::engine) is_lead_free: Notify,
    /// Held while the log is brought in step with the server.
    pub(in crate::topic::engine) syncing: tokio::sync::Mutex<()>,
    /// The number of requests for a sync since the last one began.
    requests: AtomicUsize,
    /// Whether the node has ceased to follow the topic here. Then the log must not be changed by what this server says: it
    /// may be kept by another one.
    is_left: AtomicBool,
}

/// The changes that the listener makes next.
#[derive(Debug)]
pub(in crate::topic::engine) enum Change {
    Subscribe(Vec<Arc<str>>),
    Unsubscribe(Vec<Arc<str>>),
}

/// The maximum number of channels in one command.
const MAX_CHANNELS: usize = 512;

impl ActiveTopic {
    fn new(channel: String, tail: Tail) -> Self {
        Self {
            channel: channel.into(),
            tail,
            is_heard: watch::Sender::new(false),
            confirmations: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            done: watch::Sender::new(0),
            is_lead_free: Notify::new(),
            syncing: tokio::sync::Mutex::new(()),
            requests: AtomicUsize::new(0),
            is_left: AtomicBool::new(false),
        }
    }

    /// Records that the subscription to the channel is confirmed.
    pub(in crate::topic::engine) fn confirm(&self) {
        self.confirmations.fetch_add(1, Ordering::AcqRel);
        self.is_heard.send_replace(true);
    }

    /// Records that the server may have lost events that the log has.
    pub(in crate::topic::engine) fn doubt(&self) {
        self.confirmations.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of confirmations, to be given to [`set_synced`](Self::set_synced).
    pub(in crate::topic::engine) fn confirmations(&self) -> u64 {
        self.confirmations.load(Ordering::Acquire)
    }

    /// Begins a sync. Returns its number, to be given to [`set_synced`](Self::set_synced).
    pub(in crate::topic::engine) fn begin_sync(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Records that the sync of this number has succeeded, which began after this many confirmations.
    pub(in crate::topic::engine) fn set_synced(&self, number: u64, confirmations: u64) {
        self.synced.store(confirmations, Ordering::Release);
        self.done.send_replace(number);
    }

    /// Waits until a sync has succeeded that begins after this call.
    pub(in crate::topic::engine) fn next_sync(&self) -> impl Future<Output = ()> + Send + use<> {
        let (begun, mut done) = (self.begun.load(Ordering::Acquire), self.done.subscribe());
        async move {
            // The topic has the sender, and the caller has the topic.
            let _ = done.wait_for(|number| *number > begun).await;
        }
    }

    /// Whether the log has been brought in step since the subscription was confirmed. If not, the server may have lost events
    /// that the log has.
    #[cfg(feature = "nats")]
    pub(in crate::topic::engine) fn is_in_step(&self) -> bool {
        *self.is_heard.borrow() && self.synced.load(Ordering::Acquire) == self.confirmations()
    }

    /// Whether the node has ceased to follow the topic here.
    pub(in crate::topic::engine) fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Acquire)
    }

    /// Requests a sync. Returns true if the caller must start it: none is running.
    pub(in crate::topic::engine) fn request_sync(&self) -> bool {
        self.requests.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// The number of requests, to be given to [`end_sync`](Self::end_sync).
    pub(in crate::topic::engine) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    /// Ends a sync that began after this many requests. Returns false if there were more since: the sync is repeated then.
    pub(in crate::topic::engine) fn end_sync(&self, requests: usize) -> bool {
        self.requests.compare_exchange(requests, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl ActiveTopics {
    /// Adds a topic, which replaces an earlier one of this channel.
    pub(in crate::topic::engine) fn add(self: &Arc<Self>, channel: String, tail: Tail) -> Activation {
        let topic = Arc::new(ActiveTopic::new(channel, tail));
        let mut state = self.state.lock();
        state.topics.insert(Arc::clone(&topic.channel), Arc::clone(&topic));
        state.gone.remove(&topic.channel);
        state.new.insert(Arc::clone(&topic.channel));
        drop(state);
        self.changed.notify_one();
        Activation { topics: Arc::clone(self), topic }
    }

    /// All topics.
    #[cfg(feature = "redis")]
    pub(in crate::topic::engine) fn all(&self) -> Vec<Arc<ActiveTopic>> {
        self.state.lock().topics.values().cloned().collect()
    }

    pub(in crate::topic::engine) fn get(&self, channel: &str) -> Option<Arc<ActiveTopic>> {
        self.state.lock().topics.get(channel).cloned()
    }

    /// Marks all channels as not subscribed to, for a new connection.
    pub(in crate::topic::engine) fn begin_anew(&self) {
        let mut state = self.state.lock();
        let channels: HashSet<_> = state.topics.keys().cloned().collect();
        for topic in state.topics.values() {
            topic.is_heard.send_replace(false);
        }
        state.new = channels;
        state.gone.clear();
    }

    /// Marks channels as not subscribed to, unless their topics are gone: the server has refused or ended the subscription.
    /// Returns false if there are none.
    #[cfg(feature = "redis")]
    pub(in crate::topic::engine) fn subscribe_again<'a>(&self, channels: impl IntoIterator<Item = &'a str>) -> bool {
        let mut state = self.state.lock();
        let State { topics, new, .. } = &mut *state;
        let known: Vec<_> = channels.into_iter().filter_map(|channel| topics.get(channel)).collect();
        for topic in &known {
            topic.is_heard.send_replace(false);
            new.insert(Arc::clone(&topic.channel));
        }
        !known.is_empty()
    }

    /// Takes the next change. The caller makes it, and confirms the subscriptions.
    pub(in crate::topic::engine) fn next_change(&self) -> Option<Change> {
        let mut state = self.state.lock();
        let take = |set: &mut HashSet<Arc<str>>| -> Vec<Arc<str>> {
            if set.len() <= MAX_CHANNELS {
                return mem::take(set).into_iter().collect();
            }
            let some: Vec<_> = set.iter().take(MAX_CHANNELS).cloned().collect();
            for channel in &some {
                set.remove(channel);
            }
            some
        };
        if !state.new.is_empty() {
            return Some(Change::Subscribe(take(&mut state.new)));
        }
        (!state.gone.is_empty()).then(|| Change::Unsubscribe(take(&mut state.gone)))
    }

    /// Takes the topics of the next check: one of `parts` equal parts of all topics.
    pub(in crate::topic::engine) fn next_checks(&self, parts: usize) -> Vec<Arc<ActiveTopic>> {
        let mut state = self.state.lock();
        if state.unchecked.is_empty() {
            state.unchecked = state.topics.keys().cloned().collect();
        }
        let count = state.topics.len().div_ceil(parts.max(1)).min(state.unchecked.len());
        let from = state.unchecked.len() - count;
        let channels = state.unchecked.split_off(from);
        channels.iter().filter_map(|channel| state.topics.get(channel).cloned()).collect()
    }
}

/// Guard that keeps a topic active.
#[derive(Debug)]
pub(in crate::topic::engine) struct Activation {
    topics: Arc<ActiveTopics>,
    pub(in crate::topic::engine) topic: Arc<ActiveTopic>,
}

impl Drop for Activation {
    fn drop(&mut self) {
        self.topic.is_left.store(true, Ordering::Release);
        let mut state = self.topics.state.lock();
        let channel = &self.topic.channel;
        if !state.topics.get(channel).is_some_and(|topic| Arc::ptr_eq(topic, &self.topic)) {
            // The topic was activated again.
            return;
        }
        state.topics.remove(channel);
        if !state.new.remove(channel) {
            state.gone.insert(Arc::clone(channel));
        }
        drop(state);
        self.topics.changed.notify_one();
    }
}
