//! [`Group`], the parked connections of one topic in one shard.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::inbox::KeyWaker;
use super::window::Window;
use crate::topic::{LogVersion, Mark, SharedLog, WaiterSlot};

#[derive(Debug)]
pub(super) struct Group {
    log: Arc<SharedLog>,
    pub(super) key_waker: Arc<KeyWaker>,
    /// Whether the group is queued for its turn to be written to.
    pub(super) is_due: bool,
    waker: Waker,
    slot: WaiterSlot,
    /// The indices of its sockets in the shard.
    members: Vec<usize>,
    /// The position of all members that are not blocked, apart from a walk in progress.
    seen: Mark,
    /// The version of the log that all members were visited for, and [`Log::irregular`](crate::topic::Log::irregular).
    version: (LogVersion, u64),
    /// The walk in progress: its window, and the index of the next member.
    walk: Option<(Arc<Window>, usize)>,
}

impl Group {
    pub(super) fn new(log: Arc<SharedLog>, key_waker: Arc<KeyWaker>) -> Self {
        let state = log.lock();
        let (seen, version) = (state.log.head(), (state.log.version(), state.log.irregular()));
        drop(state);
        let waker = Waker::from(Arc::clone(&key_waker));
        Self {
            log,
            key_waker,
            is_due: false,
            waker,
            slot: WaiterSlot::NONE,
            members: Vec::new(),
            seen,
            version,
            walk: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a socket. Returns its index among the members.
    pub(super) fn add(&mut self, socket: usize) -> usize {
        self.members.push(socket);
        self.members.len() - 1
    }

    /// Removes a member. The last member takes its index: returns the socket of that member and its new index,
    /// if it was another one.
    pub(super) fn remove(&mut self, member: usize) -> Option<(usize, usize)> {
        if member < self.members.len() {
            self.members.swap_remove(member);
        }
        Some((*self.members.get(member)?, member))
    }

    /// Returns the next socket to write to, and the window for it. `None` if all members have all events: the
    /// topic then wakes this group for the next one.
    pub(super) fn next(&mut self) -> Option<(Arc<Window>, usize)> {
        loop {
            if let Some((window, next)) = &mut self.walk {
                if let Some(&socket) = self.members.get(*next) {
                    *next += 1;
                    return Some((Arc::clone(window), socket));
                }
                self.seen = window.to();
                self.walk = None;
            }
            let window = self.log.read_or_register(&mut self.slot, &self.waker, |log| {
                // The log has ended for its present members, its events were replaced, or it has an entry that is no ordinary
                // event. An empty window visits each member, so that it finds out what that means for it.
                let version = (log.version(), log.irregular());
                if mem::replace(&mut self.version, version) != version {
                    return Some(Window::empty(log.head()));
                }
                // Events that are no longer retained were published faster than a walk. Each socket detects
                // its own gap.
                let from = if self.seen.offset < log.tail().offset { log.tail() } else { self.seen };
                Window::after(from, log)
            })?;
            self.walk = Some((Arc::new(window), 0));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.log.unregister(&mut self.slot);
    }
}
