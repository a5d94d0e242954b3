//! [`Subscribe`], how somebody wants to follow a topic.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::cursor::{Cursor, LagRule, OnLag};
use super::engine::Engine;
use super::error::HubError;
use super::feed::Feed;
use super::gap::{checkpoint, gap};
use super::gap_reason::GapReason;
use super::log::{Log, Resumed};
use super::merged;
use super::position::{Mark, Position};
use super::shared_log::SharedLog;
use super::subscription::{Subscribed, Subscription};
use crate::event::{Event, EventId};
use crate::stream::EventStream;

/// Where a stream goes on after a gap; without it, each reason has a place of its own, which
/// [`GapReason`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnGap {
    /// With what comes next: for clients that fetch the state by other means when they are told of
    /// a gap.
    Live,
    /// At the oldest event that is kept, though the client may have seen it.
    Earliest,
}

/// A subscription in the making: await it. [`Topic::subscribe`](super::Topic::subscribe) makes one.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::topic::{HubError, OnLag};
/// use touka::{EventStream, Hub, route};
///
/// #[route(GET, "/cursors")]
/// async fn cursors(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     // Where each mouse is now: who is slow needs not know where it was.
///     hub.topic("cursors")?.subscribe(from).earliest().on_lag(OnLag::Latest).await
/// }
/// ```
#[must_use = "it subscribes when it is awaited"]
pub struct Subscribe<T = Event> {
    pub(super) logs: Vec<Arc<SharedLog>>,
    pub(super) from: Option<EventId>,
    pub(super) wish: Wish,
    engine: Engine,
    feed: Option<Feed<T>>,
}

/// What is wished of a subscription, but for where it begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    earliest: bool,
    on_gap: Option<OnGap>,
    rule: LagRule,
}

impl<T> Subscribe<T> {
    pub(super) fn new(engine: Engine, logs: Vec<Arc<SharedLog>>, from: Option<EventId>, feed: Option<Feed<T>>) -> Self {
        Self { logs, from, wish: Wish::default(), engine, feed }
    }

    /// A client without an id begins at the oldest event that is kept, not with what comes next.
    pub const fn earliest(mut self) -> Self {
        self.wish.earliest = true;
        self
    }

    /// Sets where a stream goes on after a gap, whatever the reason.
    pub const fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.wish.on_gap = Some(on_gap);
        self
    }

    /// Sets what becomes of a client that is too slow: by default its stream is closed.
    pub const fn on_lag(mut self, on_lag: OnLag) -> Self {
        self.wish.rule.on_lag = on_lag;
        self
    }

    /// Sets how many events, and how many bytes, a client may be behind, once it has caught up: by
    /// default as much as the topic keeps. Bytes are counted as in [`Retention`](super::Retention), keys
    /// included. [`OnLag::Latest`] does not ask for it.
    pub const fn max_lag(mut self, events: u64, bytes: u64) -> Self {
        self.wish.rule.most = Some((events, bytes));
        self
    }
}

impl Wish {
    /// Where a subscriber begins to read, and what it is told of that.
    pub(super) fn begin(&self, log: &Log, from: Option<&EventId>) -> (Cursor, Event) {
        let (seen, hello) = match from {
            None => {
                let seen = self.first(log, false);
                (seen, checkpoint(log.position(seen)))
            }
            Some(id) => {
                let resumed = match Position::parse(id) {
                    Some(position) => log.resume(position),
                    None => Resumed { seen: log.head(), gap: Some(GapReason::Malformed) },
                };
                let seen = self.after(log, &resumed);
                let told = resumed.gap.map(|reason| gap(reason, id, &log.id(seen)));
                (seen, told.unwrap_or_else(|| checkpoint(log.position(seen))))
            }
        };
        (self.cursor(seen, log), hello)
    }

    /// Where a client begins that has no place in the log; it may have an id of another kind.
    pub(super) const fn first(&self, log: &Log, has_id: bool) -> Mark {
        match (has_id, self.on_gap) {
            (true, Some(OnGap::Earliest)) => log.tail(),
            (false, _) if self.earliest => log.tail(),
            _ => log.head(),
        }
    }

    pub(super) const fn cursor(&self, seen: Mark, log: &Log) -> Cursor {
        Cursor::new(seen, self.rule, log)
    }

    /// Where to go on.
    pub(super) fn after(&self, log: &Log, resumed: &Resumed) -> Mark {
        match (resumed.gap, self.on_gap) {
            (None, _) | (_, None) => resumed.seen,
            (Some(_), Some(OnGap::Live)) => log.head(),
            (Some(_), Some(OnGap::Earliest)) => log.tail(),
        }
    }
}

impl<T: Send + 'static> IntoFuture for Subscribe<T> {
    type Output = Result<EventStream<T>, HubError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            for log in &self.logs {
                self.engine.load(log).await?;
            }
            let [log] = &self.logs[..] else { return Ok(merged::subscribe(self.logs, self.from.as_ref(), &self.wish)) };
            let mut state = log.lock();
            state.touch();
            // A client gets nothing that is too old, though nobody has looked at it till now.
            state.log.trim(Instant::now());
            let (cursor, hello) = self.wish.begin(&state.log, self.from.as_ref());
            state.subscribers += 1;
            let starts = self.feed.is_some() && !state.fed;
            if starts {
                state.fed = true;
                state.log.go_on();
            }
            drop(state);
            let subscription = Subscription::new(Arc::clone(log), cursor, hello);
            // A body that is not needed is dropped here, outside of the lock: it is the user's, and
            // may hold what asks for this topic when it goes.
            if let Some(feed) = self.feed.filter(|_| starts) {
                feed.start(&self.engine, log);
            }
            Ok(EventStream::subscribed(Box::pin(Subscribed(Some(subscription)))))
        })
    }
}

impl<T> fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.logs.iter().map(|log| log.name()).collect();
        f.debug_struct("Subscribe")
            .field("topics", &names)
            .field("from", &self.from)
            .field("wish", &self.wish)
            .finish_non_exhaustive()
    }
}
