//! [`Subscribe`], a subscription that is being set up.

use std::any::TypeId;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum_core::response::IntoResponse;
use http::StatusCode;

use super::beginning::{Begun, begin};
use super::claim::Claim;
use super::end_test::EndTest;
use super::engine::HubEngine;
use super::error::HubError;
use super::feed::{keep_spare_body, start_feed};
use super::feed_body::FeedBody;
use super::folded::Folded;
use super::gap::Gap;
use super::merged::{Merged, MergedSource};
use super::on_lag::OnLag;
use super::reading::Notice;
use super::shared_log::SharedLog;
use super::snapshot::{GapRule, Snapshot};
use super::subscribe_options::SubscribeOptions;
use super::subscription::Subscribed;
use super::until::Until;
use super::unused::Unused;
use crate::error::CloseReason;
use crate::event::{Event, EventId, IntoEvent};
use crate::stream::{EventStream, Source};

/// A builder for a subscription, which subscribes when it is awaited. [`Topic::subscribe`](super::Topic::subscribe)
/// and [`Hub::subscribe`](crate::Hub::subscribe) return it.
///
/// In memory it is ready at once and cannot fail. On disk it reads a topic that is not in memory, and fails with a
/// [`HubError`] if that cannot be read. If the future is dropped before it is ready, there is no subscription.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::topic::OnLag;
/// use touka::{EventStream, Hub, HubError, route};
///
/// #[route(GET, "/cursors")]
/// async fn cursors(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     // A client that is slow needs the newest position of each mouse only.
///     hub.topic("cursors")?.subscribe(from).earliest().on_lag(OnLag::Latest).await
/// }
/// ```
#[must_use = "it subscribes when it is awaited"]
pub struct Subscribe<T = Event> {
    logs: Vec<Arc<SharedLog>>,
    from: Option<EventId>,
    options: SubscribeOptions,
    engine: Arc<HubEngine>,
    feed: Option<FeedBody>,
    test: Unused<EndTest>,
    snapshot: Unused<Snapshot<T>>,
    // The stream gives out values and owns none yet, so this is `Send` whatever they are.
    gives: PhantomData<fn() -> T>,
}

impl<T> Subscribe<T> {
    pub(super) fn new(
        engine: Arc<HubEngine>,
        logs: Vec<Arc<SharedLog>>,
        from: Option<EventId>,
        feed: Option<FeedBody>,
    ) -> Self {
        let (options, test, snapshot) = (SubscribeOptions::default(), Unused::none(), Unused::none());
        Self { logs, from, options, engine, feed, test, snapshot, gives: PhantomData }
    }

    /// Starts a client without an id at the oldest retained event instead of the next one that is published.
    pub const fn earliest(mut self) -> Self {
        self.options.earliest = true;
        self
    }

    /// Sets how a stream continues after a gap, whatever its reason: at a position, or with a snapshot of the state.
    ///
    /// [`OnGap::snapshot`](super::OnGap::snapshot) has an example. The last call counts.
    pub fn on_gap(mut self, on_gap: impl GapRule<T>) -> Self {
        let (on_gap, snapshot) = on_gap.into_parts();
        (self.options.rule.on_gap, self.snapshot) = (Some(on_gap), snapshot.map_or_else(Unused::none, Unused::new));
        self
    }

    /// Sets the policy for a client that is too slow. By default its stream is closed.
    pub const fn on_lag(mut self, on_lag: OnLag) -> Self {
        self.options.rule.on_lag = on_lag;
        self
    }

    /// Sets how many events, and how many bytes, a client may be behind once it has caught up.
    ///
    /// By default a client may be behind by everything that the topic retains. Bytes are counted as in
    /// [`Retention`](super::Retention), keys included. [`OnLag::Latest`] ignores this limit.
    pub const fn max_lag(mut self, events: u64, bytes: u64) -> Self {
        self.options.rule.most = Some((events, bytes));
        self
    }

