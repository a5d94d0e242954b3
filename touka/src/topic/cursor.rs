//! [`Cursor`], a subscriber's position in a log and how it moves.

use std::mem;
use std::sync::Arc;

use super::encoded::Encoded;
use super::gap::{GapReason, gap};
use super::generation::Generation;
use super::log::Log;
use super::position::Mark;
use crate::error::CloseReason;
use crate::event::Event;

/// The policy for a subscriber that reads more slowly than events are published.
///
/// A subscriber has no queue of its own: it is a position in the topic's log. It lags when the event that it would
/// read next is no longer retained, or when it is further behind than
/// [`Subscribe::max_lag`](super::Subscribe::max_lag) allows.
///
/// ```
/// use touka::topic::OnLag;
/// use touka::{Event, EventStream, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), touka::HubError> {
/// let prices = Hub::memory().topic::<Event>("prices")?;
/// prices.publish_keyed("tea", "120").await?;
/// // A client that falls behind gets the newest price of each good.
/// let stream: EventStream = prices.subscribe(None).on_lag(OnLag::Latest).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnLag {
    /// Closes the stream with [`Lagged`](crate::CloseReason::Lagged). The client reconnects with its last id and gets
    /// the events that are still retained. A client that comes with an id, and whose next event is trimmed before it
    /// got any, gets a `gap` event instead: it might be closed at each of its attempts.
    #[default]
    Disconnect,
    /// Sends a `gap` event and continues with the next event that is published.
    Skip,
    /// Sends only the newest event of each key while the subscriber is behind: for topics whose events have keys. If
    /// some of those are no longer retained, a `gap` event comes first.
    Latest,
}

/// When a subscriber lags, and what happens then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LagRule {
    pub(super) on_lag: OnLag,
    /// The number of events and of bytes that the subscriber may be behind.
    pub(super) most: Option<(u64, u64)>,
}

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
    /// The last event that was handed out.
    seen: Mark,
    rule: LagRule,
    start: Start,
    /// Whether the subscriber has reached the end of the log once. The events before that are not its lag.
    caught_up: bool,
    /// The generation that the subscriber belongs to. Its stream ends where the generation ends.
    generation: Arc<Generation>,
}

/// The outcome of one step of a cursor.
pub(crate) enum Ahead<'l> {
    /// The next event. The cursor is past it now.
    Event(&'l Encoded),
    /// The events between these two marks were skipped. The cursor is past them now.
    Skipped { from: Mark, to: Mark },
    /// No event for now.
    Nothing,
    /// The end of the stream, after this last event.
    End(CloseReason, Option<Event>),
}

impl Cursor {
    pub(super) fn new(seen: Mark, rule: LagRule, start: Start, log: &Log) -> Self {
        Self { seen, rule, start, caught_up: false, generation: Arc::clone(log.generation()) }
    }

    pub(crate) const fn seen(&self) -> Mark {
        self.seen
    }

    /// Whether the cursor visits every event, one after the other.
    pub(crate) fn is_plain(&self) -> bool {
        self.rule.on_lag == OnLag::Disconnect && self.rule.most.is_none()
    }

    /// The number of generations that had ended when the subscriber came.
    pub(crate) fn ends(&self) -> u64 {
        self.generation.number()
    }

    /// Moves the cursor to this mark.
    pub(crate) const fn skip_to(&mut self, seen: Mark) {
        self.seen = seen;
        self.start = Start::Begun;
    }

    /// Joins the log's current generation. Returns whether the cursor was in another one.
    pub(crate) fn join_generation(&mut self, log: &Log) -> bool {
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
            if trimmed && self.rule.on_lag == OnLag::Latest && log.supersedes_trimmed(self.seen.offset, ends_at) {
                // All of the trimmed events are superseded, so the cursor would have skipped them anyway.
                self.seen = log.tail();
                continue;
            }
            if trimmed && matches!(self.start, Start::History(to) if log.tail().offset <= to) {
                self.seen = log.tail();
                continue;
            }
            if trimmed && self.start == Start::Returning && self.rule.on_lag == OnLag::Disconnect {
                return self.skip(log, log.tail());
            }
            if trimmed || self.is_too_far_behind(log) {
                return self.lag(log);
            }
            let offset = self.seen.offset + 1;
            let Some(entry) = log.get(offset) else { return self.lag(log) };
            self.seen = Mark { offset, tag: entry.tag };
            // A newer event after the end of the generation does not count: this subscriber never gets it.
            let is_superseded = entry.superseded_by.is_some_and(|newer| ends_at.is_none_or(|end| newer <= end));
            if is_superseded && self.rule.on_lag == OnLag::Latest {
                continue;
            }
            self.start = Start::Begun;
            return Ahead::Event(&entry.event);
        }
    }

    fn is_too_far_behind(&self, log: &Log) -> bool {
        // With `Latest` superseded events are skipped, so the subscriber may read everything that is retained.
        let counts = self.caught_up && self.rule.on_lag != OnLag::Latest;
        let Some((events, bytes)) = self.rule.most.filter(|_| counts) else { return false };
        let behind = log.behind(self.seen.offset);
        behind.0 > events || behind.1 > bytes
    }

    /// Applies the policy for a subscriber that lags.
    fn lag<'l>(&mut self, log: &Log) -> Ahead<'l> {
        let to = match self.rule.on_lag {
            OnLag::Disconnect => return Ahead::End(CloseReason::Lagged, None),
            OnLag::Skip => log.head(),
            OnLag::Latest => log.tail(),
        };
        self.skip(log, to)
    }

    /// Moves the cursor to this mark, past events that the subscriber misses.
    fn skip<'l>(&mut self, log: &Log, to: Mark) -> Ahead<'l> {
        self.start = Start::Begun;
        // Events after the end of the generation are not missed.
        let to = self.generation.end().filter(|end| end.at < to.offset).map_or(to, |end| log.mark(end.at));
        Ahead::Skipped { from: mem::replace(&mut self.seen, to), to }
    }
}

/// The `gap` event for [`Ahead::Skipped`].
pub(crate) fn lagged(log: &Log, from: Mark, to: Mark) -> Event {
    gap(GapReason::Lagged, &log.id(from), &log.id(to))
}
