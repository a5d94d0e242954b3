//! [`Group`], the parked connections of one shard that follow one topic.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::node::Node;
use super::window::Window;
use crate::topic::{Mark, SharedLog, WaiterSlot};

#[derive(Debug)]
pub(super) struct Group {
    log: Arc<SharedLog>,
    pub(super) node: Arc<Node>,
    /// It waits for its turn to be written.
    pub(super) is_due: bool,
    waker: Waker,
    place: WaiterSlot,
    /// Its sockets, by their numbers.
    members: Vec<usize>,
    /// What every member has that takes what it is given.
    seen: Mark,
    /// How many of the log's ends every member has been told of.
    told_ends: u64,
    /// A walk on its way: what is written, and who comes next.
    walk: Option<(Arc<Window>, usize)>,
}

impl Group {
    pub(super) fn new(log: Arc<SharedLog>, node: Arc<Node>) -> Self {
        let state = log.lock();
        let (seen, told_ends) = (state.log.head(), state.log.ends());
        drop(state);
        let waker = Waker::from(Arc::clone(&node));
        Self {
            log,
            node,
            is_due: false,
            waker,
            place: WaiterSlot::NONE,
            members: Vec::new(),
            seen,
            told_ends,
            walk: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a socket; its place among the members comes back.
    pub(super) fn join(&mut self, socket: usize) -> usize {
        self.members.push(socket);
        self.members.len() - 1
    }

    /// Takes a socket out. The last member takes its place, and is named with it.
    pub(super) fn part(&mut self, member: usize) -> Option<(usize, usize)> {
        if member < self.members.len() {
            self.members.swap_remove(member);
        }
        Some((*self.members.get(member)?, member))
    }

    /// The next socket to be written to, and what; `None` when all have all there is. Then the
    /// topic will wake this group when there is more.
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
            let window = self.log.look(&mut self.place, &self.waker, |log| {
                // What is not kept any more was too fast for a whole walk. Each socket finds out
                // for itself.
                let from = if self.seen.offset < log.tail().offset { log.tail() } else { self.seen };
                let window = Window::after(from, log);
                if window.is_some() {
                    return window;
                }
                // Nothing more comes for those who were there, and each member finds out why.
                let told = mem::replace(&mut self.told_ends, log.ends());
                (told != self.told_ends).then(|| Window::nothing(log.head()))
            })?;
            self.walk = Some((Arc::new(window), 0));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.log.stop_looking(&mut self.place);
    }
}
