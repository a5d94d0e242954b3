//! [`Cursor`], a subscriber's position in a log and how it moves.

use std::mem;
use std::sync::Arc;

use super::encoded::Encoded;
use super::gap::{GapReason, gap};
use super::generation::Generation;
use super::history::OldEvent;
use super::log::Log;
use super::log_version::LogVersion;
use super::on_gap::after_gap;
use super::on_lag::OnLag;
use super::position::{Epoch, Mark, Position};
use super::read_rule::ReadRule;
use super::role::Role;
use crate::error::CloseReason;
use crate::event::Event;

/// The claim of a subscriber to events that are trimmed before it got any.
///
/// With [`OnLag`] alone, a topic that is busy, or whose handler publishes before its stream is read, would close each
/// stream of [`OnLag::Disconnect`] at once, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The retained events up to this offset, which may become fewer: the subscriber came without an id.
    History(u64),
    /// All events after the subscriber's id. A `gap` event tells what is missed.
    Returning,
    /// The events after the next one, or after one that was handed out. The subscriber lags if it misses any.
    Begun,
}

/// A subscriber's position in a log.
#[derive(Debug)]
pub(crate) struct Cursor {
    place: Place,
    pub(super) rule: ReadRule,
    start: Start,
    /// Whether the subscriber has reached the end of the log once. The events before that are not its lag.
    caught_up: bool,
    /// The generation that the subscriber belongs to. Its stream ends where the generation ends.
    generation: Arc<Generation>,
}

/// A cursor's place in the history of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The epoch of the log when the cursor was moved last.
    epoch: Epoch,
    /// The last event that was handed out.
    seen: Mark,
    /// The number of times that the events of the log had been replaced when the cursor was moved last.
    resets: u64,
}

/// The outcome of one step of a cursor.
pub(crate) enum Ahead<'l> {
    /// The next event. The cursor is past it now.
    Event(&'l Encoded),
    /// The subscriber may have missed events. The cursor has moved between these two marks.
    Skipped { from: Position, to: Mark, reason: GapReason },
    /// No event for now.
    Nothing,
    /// The next event of the log does not follow the last one that was handed out. The engine may have the events between,
    /// for [`Cursor::follow`]; or it has replaced what the log has.
    Behind,
    /// The end of the stream, after this last event.
    End(CloseReason, Option<Event>),
}

impl Cursor {
    pub(super) fn new(seen: Mark, rule: ReadRule, start: Start, log: &Log) -> Self {
        let place = Place { epoch: log.epoch(), seen, resets: log.version().resets };
        Self { place, rule, start, caught_up: false, generation: Arc::clone(log.generation()) }
    }

    pub(crate) const fn seen(&self) -> Mark {
        self.place.seen
    }

    /// Whether the cursor visits every event, one after the other.
    pub(crate) fn is_plain(&self) -> bool {
        self.rule.on_lag == OnLag::Disconnect && self.rule.most.is_none()
    }

    /// The version of the log that the subscriber has examined. The end of its own generation is part of a later one.
    pub(crate) fn version(&self) -> LogVersion {
        LogVersion { ends: self.generation.number(), resets: self.place.resets }
    }

    /// Moves the cursor to this mark.
    pub(crate) const fn skip_to(&mut self, seen: Mark) {
        self.place.seen = seen;
        self.start = Start::Begun;
    }

    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Takes steps back whose results were not used.
    pub(crate) const fn return_to(&mut self, place: Place) {
        self.place = place;
    }

    /// Moves the cursor to the newest event of its generation, for a subscriber that gets the state by other means. If more
    /// events than are retained follow before it reads on, it gets a gap. Returns its position.
    pub(super) fn restart(&mut self, log: &Log) -> Position {
        let (end, head) = (self.generation.end(), log.head());
        let resets = log.version().resets;
        // The end is an offset among events that may have been replaced: the next step finds that.
        if end.is_none() || self.place.resets == resets {
            let seen = match end.filter(|end| end.at < head.offset) {
                Some(end) => log.mark(end.at).unwrap_or(log.tail()),
                None => log.live(),
            };
            self.place = Place { epoch: log.epoch(), seen, resets };
        }
        (self.start, self.caught_up) = (Start::Returning, false);
        Position { epoch: self.place.epoch, mark: self.place.seen }
    }

    /// Joins the log's current generation. Returns whether the cursor was in another one.
    pub(crate) fn join_generation(&mut self, log: &Log) -> bool {
        !Arc::ptr_eq(&mem::replace(&mut self.generation, Arc::clone(log.generation())), log.generation())
    }

