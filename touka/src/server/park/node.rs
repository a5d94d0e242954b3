//! [`Inbox`], the queues through which a shard is notified, and [`Node`], the wakers that fill it.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use super::arrival::Arrival;
use super::signal::Signal;

/// The capacity that a queue of arrivals keeps after a burst.
pub(super) const MOST_WAITING: usize = 8;

/// The queues that a shard empties when it is woken.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Letters>);

#[derive(Debug, Default)]
struct Letters {
    /// New connections.
    arrived: Vec<Arrival>,
    /// The keys of the shard's own sockets and groups that were notified.
    ready: Vec<Key>,
    /// The waker of the shard's task, until it is woken.
    task: Option<Waker>,
    /// Whether the shard has a task.
    running: bool,
}

/// A socket or group of a shard, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Socket(usize),
    Group(usize),
}

impl Inbox {
    /// Queues a connection. Returns `true` if the caller must start a task, because the shard has none.
    pub(super) fn bring(&self, arrival: Arrival) -> bool {
        let mut letters = self.lock();
        letters.arrived.push(arrival);
        let starts = !mem::replace(&mut letters.running, true);
        let task = letters.task.take();
        drop(letters);
        task.into_iter().for_each(Waker::wake);
        starts
    }

    /// Moves all entries to the back of the given queues, and registers the task to be woken for more.
    pub(super) fn open(&self, cx: &Context<'_>, arrived: &mut VecDeque<Arrival>, ready: &mut VecDeque<Key>) {
        let mut letters = self.lock();
        arrived.extend(letters.arrived.drain(..));
        ready.extend(letters.ready.drain(..));
        // Frees the capacity of a burst.
        letters.arrived.shrink_to(MOST_WAITING);
        match &mut letters.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Ends the shard's task, if no connection is queued. Returns whether it did.
    pub(super) fn close(&self) -> bool {
        let mut letters = self.lock();
        if !letters.arrived.is_empty() {
            return false;
        }
        // Sockets and topics may still hold wakers of removed entries, whose keys are meaningless now.
        letters.ready.clear();
        letters.task = None;
        letters.running = false;
        true
    }

    /// Records that the shard's task was dropped before its end. Returns the queued connections, which no task
    /// serves. The next connection starts another task.
    pub(super) fn stop(&self) -> Vec<Arrival> {
        let mut letters = self.lock();
        letters.ready.clear();
        letters.task = None;
        letters.running = false;
        mem::take(&mut letters.arrived)
    }

    /// Records a task as started, without a connection. Returns `true` if none was running.
    #[cfg(test)]
    pub(super) fn start(&self) -> bool {
        !mem::replace(&mut self.lock().running, true)
    }

    /// Queues a key and wakes the shard.
    fn tell(&self, key: Key) {
        let mut letters = self.lock();
        letters.ready.push(key);
        let task = letters.task.take();
        drop(letters);
        task.into_iter().for_each(Waker::wake);
    }

    /// Locks the queues, ignoring poisoning: no code under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of one socket or group. It notifies the shard that the socket or group belongs to.
#[derive(Debug)]
pub(super) struct Node {
    inbox: Arc<Inbox>,
    key: Key,
    /// Raised while the key is queued in the inbox.
    told: Signal,
}

impl Node {
    pub(super) fn new(inbox: &Arc<Inbox>, key: Key) -> Arc<Self> {
        Arc::new(Self { inbox: Arc::clone(inbox), key, told: Signal::new() })
    }

    /// Marks the key as handled, before the shard reads its state. A later notification queues the key again.
    pub(super) fn heard(&self) {
        self.told.lower();
    }

    /// Notifies the shard, unless the key is queued already.
    pub(super) fn tell(&self) {
        if self.told.raise() {
            self.inbox.tell(self.key);
        }
    }
}

impl Wake for Node {
    fn wake(self: Arc<Self>) {
        self.tell();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.tell();
    }
}
