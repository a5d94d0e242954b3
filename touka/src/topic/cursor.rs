//! [`Cursor`], one subscriber's place in a log: all that a slow reader costs.

use std::mem;
use std::sync::Arc;

use super::encoded::Encoded;
use super::generation::Generation;
use super::log::Log;
use super::position::Mark;
use crate::error::CloseReason;
use crate::event::Event;

/// What becomes of a subscriber that reads more slowly than events come.
///
/// It has no queue of its own: it is only a place in the topic's log. It is too slow when what it
/// would read next is not kept any more, or when it is further behind than
/// [`Subscribe::max_lag`](super::Subscribe::max_lag) allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnLag {
    /// Its stream is closed: [`Lagged`](crate::CloseReason::Lagged). It comes back with its last
    /// id, and gets what is still there.
    #[default]
    Disconnect,
    /// It gets a `gap` event, and goes on with what comes next.
    Skip,
    /// For topics whose events have keys: whenever it is behind, it gets of each key the newest
    /// event only. When even those are not kept any more, a `gap` event and what is.
    Latest,
}

/// When somebody is too slow, and what follows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LagRule {
    pub(super) on_lag: OnLag,
    /// How many events and bytes it may be behind.
    pub(super) most: Option<(u64, u64)>,
}

/// A place in a log.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The last event that was handed out.
    seen: Mark,
    rule: LagRule,
    /// It has read to the end once. What was there before it came is not its lag.
    caught_up: bool,
    /// It stops where this ends.
    generation: Arc<Generation>,
}

/// What a cursor finds.
pub(crate) enum Ahead<'l> {
    /// The next event; the cursor is past it now.
    Event(&'l Encoded),
    /// The events between these two are missing, and the cursor is past them now.
    Skipped { from: Mark, to: Mark },
    /// Nothing yet.
    Nothing,
    /// Nothing ever: the stream is to be closed, after this last event.
    End(CloseReason, Option<Event>),
}

impl Cursor {
    pub(crate) fn new(seen: Mark, rule: LagRule, log: &Log) -> Self {
        Self { seen, rule, caught_up: false, generation: Arc::clone(log.generation()) }
    }

    pub(crate) const fn seen(&self) -> Mark {
        self.seen
    }

    /// It wants every event, and never goes anywhere but to the next one.
    pub(crate) fn is_plain(&self) -> bool {
        self.rule.on_lag == OnLag::Disconnect && self.rule.most.is_none()
    }

    /// How many ends of the log were past when it came.
    pub(crate) fn ends(&self) -> u64 {
        self.generation.number()
    }

    /// It has everything up to this place, and nothing after it.
    pub(crate) const fn skip_to(&mut self, seen: Mark) {
        self.seen = seen;
    }

    /// Joins the log's current generation. False if it is in that one already.
    pub(crate) fn pass_end(&mut self, log: &Log) -> bool {
        !Arc::ptr_eq(&mem::replace(&mut self.generation, Arc::clone(log.generation())), log.generation())
    }

    /// Takes the next step through the log.
    pub(crate) fn step<'l>(&mut self, log: &'l Log) -> Ahead<'l> {
        loop {
            let end = self.generation.end();
            if let Some(end) = end
                && self.seen.offset >= end.at
            {
                return Ahead::End(end.reason, end.last.clone());
            }
            let ends_at = end.map(|end| end.at);
            if self.seen.offset >= log.head().offset {
                self.caught_up = true;
                return Ahead::Nothing;
            }
            let trimmed = self.seen.offset < log.tail().offset;
            if trimmed && self.rule.on_lag == OnLag::Latest && log.spares(self.seen.offset, ends_at) {
                // It would have been spared all of that.
                self.seen = log.tail();
                continue;
            }
            if trimmed || self.is_too_far_behind(log) {
                return self.lagged(log);
            }
            let offset = self.seen.offset + 1;
            let Some(entry) = log.get(offset) else { return self.lagged(log) };
            self.seen = Mark { offset, tag: entry.tag };
            // A newer event that comes after the reader's end is none for this reader.
            let is_said_anew = entry.superseded_by.is_some_and(|newer| ends_at.is_none_or(|end| newer <= end));
            if is_said_anew && self.rule.on_lag == OnLag::Latest {
                continue;
            }
            return Ahead::Event(&entry.event);
        }
    }

    fn is_too_far_behind(&self, log: &Log) -> bool {
        // Who skips what is superseded comes through as much as is kept.
        let counts = self.caught_up && self.rule.on_lag != OnLag::Latest;
        let Some((events, bytes)) = self.rule.most.filter(|_| counts) else { return false };
        let behind = log.behind(self.seen.offset);
        behind.0 > events || behind.1 > bytes
    }

    fn lagged<'l>(&mut self, log: &Log) -> Ahead<'l> {
        let to = match self.rule.on_lag {
            OnLag::Disconnect => return Ahead::End(CloseReason::Lagged, None),
            OnLag::Skip => log.head(),
            OnLag::Latest => log.tail(),
        };
        // What comes after the reader's end is not missed.
        let to = self.generation.end().filter(|end| end.at < to.offset).map_or(to, |end| log.mark(end.at));
        Ahead::Skipped { from: mem::replace(&mut self.seen, to), to }
    }
}