    /// Takes the next step through the log.
    pub(crate) fn step<'l>(&mut self, log: &'l Log) -> Ahead<'l> {
        if self.place.resets != log.version().resets
            && let Some(ahead) = self.rejoin(log)
        {
            return ahead;
        }
        loop {
            let end = self.generation.end();
            if let Some(end) = end
                && self.place.seen.offset >= end.at
            {
                return Ahead::End(end.reason, end.last.clone());
            }
            let ends_at = end.map(|end| end.at);
            let trimmed = self.place.seen.offset < log.tail().offset;
            if log.is_cache() && !trimmed && !log.follows(self.place.seen) {
                // An event that was read from the engine: the log has yet to learn of another history, or the reader has.
                return Ahead::Behind;
            }
            if self.place.seen.offset >= log.head().offset {
                self.caught_up = true;
                return if log.is_complete() { Ahead::End(CloseReason::Completed, None) } else { Ahead::Nothing };
            }
            if trimmed && self.rule.is_latest() && log.supersedes_trimmed(self.place.seen.offset, ends_at) {
                // All of the trimmed events are superseded, so the cursor would have skipped them anyway.
                self.place.seen = log.tail();
                continue;
            }
            if trimmed && !log.is_cache() {
                let Some(ahead) = self.lose(log, log.tail()) else { continue };
                return ahead;
            }
            if trimmed && !self.lags_before(log) {
                return Ahead::Behind;
            }
            if trimmed || self.is_too_far_behind(log) {
                return self.lag(log, log.tail());
            }
            let Some(entry) = log.next_after(self.place.seen.offset) else { return self.lag(log, log.tail()) };
            self.place.seen = entry.mark;
            // A newer event after the end of the generation does not count: this subscriber never gets it.
            let is_superseded = entry.superseded_by.is_some_and(|newer| ends_at.is_none_or(|end| newer <= end));
            if is_superseded && self.rule.is_latest() || entry.event.role() == Role::Note {
                continue;
            }
            self.start = Start::Begun;
            return Ahead::Event(&entry.event);
        }
    }

    /// Whether a subscriber lags whose next event is not in the log, which is a cache.
    #[cold]
    fn lags_before(&self, log: &Log) -> bool {
        if !log.has_lost(self.place.seen.offset) {
            return self.is_too_far_behind(log);
        }
        self.start == Start::Begun && !self.rule.is_latest()
    }

    /// Compares the position with the events that have replaced those of the log, as when a client reconnects. Returns
    /// `None` if the cursor can go on.
    fn rejoin<'l>(&mut self, log: &Log) -> Option<Ahead<'l>> {
        if let Some(end) = self.generation.end() {
            // The end is an offset among the events that were replaced.
            return Some(Ahead::End(end.reason, end.last.clone()));
        }
        let from = Position { epoch: self.place.epoch, mark: self.place.seen };
        let resumed = log.resume(from, self.rule.is_latest());
        if resumed.gap == Some(GapReason::Trimmed) && log.is_cache() {
            // The engine's events show what the subscriber has missed.
            self.place.resets = log.version().resets;
            return None;
        }
        let to = after_gap(self.rule.on_gap, log, &resumed);
        self.place = Place { epoch: log.epoch(), seen: to, resets: log.version().resets };
        let reason = resumed.gap?;
        self.start = Start::Begun;
        Some(Ahead::Skipped { from, to, reason })
    }

    /// Moves to the log, whose next event does not follow the last one that was handed out: neither the log nor the engine
    /// has the events between. `None` if the log has the next event. For `spared` see [`Page`](super::history::Page).
    pub(super) fn miss<'l>(&mut self, log: &Log, spared: Option<Mark>) -> Option<Ahead<'l>> {
        if self.place.resets != log.version().resets || log.follows(self.place.seen) {
            return None;
        }
        if self.is_spared(spared) {
            self.place.seen = log.tail();
            return None;
        }
        self.leap(log, log.tail())
    }

    /// Whether the events after the last one that was handed out are superseded by others that the subscriber gets, if those
    /// after `spared` are superseded.
    fn is_spared(&self, spared: Option<Mark>) -> bool {
        // Of a generation that has ended, the subscriber may not get the newer ones.
        spared == Some(self.place.seen) && self.rule.is_latest() && self.generation.end().is_none()
    }

    /// Takes the next step with an event that the engine has read for the subscriber. `None` if the event is not for it, or
    /// not new to it. With [`Ahead::Skipped`], the event is still to be taken.
    pub(super) fn follow<'e>(&mut self, log: &Log, old: &'e OldEvent) -> Option<Ahead<'e>> {
        if self.place.resets != log.version().resets
            && let Some(ahead) = self.rejoin(log)
        {
            return Some(ahead);
        }
        let seen = self.place.seen;
        if let Some(end) = self.generation.end()
            && seen.offset >= end.at
        {
            return Some(Ahead::End(end.reason, end.last.clone()));
        }
        let OldEvent { stored: event, spared, superseded_by } = old;
        if event.position.epoch != self.place.epoch || event.mark().offset <= seen.offset {
            return None;
        }
        if event.previous != seen && !self.is_spared(*spared) {
            // The first leap may lead to the oldest event that is retained, and the next ones may be damaged.
            while event.previous != self.place.seen {
                if let Some(ahead) = self.leap(log, event.previous) {
                    return Some(ahead);
                }
            }
        }
        self.place.seen = event.mark();
        if event.event.role() == Role::Note {
            return None;
        }
        if self.rule.is_latest() {
            let newest = superseded_by.or_else(|| log.newest_of(event.keys.key.as_deref()?));
            let ends_at = self.generation.end().map(|end| end.at);
            if newest.is_some_and(|newer| newer > event.mark().offset && ends_at.is_none_or(|end| newer <= end)) {
                return None;
            }
        }
        self.start = Start::Begun;
        Some(Ahead::Event(&event.event))
    }

    /// Moves the cursor to the mark before the next event that there is, which does not follow the last one that was
    /// handed out. `None` if the subscriber has no claim to what it misses.
    fn leap<'l>(&mut self, log: &Log, next: Mark) -> Option<Ahead<'l>> {
        if next.offset < self.place.seen.offset || next.offset == self.place.seen.offset && !log.is_damaged(next) {
            return Some(self.jump(log, log.live(), GapReason::Forked));
        }
        match log.kept() {
            // The events between the two marks may be damaged.
            Some(kept) if kept.offset > self.place.seen.offset => {
                self.lose(log, if kept.offset < next.offset { kept } else { next })
            }
            // Either they are, or other nodes have trimmed the topic for reasons of their own: that is no lag.
            _ => Some(self.jump(log, next, GapReason::Trimmed)),
        }
    }

    fn is_too_far_behind(&self, log: &Log) -> bool {
        // With `Latest` superseded events are skipped, so the subscriber may read everything that is retained.
        let counts = self.caught_up && !self.rule.is_latest() && self.place.seen.offset < log.live().offset;
        let Some((events, bytes)) = self.rule.most.filter(|_| counts) else { return false };
        let behind = log.behind(self.place.seen.offset);
        behind.0 > events || behind.1 > bytes
    }

    /// Moves the cursor past events that are no longer retained, to the mark before the oldest one that is. `None` if
    /// the subscriber has no claim to them.
    fn lose<'l>(&mut self, log: &Log, oldest: Mark) -> Option<Ahead<'l>> {
        if matches!(self.start, Start::History(to) if oldest.offset <= to) {
            self.place.seen = oldest;
            return None;
        }
        if self.start == Start::Returning && self.rule.on_lag == OnLag::Disconnect {
            return Some(self.skip(log, oldest));
        }
        Some(self.lag(log, oldest))
    }

    /// Applies the policy for a subscriber that lags. `oldest` is the mark before the oldest event that it can get.
    fn lag<'l>(&mut self, log: &Log, oldest: Mark) -> Ahead<'l> {
        let to = match self.rule.on_lag {
            OnLag::Disconnect => return Ahead::End(CloseReason::Lagged, None),
            OnLag::Skip => log.live(),
            OnLag::Latest => oldest,
        };
        self.skip(log, to)
    }

    /// Moves the cursor to this mark, past events that the subscriber misses.
    fn skip<'l>(&mut self, log: &Log, to: Mark) -> Ahead<'l> {
        // Events after the end of the generation are not missed.
        let end = self.generation.end().filter(|end| end.at < to.offset);
        let to = end.map_or(to, |end| log.mark(end.at).unwrap_or(log.tail()));
        self.jump(log, to, GapReason::Lagged)
    }

    /// Moves the cursor to this mark, and tells the subscriber why.
    fn jump<'l>(&mut self, log: &Log, to: Mark, reason: GapReason) -> Ahead<'l> {
        self.start = Start::Begun;
        let from = log.position(mem::replace(&mut self.place.seen, to));
        Ahead::Skipped { from, to, reason }
    }
}

/// The `gap` event for [`Ahead::Skipped`].
pub(crate) fn skipped(log: &Log, from: Position, to: Mark, reason: GapReason) -> Event {
    gap(reason, &from.to_id(), &log.id(to))
}