    /// Sets whether the stream opens with the client's position in the topic, as it does by default.
    ///
    /// With the position, a client that is cut off before its first event reconnects with an id, and misses nothing
    /// that was published meanwhile. The position is a block without data, and some popular clients report it as an
    /// [event with empty data](Event#events-without-data). Switch it off for them. Then a client that came without an
    /// id, and is cut off before its first event, reconnects without one and starts anew. A client that has an id
    /// keeps it, and misses nothing. A `gap` event is sent in either case.
    ///
    /// On the wire: `id: 1.c0ffee.7.a1b2c3` and a blank line; without it, the comment line `: open`.
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::{EventStream, Hub, HubError, route};
    ///
    /// #[route(GET, "/prices")]
    /// async fn prices(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    ///     // The clients of this API parse the data of every block.
    ///     hub.topic("prices")?.subscribe(from).opening_position(false).await
    /// }
    /// ```
    pub const fn opening_position(mut self, sent: bool) -> Self {
        self.options.without_position = !sent;
        self
    }

    /// Folds the events that a client has yet to get, whenever it is more than this number of events behind.
    ///
    /// A client that comes late to the answer of a language model has thousands of small events to read. If their type
    /// folds them ([`IntoEvent::fold`]), it gets one event for each run of successive events that fold, with the id of the
    /// newest of them, up to the newest event of the topic. Then it gets single events again. The same applies to a client
    /// that falls behind later because it is slow. By default each event is sent as it was published, and so are the events
    /// of a type that does not fold them: those of a `Topic<Event>`, for example, and of
    /// [several topics](crate::Hub::subscribe). With 0, all events that are ready together are folded.
    ///
    /// A folded event has at most 64 KiB, and so have the events that become one; then another one begins. A larger event
    /// is sent as it was published. A `gap` event and an event that does not fold end a run, and keep their place. A
    /// client that is cut off resumes with the id of the last event that it got, folded or not.
    ///
    /// [`until`](Self::until) tests each event before it is folded, so the stream ends at the same event. The events of a
    /// [snapshot](super::OnGap::snapshot) are not folded, those that follow it are. On an engine that several processes
    /// share, only the events that are in this process's memory count: a client is behind by at least as many.
    ///
    /// Such a stream is never [parked](crate::Server::park). The user's fold runs in the stream's own task. If it
    /// panics, this stream ends as [`Panicked`](crate::CloseReason::Panicked), after the events that are ready.
    ///
    /// On the wire, three events that were published while the client was away, and then one more:
    ///
    /// ```text
    /// id: 1.c0ffee.9.a1b2c3
    /// event: delta
    /// data: {"text":"Once upon a"}
    ///
    /// id: 1.c0ffee.10.d4e5f6
    /// event: delta
    /// data: {"text":" time"}
    /// ```
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::{EventStream, Hub, HubError, IntoEvent, route};
    ///
    /// #[derive(IntoEvent)]
    /// enum Turn {
    ///     #[event(fold = "concat")]
    ///     Delta { text: String },
    ///     Done,
    /// }
    ///
    /// #[route(GET, "/turns/{turn}")]
    /// async fn turn(State(hub): State<Hub>, turn: String, from: LastEventId) -> Result<EventStream<Turn>, HubError> {
    ///     hub.topic(format!("turns/{turn}"))?.subscribe(from).earliest().fold_after(16).await
    /// }
    /// ```
    pub const fn fold_after(mut self, events: u64) -> Self {
        self.options.fold_after = Some(events);
        self
    }

    /// [`fold_after`](Self::fold_after) for a client that is this far behind when it comes. All others can be parked.
    pub(crate) const fn fold_at_first(mut self, events: u64) -> Self {
        (self.options.fold_after, self.options.folds_at_first) = (Some(events), true);
        self
    }

    /// Ends the stream after the first event for which `is_last` returns true, as
    /// [`Completed`](crate::CloseReason::Completed).
    ///
    /// `is_last` is called once for each published event of the stream, and not for positions and gaps. It gets the event
    /// as it is sent, with its id. The events of a [snapshot](super::OnGap::snapshot) are tested, too, and the rest of the
    /// snapshot is sent before the end. If it panics, this stream ends after the event, as
    /// [`Panicked`](crate::CloseReason::Panicked).
    ///
    /// A browser reconnects after the end, with the id of the last event, and then follows the topic until the next such
    /// event. To stop it, call `close()` in the page when the last event arrives.
    ///
    /// Each event is decoded for `is_last`, and `is_last` runs between the deliveries to other clients if the stream is
    /// [parked](crate::Server::park): it must not block.
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::{EventStream, Hub, HubError, route};
    ///
    /// #[route(GET, "/jobs/{job}")]
    /// async fn job(State(hub): State<Hub>, job: String, from: LastEventId) -> Result<EventStream, HubError> {
    ///     let topic = hub.topic(format!("jobs/{job}"))?;
    ///     topic.subscribe(from).until(|event| event.as_event().is_some_and(|name| name == "done")).await
    /// }
    /// ```
    pub fn until(mut self, is_last: impl FnMut(&Event) -> bool + Send + 'static) -> Self {
        self.test = Unused::new(EndTest::new(is_last));
        self
    }
}

