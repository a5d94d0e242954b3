//! [`Inbox`], the queues through which a shard is notified, and [`KeyWaker`], the wakers that fill it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::client::Client;
use super::signal::Signal;

use crate::sync::Mutex;

/// The capacity that a queue of arrivals keeps after a burst.
pub(super) const MAX_KEPT_CAPACITY: usize = 8;

/// The queues that a shard empties when it is woken.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    /// New connections.
    arrived: Vec<Client>,
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
    pub(super) fn push(&self, client: Client) -> bool {
        let mut queues = self.0.lock();
        queues.arrived.push(client);
        let starts = !mem::replace(&mut queues.running, true);
        let task = queues.task.take();
        drop(queues);
        task.into_iter().for_each(Waker::wake);
        starts
    }

    /// Moves all entries to the back of the given queues, and registers the task to be woken for more.
    pub(super) fn drain(&self, cx: &Context<'_>, arrived: &mut VecDeque<Client>, ready: &mut VecDeque<Key>) {
        let mut queues = self.0.lock();
        arrived.extend(queues.arrived.drain(..));
        ready.extend(queues.ready.drain(..));
        // Frees the capacity of a burst.
        queues.arrived.shrink_to(MAX_KEPT_CAPACITY);
        match &mut queues.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Ends the shard's task, if no connection is queued. Returns whether it did.
    pub(super) fn close(&self) -> bool {
        let mut queues = self.0.lock();
        if !queues.arrived.is_empty() {
            return false;
        }
        // Sockets and topics may still hold wakers of removed entries, whose keys are meaningless now.
        queues.ready.clear();
        queues.task = None;
        queues.running = false;
        true
    }

    /// Records that the shard's task was dropped before its end. Returns the queued connections, which no task
    /// serves. The next connection starts another task.
    pub(super) fn stop(&self) -> Vec<Client> {
        let mut queues = self.0.lock();
        queues.ready.clear();
        queues.task = None;
        queues.running = false;
        mem::take(&mut queues.arrived)
    }

    /// Records a task as started, without a connection. Returns `true` if none was running.
    #[cfg(test)]
    pub(super) fn start(&self) -> bool {
        !mem::replace(&mut self.0.lock().running, true)
    }

    /// Queues a key and wakes the shard.
    fn notify(&self, key: Key) {
        let mut queues = self.0.lock();
        queues.ready.push(key);
        let task = queues.task.take();
        drop(queues);
        task.into_iter().for_each(Waker::wake);
    }
}

/// The waker of one socket or group. It notifies the shard that the socket or group belongs to.
#[derive(Debug)]
pub(super) struct KeyWaker {
    inbox: Arc<Inbox>,
    key: Key,
    /// Raised while the key is queued in the inbox.
    queued: Signal,
}

impl KeyWaker {
    pub(super) fn new(inbox: &Arc<Inbox>, key: Key) -> Arc<Self> {
        Arc::new(Self { inbox: Arc::clone(inbox), key, queued: Signal::new() })
    }

    /// Marks the key as handled, before the shard reads its state. A later notification queues the key again.
    pub(super) fn acknowledge(&self) {
        self.queued.lower();
    }

    /// Notifies the shard, unless the key is queued already.
    pub(super) fn notify(&self) {
        if self.queued.raise() {
            self.inbox.notify(self.key);
        }
    }
}

impl Wake for KeyWaker {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}
