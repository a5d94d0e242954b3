//! [`Shard`], the parked connections that one task serves.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::client::Client;
use super::group::Group;
use super::inbox::{Inbox, Key, KeyWaker, MAX_KEPT_CAPACITY};
use super::parked::{Parked, Progress};
use super::phase::Phase;
use super::slots::Slots;
use super::sweep::Sweep;
use super::turn::Turn;
use crate::error::CloseReason;
use crate::server::shared::Shared;
use crate::stream::guarded;

/// The maximum number of sockets that arrive, are notified, are written to or are swept in one turn, before the
/// shard yields to the other tasks of its thread. Each kind of work is counted separately.
const TURN: usize = 512;

/// The maximum number of sockets of one topic that are written to before the other topics have their turn.
const GROUP_TURN: usize = 128;

/// The minimum time between the beginnings of two sweeps, since a sweep visits all sockets.
const TICK: Duration = Duration::from_millis(200);

/// The minimum time between two sweeps while a shutdown spreads the ends of streams.
const DRAINING_TICK: Duration = Duration::from_millis(5);

pub(super) struct Shard {
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    /// Connections that have arrived, until their turn comes.
    arrived: VecDeque<Client>,
    /// The keys of notified sockets and groups, until their turn comes.
    ready: VecDeque<Key>,
    sockets: Slots<Parked>,
    groups: Slots<Group>,
    /// The index of each log's group, by the log's address in memory.
    by_log: HashMap<usize, usize>,
    /// The indices of groups whose log may have changed, in the order of their turns.
    due: VecDeque<usize>,
    timer: Option<Pin<Box<Sleep>>>,
    sweep: Option<Sweep>,
    phase: Phase,
    /// [`TURN`], except in tests.
    pub(super) turn: usize,
}

impl Turn for Shard {
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Timers come first: a flood of other work must not delay them.
        self.poll_phase(cx);
        self.poll_timer(cx);
        self.go_on_sweeping();
        self.inbox.drain(cx, &mut self.arrived, &mut self.ready);
        for _ in 0..self.arrived.len().min(self.turn) {
            let Some(client) = self.arrived.pop_front() else { break };
            self.add_client(client);
        }
        if self.arrived.is_empty() {
            self.arrived.shrink_to(MAX_KEPT_CAPACITY);
        }
        for _ in 0..self.ready.len().min(self.turn) {
            let Some(key) = self.ready.pop_front() else { break };
            self.handle_notification(key);
        }
        self.write_due_groups();
        if self.sockets.len() == 0 && self.arrived.is_empty() && self.inbox.close() {
            return Poll::Ready(());
        }
        // Polled again, to register a timer that was set during this turn.
        self.poll_timer(cx);
        let idle = self.ready.is_empty() && self.arrived.is_empty() && self.due.is_empty() && self.sweep.is_none();
        if !idle {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn abandon(mut self) {
        self.clear(Some(CloseReason::Panicked));
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.clear(None);
    }
}

impl Shard {
    pub(super) fn new(inbox: Arc<Inbox>, shared: Arc<Shared>) -> Self {
        let phase = Phase::new(&shared);
        Self {
            inbox,
            shared,
            arrived: VecDeque::new(),
            ready: VecDeque::new(),
            sockets: Slots::new(),
            groups: Slots::new(),
            by_log: HashMap::new(),
            due: VecDeque::new(),
            timer: None,
            sweep: None,
            phase,
            turn: TURN,
        }
    }

    /// Drops all connections, in any state of the shard. One by one: two panics at once would abort.
    fn clear(&mut self, reason: Option<CloseReason>) {
        let parked = (0..self.sockets.end()).filter_map(|index| self.sockets.remove(index));
        for client in parked.map(|parked| parked.client).chain(self.arrived.drain(..)) {
            if let Some(reason) = reason {
                client.lifecycle.link().close(reason);
            }
            client.leave();
        }
    }