impl<T: IntoEvent + Send + 'static> IntoFuture for Subscribe<T> {
    type Output = Result<EventStream<T>, HubError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { logs, from, mut options, engine, feed, mut test, mut snapshot, .. } = self;
            let from = from.as_ref();
            // The first snapshot takes the place of the retained events.
            let is_first = from.is_none() && snapshot.get().is_some_and(Snapshot::is_initial);
            options.earliest &= !is_first;
            let [log] = &logs[..] else {
                let merged = Merged::subscribe(&engine, &logs, from, &options).await.map_err(HubError::of_stream)?;
                if merged.is_over() {
                    return Ok(over(Box::pin(MergedSource::new(merged, T::from_event))));
                }
                return Ok(EventStream::from_source(match (snapshot.take(), test.take()) {
                    (Some(snapshot), test) => snapshot.follow(merged, test, is_first, &options),
                    (None, Some(test)) => Box::pin(Until::new(merged, test, T::from_event)),
                    (None, None) => Box::pin(MergedSource::new(merged, T::from_event)),
                }));
            };
            let begun =
                begin(&engine, log, Claim::of(from), &options, feed.is_some()).await.map_err(HubError::of_stream)?;
            let Begun { mut subscription, seen, gap: reason, feed: number, is_over } = begun;
            if is_over {
                return Ok(over(Box::pin(Subscribed::new(subscription, T::from_event))));
            }
            subscription.set_opening(match (from, reason) {
                (Some(from), Some(reason)) => {
                    Notice::Gap(Gap { reason, topic: None, from: from.clone(), resumed_at: seen.to_id() })
                }
                _ => Notice::Position(options.opening(&seen.to_id())),
            });
            // A body that is not started is dropped here, after the lock is released: its destructor is user code,
            // and may use this topic.
            match (feed, number) {
                (Some(body), Some(number)) => start_feed(body, &engine, log, number),
                // This process may lose the right to run its body to another one, and get it again.
                (Some(body), None) if engine.kind().is_shared() => keep_spare_body(log, body),
                _ => {}
            }
            // An `Event` folds with no other one.
            let folds = |after: &u64| {
                TypeId::of::<T>() != TypeId::of::<Event>()
                    && (!options.folds_at_first || subscription.behind() > *after)
            };
            if let Some(after) = options.fold_after.filter(folds) {
                let folded = Folded::new(subscription, test.take(), after, T::fold);
                return Ok(EventStream::from_source(match snapshot.take() {
                    Some(snapshot) => snapshot.follow(folded, None, is_first, &options),
                    None => folded.into_source(T::from_event),
                }));
            }
            if let Some(snapshot) = snapshot.take() {
                return Ok(EventStream::from_source(snapshot.follow(subscription, test.take(), is_first, &options)));
            }
            let is_in_log = !subscription.has_history();
            let source: Pin<Box<dyn Source<T> + Send>> = match test.take() {
                Some(test) => Box::pin(Until::new(subscription, test, T::from_event)),
                None => Box::pin(Subscribed::new(subscription, T::from_event)),
            };
            Ok(if is_in_log { EventStream::subscribed(source) } else { EventStream::from_source(source) })
        })
    }
}

/// A stream for a client that has seen all that there will ever be. As a response it is a 204, which makes an `EventSource`
/// stop.
fn over<T>(source: Pin<Box<dyn Source<T> + Send>>) -> EventStream<T> {
    let mut stream = EventStream::from_source(source);
    stream.set_head(StatusCode::NO_CONTENT.into_response());
    stream.lifecycle().link().close(CloseReason::Completed);
    stream
}

impl<T> fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.logs.iter().map(|log| log.name()).collect();
        f.debug_struct("Subscribe")
            .field("topics", &names)
            .field("from", &self.from)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
