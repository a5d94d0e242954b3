//! Who has something for a shard to do: the sockets, the topics, and those who bring connections.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use super::arrival::Arrival;
use super::signal::Signal;

/// For how many that wait there is room when they are gone.
pub(super) const MOST_WAITING: usize = 8;

/// What a shard looks at when it is woken.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Letters>);

#[derive(Debug, Default)]
struct Letters {
    /// Connections that are new.
    arrived: Vec<Arrival>,
    /// Those of its own that have news.
    ready: Vec<Key>,
    /// The shard's task, as long as there is one.
    task: Option<Waker>,
    running: bool,
}

/// One of the things that a shard has, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Socket(usize),
    Group(usize),
}

impl Inbox {
    /// Brings a connection. True if a task must be started, because the shard has none.
    pub(super) fn bring(&self, arrival: Arrival) -> bool {
        let mut letters = self.lock();
        letters.arrived.push(arrival);
        let starts = !mem::replace(&mut letters.running, true);
        let task = letters.task.take();
        drop(letters);
        task.into_iter().for_each(Waker::wake);
        starts
    }

    /// Takes out what is there, behind what was taken before, and has the task woken when there is
    /// more.
    pub(super) fn open(&self, cx: &Context<'_>, arrived: &mut VecDeque<Arrival>, ready: &mut VecDeque<Key>) {
        let mut letters = self.lock();
        arrived.extend(letters.arrived.drain(..));
        ready.extend(letters.ready.drain(..));
        // A crowd that came at once must not leave its room behind.
        letters.arrived.shrink_to(MOST_WAITING);
        match &mut letters.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// The shard has nothing left and its task ends, unless somebody has just arrived.
    pub(super) fn close(&self) -> bool {
        let mut letters = self.lock();
        if !letters.arrived.is_empty() {
            return false;
        }
        // Wakers of what is gone may still be in sockets and topics: what they say is of no use.
        letters.ready.clear();
        letters.task = None;
        letters.running = false;
        true
    }

    /// The shard's task is gone, and has not come to its end. Those who have arrived come back: nobody
    /// serves them. The next one to arrive starts another task.
    pub(super) fn stop(&self) -> Vec<Arrival> {
        let mut letters = self.lock();
        letters.ready.clear();
        letters.task = None;
        letters.running = false;
        mem::take(&mut letters.arrived)
    }

    /// Counts a task as started, without a connection for it. True if none was.
    #[cfg(test)]
    pub(super) fn start(&self) -> bool {
        !mem::replace(&mut self.lock().running, true)
    }

    fn tell(&self, key: Key) {
        let mut letters = self.lock();
        letters.ready.push(key);
        let task = letters.task.take();
        drop(letters);
        task.into_iter().for_each(Waker::wake);
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of one thing of a shard. Whoever is told to wake it needs not know the shard.
#[derive(Debug)]
pub(super) struct Node {
    inbox: Arc<Inbox>,
    key: Key,
    /// Raised while it stands in the inbox.
    told: Signal,
}

impl Node {
    pub(super) fn new(inbox: &Arc<Inbox>, key: Key) -> Arc<Self> {
        Arc::new(Self { inbox: Arc::clone(inbox), key, told: Signal::new() })
    }

    /// The shard looks at it now: what comes from here on is news.
    pub(super) fn heard(&self) {
        self.told.lower();
    }

    /// Has the shard look at it.
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