    /// Adds a connection to its group, and writes what is there for it.
    fn add_client(&mut self, mut client: Client) {
        let log = &client.subscription.log;
        let address = Arc::as_ptr(log).addr();
        let number = *self.by_log.entry(address).or_insert_with(|| {
            self.groups
                .insert_with(|number| Group::new(Arc::clone(log), KeyWaker::new(&self.inbox, Key::Group(number))))
        });
        client.life.apply_shutdown(&self.shared);
        let Some(group) = self.groups.get_mut(number) else { return client.leave() };
        let index = self.sockets.insert_with(|index| {
            let key_waker = KeyWaker::new(&self.inbox, Key::Socket(index));
            client.entry.closing().register(&Waker::from(Arc::clone(&key_waker)));
            Parked { client, key_waker, group: number, member: group.add(index) }
        });
        let due = self.sockets.get_mut(index).and_then(|parked| parked.due());
        self.enqueue(number);
        self.schedule(due);
        if self.phase.is_cutting() {
            return self.drop_connection(index, CloseReason::Shutdown);
        }
        // Handled as if notified: writes its head, and registers its wakers.
        self.handle_notification(Key::Socket(index));
    }

    /// Handles a notification.
    fn handle_notification(&mut self, key: Key) {
        match key {
            Key::Group(number) => {
                let Some(group) = self.groups.get_mut(number) else { return };
                group.key_waker.acknowledge();
                self.enqueue(number);
            }
            Key::Socket(index) => {
                let max_bytes = self.shared.limits.head_bytes;
                self.visit(index, |parked, now| {
                    parked.key_waker.acknowledge();
                    if parked.client.entry.closing().is_requested() {
                        parked.end(CloseReason::Shutdown, None);
                    }
                    parked.poll_credential();
                    match parked.read_ahead(max_bytes) {
                        Progress::Left => Progress::Left,
                        _ => parked.advance(now),
                    }
                });
            }
        }
    }

    /// Queues a group for its turn to be written to.
    fn enqueue(&mut self, number: usize) {
        let Some(group) = self.groups.get_mut(number) else { return };
        if !mem::replace(&mut group.is_due, true) {
            self.due.push_back(number);
        }
    }

    /// Runs `visit` on one connection and settles the result. A panic, say of a metrics recorder, drops only it.
    fn visit(&mut self, index: usize, visit: impl FnOnce(&mut Parked, Instant) -> Progress) {
        let Some(parked) = self.sockets.get_mut(index) else { return };
        let was_blocked = parked.client.output.write_wait().is_some();
        match guarded("a parked stream's code", || visit(parked, Instant::now())) {
            Some(progress) => {
                // If it was blocked, something other than its write timeout may be due now.
                let due = parked.due().filter(|_| was_blocked);
                self.schedule(due);
                self.settle(index, progress);
            }
            None => self.drop_connection(index, CloseReason::Panicked),
        }
    }

    /// Drops one connection without writing to its client again.
    fn drop_connection(&mut self, index: usize, reason: CloseReason) {
        self.sockets.get_mut(index).iter().for_each(|parked| parked.client.lifecycle.link().close(reason));
        self.settle(index, Progress::Left);
    }

    /// Schedules, returns or drops a connection, depending on the progress it has made.
    fn settle(&mut self, index: usize, progress: Progress) {
        match progress {
            Progress::CaughtUp => {}
            Progress::Blocked => {
                let due = self.sockets.get_mut(index).and_then(|parked| parked.due());
                self.schedule(due);
            }
            Progress::Over if self.phase.is_serving() => {
                if let Some(client) = self.take_out(index) {
                    client.go_back(&self.shared);
                }
            }
            Progress::Over | Progress::Left => self.take_out(index).into_iter().for_each(Client::leave),
        }
    }

