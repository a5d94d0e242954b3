//! [`Life`], one life of a key, and when it must end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use touka::EventId;

use super::step::{Limits, Order};

/// The time for which a body may go on that is to stop.
pub(super) const GRACE: Duration = Duration::from_millis(2_900);

/// The lease of a cluster, and the time after it within which a run is lost that somebody asks for.
pub(super) const LEASE: Duration = Duration::from_secs(10);
pub(super) const LOST_WITHIN: Duration = Duration::from_secs(2);

/// The name of an end, and a part of its data.
pub(super) type End = (&'static str, &'static str);

pub(super) const STOPPED: End = ("cancelled", "stopped");
pub(super) const LEFT: End = ("cancelled", "left");
pub(super) const SHUTDOWN: End = ("cancelled", "shutdown");
pub(super) const TOO_LONG: End = ("failed", "max_run");
pub(super) const LOST: End = ("lost", "");

/// One life of a key.
#[derive(Debug)]
pub(super) struct Life {
    /// The data of its events.
    pub(super) events: Vec<String>,
    /// The ids that viewers have seen, each with the number of events up to it, the last event included.
    pub(super) ids: Vec<(EventId, usize)>,
    /// The end, once that is due, and the earliest and the latest time at which it can have come.
    pub(super) end: Option<End>,
    pub(super) ended: (Instant, Instant),
    pub(super) orders: mpsc::UnboundedSender<Order>,
    /// The number of bodies that were started for it.
    pub(super) bodies: Arc<AtomicUsize>,
    pub(super) number: usize,
    pub(super) heeds: bool,
    pub(super) limits: Limits,
    /// The node that runs the body.
    pub(super) node: usize,
    pub(super) begun: Instant,
    /// The time and the reason for which it is to stop.
    pub(super) stop: Option<(Instant, End)>,
    /// The time since which the last viewer is gone.
    pub(super) alone: Option<Instant>,
    /// Whether a node has died while it had viewers of this run. It counts as having them.
    pub(super) is_haunted: bool,
    /// The time at which its node has died before the end.
    pub(super) died: Option<Instant>,
    /// The node and the time at which a survivor has begun to watch since.
    pub(super) asked: Option<(usize, Instant)>,
}

impl Life {
    /// Ends the life now.
    pub(super) fn finish(&mut self, end: End) {
        (self.end, self.ended) = (Some(end), (Instant::now(), Instant::now()));
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.end.is_none() && self.died.is_none()
    }

    /// The events and the end after the body has obeyed this order. A reason to stop counts for a body that ends by itself.
    pub(super) fn after(&self, order: Order) -> (Vec<String>, Option<End>) {
        let (mut events, mut end) = (self.events.clone(), None);
        match order {
            Order::Emit(more) => {
                events.extend((0..more).map(|at| format!("{}.{}", self.number, self.events.len() - 1 + at)));
            }
            Order::End => end = Some(self.stop.map_or(("done", ""), |(_, end)| end)),
            Order::Fail | Order::Panic => end = Some(("failed", "")),
        }
        (events, end)
    }

    /// Asks the body to stop. The first reason counts.
    pub(super) fn ask_to_stop(&mut self, end: End) {
        self.stop.get_or_insert((Instant::now(), end));
    }

    /// The next thing that time brings about: a stop or the end.
    fn due(&self) -> Option<(Instant, End)> {
        if let Some((at, end)) = self.stop {
            return Some((if self.heeds { at } else { at + GRACE }, end));
        }
        let left = self.alone.zip(self.limits.patience).map(|(alone, patience)| (alone + patience, LEFT));
        left.into_iter().chain([(self.begun + self.limits.max_run, TOO_LONG)]).min_by_key(|(at, _)| *at)
    }

    /// Does what time has brought about.
    pub(super) fn advance(&mut self, is_watched: bool) {
        if is_watched || self.is_haunted {
            self.alone = None;
        }
        while self.is_under_way()
            && let Some((at, end)) = self.due().filter(|(at, _)| *at <= Instant::now())
        {
            if self.stop.is_some() {
                (self.end, self.ended) = (Some(end), (at, at));
            } else {
                self.stop = Some((at, end));
            }
        }
    }

    /// Whether the life has a change so near that it may have come or not.
    pub(super) fn is_unsure(&self) -> bool {
        const NEAR: Duration = Duration::from_millis(40);
        let now = Instant::now();
        let is_near = |at: Instant| now < at + NEAR && at < now + NEAR;
        let kept = self.limits.keep_for;
        match (self.end, self.died) {
            (Some(_), _) => is_near(self.ended.0 + kept) || is_near(self.ended.1 + kept),
            (None, Some(died)) => is_near(died + LEASE),
            (None, None) => self.due().is_some_and(|(at, _)| is_near(at) && at != now),
        }
    }

    /// Whether the life is over and not kept any more. `None` if that cannot be known.
    pub(super) fn is_expired(&self) -> Option<bool> {
        let (from, until) = self.ended;
        let age = Instant::now().duration_since(from);
        if self.end.is_none() || age <= self.limits.keep_for {
            return Some(false);
        }
        (until.elapsed() > self.limits.keep_for).then_some(true)
    }
}
