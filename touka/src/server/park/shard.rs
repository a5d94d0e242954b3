//! A shard: the task that serves some of the parked connections.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::super::serving::Serving;
use super::group::Group;
use super::node::{Inbox, Key, MOST_WAITING, Node};
use super::parked::{Parked, Progress};
use super::slots::Slots;
use crate::error::CloseReason;
use crate::stream::spread;

/// How many sockets are written, are listened to and arrive before the other tasks of the thread have
/// their turn.
const TURN: usize = 512;

/// Timers are looked at no more often than this: one look goes through all sockets.
const TICK: Duration = Duration::from_millis(200);

/// The same while a shutdown spreads the ends of streams.
const DRAINING_TICK: Duration = Duration::from_millis(5);

/// Serves what comes into the inbox, until there is nothing left.
pub(super) async fn run(inbox: Arc<Inbox>, serving: Arc<Serving>) {
    let mut shard = Shard {
        inbox,
        sockets: Slots::new(),
        groups: Slots::new(),
        by_log: HashMap::new(),
        due: Vec::new(),
        timer: None,
        draining: false,
    };
    let mut shutdown = pin!(serving.handle.shutdown.cancelled());
    let mut deadline = pin!(serving.deadline());
    let (mut arrived, mut ready) = (Vec::new(), Vec::new());
    poll_fn(|cx| {
        shard.inbox.open(cx, &mut arrived, &mut ready);
        for parked in arrived.drain(..arrived.len().min(TURN)) {
            shard.arrive(parked);
        }
        if arrived.is_empty() {
            arrived.shrink_to(MOST_WAITING);
        }
        if deadline.as_mut().poll(cx).is_ready() {
            shard.cut();
        } else if !shard.draining && shutdown.as_mut().poll(cx).is_ready() {
            shard.drain(&serving);
        }
        for key in ready.drain(..ready.len().min(TURN)) {
            shard.hear(key);
        }
        let unfinished = shard.walk() || !arrived.is_empty() || !ready.is_empty();
        shard.poll_timer(cx);
        if shard.sockets.len() == 0 && arrived.is_empty() && shard.inbox.close() {
            return Poll::Ready(());
        }
        if unfinished {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}

struct Shard {
    inbox: Arc<Inbox>,
    sockets: Slots<Parked>,
    groups: Slots<Group>,
    /// The group of each log, by where the log is in memory.
    by_log: HashMap<usize, usize>,
    /// Groups whose log has news.
    due: Vec<usize>,
    timer: Option<Pin<Box<Sleep>>>,
    draining: bool,
}

impl Shard {
    /// Takes a connection in, and gives it what there is.
    fn arrive(&mut self, mut parked: Parked) {
        let log = &parked.subscription.log;
        let address = Arc::as_ptr(log).addr();
        let group = *self.by_log.entry(address).or_insert_with(|| {
            let number = self
                .groups
                .insert_with(|number| Group::new(Arc::clone(log), Node::new(&self.inbox, Key::Group(number))));
            // It has never looked, and so is woken by nothing.
            self.due.push(number);
            number
        });
        parked.group = group;
        let due = parked.due();
        let inbox = &self.inbox;
        let index = self.sockets.insert_with(|index| {
            let node = Node::new(inbox, Key::Socket(index));
            parked.entry.closing().wakes(&Waker::from(Arc::clone(&node)));
            parked.node = Some(node);
            parked
        });
        if let (Some(group), Some(parked)) = (self.groups.get_mut(group), self.sockets.get_mut(index)) {
            parked.member = group.join(index);
        }
        self.expect(due);
        // Heard like one that has news: it is written its head, and looked at for the first time.
        self.hear(Key::Socket(index));
    }

    fn hear(&mut self, key: Key) {
        match key {
            Key::Group(number) => {
                let Some(group) = self.groups.get_mut(number) else { return };
                group.node.heard();
                self.due.push(number);
            }
            Key::Socket(index) => {
                let Some(parked) = self.sockets.get_mut(index) else { return };
                let now = Instant::now();
                parked.node.iter().for_each(|node| node.heard());
                if parked.entry.closing().is_wished() {
                    parked.end(CloseReason::Shutdown, None);
                }
                let progress = match parked.listen() {
                    Progress::Gone => Progress::Gone,
                    _ => parked.advance(now),
                };
                self.settle(index, progress);
            }
        }
    }

    /// Draws the consequence of what became of a socket.
    fn settle(&mut self, index: usize, progress: Progress) {
        match progress {
            Progress::CaughtUp => {}
            Progress::Blocked => {
                let due = self.sockets.get_mut(index).and_then(|parked| parked.due());
                self.expect(due);
            }
            Progress::Gone => self.remove(index),
        }
    }

    fn remove(&mut self, index: usize) {
        let Some(parked) = self.sockets.remove(index) else { return };
        if let Some(group) = self.groups.get_mut(parked.group) {
            if let Some((moved, member)) = group.part(parked.member)
                && let Some(moved) = self.sockets.get_mut(moved)
            {
                moved.member = member;
                // The walk may have been past this place.
                moved.node.iter().for_each(|node| node.tell());
            }
            if group.is_empty() {
                self.by_log.remove(&Arc::as_ptr(&parked.subscription.log).addr());
                self.groups.remove(parked.group);
            }
        }
        parked.leave();
    }

    /// Writes what is new in the logs to their sockets. True if there is more than for one turn.
    fn walk(&mut self) -> bool {
        let now = Instant::now();
        let mut left = TURN;
        while let Some(&number) = self.due.last() {
            // Before the next one is drawn: who is drawn and not written to is forgotten.
            if left == 0 {
                return true;
            }
            left -= 1;
            let Some(group) = self.groups.get_mut(number) else {
                self.due.pop();
                continue;
            };
            let Some((window, index)) = group.next() else {
                self.due.pop();
                continue;
            };
            let Some(parked) = self.sockets.get_mut(index) else { continue };
            if parked.blocked_since.is_none() {
                let progress = parked.write(&window, now);
                self.settle(index, progress);
            }
        }
        false
    }

    // ===== time =====

    /// Has the timer fire no later than this.
    fn expect(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return };
        match &mut self.timer {
            Some(timer) if timer.deadline() <= due => {}
            Some(timer) => timer.as_mut().reset(due),
            none => *none = Some(Box::pin(sleep_until(due))),
        }
    }

    /// Looks at all sockets whenever something is due for one of them.
    fn poll_timer(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            self.timer = None;
            let now = Instant::now();
            let mut next: Option<Instant> = None;
            for index in 0..self.sockets.end() {
                let Some(parked) = self.sockets.get_mut(index) else { continue };
                if parked.due().is_some_and(|due| due <= now) {
                    let progress = parked.tick(now);
                    self.settle(index, progress);
                }
                let due = self.sockets.get_mut(index).and_then(|parked| parked.due());
                next = next.into_iter().chain(due).min();
            }
            let tick = if self.draining { DRAINING_TICK } else { TICK };
            self.expect(next.map(|next| next.max(now + tick)));
        }
    }

    /// The server shuts down: each stream gets a turn of its own to end.
    fn drain(&mut self, serving: &Serving) {
        self.draining = true;
        let (now, time) = (Instant::now(), serving.drain_time());
        let mut first: Option<Instant> = None;
        for (_, parked) in self.sockets.iter_mut() {
            let turn = now + spread(Duration::ZERO, time);
            if parked.end_at.is_none_or(|(at, _)| at > turn) {
                parked.end_at = Some((turn, CloseReason::Shutdown));
            }
            first = first.into_iter().chain([turn]).min();
        }
        self.expect(first);
    }

    /// The shutdown has taken as long as it may.
    fn cut(&mut self) {
        for index in 0..self.sockets.end() {
            if let Some(parked) = self.sockets.get_mut(index) {
                parked.lifecycle.link().close(CloseReason::Shutdown);
                self.remove(index);
            }
        }
    }
}