    /// Removes a connection from the shard and its group. An empty group is removed as well.
    fn take_out(&mut self, index: usize) -> Option<Client> {
        let parked = self.sockets.remove(index)?;
        if let Some(group) = self.groups.get_mut(parked.group) {
            if let Some((moved, member)) = group.remove(parked.member)
                && let Some(moved) = self.sockets.get_mut(moved)
            {
                moved.member = member;
                // The walk may have passed this index already.
                moved.key_waker.notify();
            }
            if group.is_empty() {
                self.by_log.remove(&Arc::as_ptr(&parked.client.subscription.log).addr());
                self.groups.remove(parked.group);
            }
        }
        Some(parked.client)
    }

    /// Writes new events to one turn's worth of sockets. The groups take turns.
    fn write_due_groups(&mut self) {
        let mut left = self.turn;
        while left > 0
            && let Some(number) = self.due.pop_front()
        {
            let turn = left.min(GROUP_TURN);
            left -= self.write_group_turn(number, turn);
        }
    }

    /// Writes to at most `turn` sockets of a group. Returns their number. Queues the group again for the rest.
    fn write_group_turn(&mut self, number: usize, turn: usize) -> usize {
        let (mut written, mut at) = (0, None);
        // Panics are caught once per turn: a guard for each socket would add to the cost of each delivery.
        let finished = guarded("a parked stream's code", || self.write_to_group(number, turn, &mut written, &mut at));
        if let (None, Some(index)) = (finished, at) {
            self.drop_connection(index, CloseReason::Panicked);
        }
        if finished != Some(true) {
            self.due.push_back(number);
        }
        written
    }

    /// Writes to sockets of a group, and records their number and the current one. `true` if none is left.
    fn write_to_group(&mut self, number: usize, turn: usize, written: &mut usize, at: &mut Option<usize>) -> bool {
        let now = Instant::now();
        while *written < turn {
            let Some(group) = self.groups.get_mut(number) else { return true };
            // Counted before the member is known: a look into the log is work as well.
            *written += 1;
            let Some((window, index)) = group.next() else {
                group.is_due = false;
                return true;
            };
            *at = Some(index);
            let Some(parked) = self.sockets.get_mut(index) else { continue };
            if parked.client.output.write_wait().is_none() {
                let progress = parked.write(&window, now);
                if progress != Progress::CaughtUp {
                    self.settle(index, progress);
                }
            }
        }
        false
    }

    /// Sets the timer to fire at this time at the latest.
    fn schedule(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return };
        match &mut self.timer {
            Some(timer) if timer.deadline() <= due => {}
            Some(timer) => timer.as_mut().reset(due),
            none => *none = Some(Box::pin(sleep_until(due))),
        }
    }

    /// Begins a sweep when the timer has fired: something is due for one of the sockets.
    fn poll_timer(&mut self, cx: &mut Context<'_>) {
        if let Some(timer) = &mut self.timer
            && self.sweep.is_none()
            && timer.as_mut().poll(cx).is_ready()
        {
            self.timer = None;
            self.sweep = Some(Sweep::new(Instant::now()));
        }
    }

    /// Checks one turn's worth of sockets for due work.
    fn go_on_sweeping(&mut self) {
        let Some(mut sweep) = self.sweep.take() else { return };
        for _ in 0..self.turn {
            let Some(index) = sweep.next(self.sockets.end()) else {
                let tick = if self.phase.is_serving() { TICK } else { DRAINING_TICK };
                self.schedule(sweep.next_sweep(tick));
                return;
            };
            if self.phase.is_cutting() {
                self.drop_connection(index, CloseReason::Shutdown);
                continue;
            }
            let Some(mut parked) = self.sockets.get_mut(index) else { continue };
            parked.client.life.apply_shutdown(&self.shared);
            if parked.due().is_some_and(|due| due <= Instant::now()) {
                self.visit(index, Parked::tick);
                let Some(still) = self.sockets.get_mut(index) else { continue };
                parked = still;
            }
            sweep.note(parked.due());
        }
        self.sweep = Some(sweep);
    }

    fn poll_phase(&mut self, cx: &mut Context<'_>) {
        while self.phase.poll_next(cx).is_ready() {
            // From the first socket: those that were swept before do not know the new phase.
            self.sweep = Some(Sweep::new(Instant::now()));
        }
    }
}
