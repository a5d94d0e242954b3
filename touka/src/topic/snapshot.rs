//! [`Snapshot`], a function of the user that loads the state of a topic, and when it is called.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::on_gap::OnGap;
use crate::event::Event;
use crate::stream::{Abort, Failure, HandlerError};

/// The events of a snapshot, loaded.
pub(super) type SnapshotEvents<T> = Box<dyn Iterator<Item = T> + Send>;

/// A snapshot that is being loaded.
pub(super) type Loading<T> = Pin<Box<dyn Future<Output = Result<SnapshotEvents<T>, Failure>> + Send>>;

/// A rule that sends the state of a topic after a gap. [`OnGap::snapshot`] makes one.
#[must_use = "give it to `Subscribe::on_gap`"]
pub struct Snapshot<T = Event> {
    load: Box<dyn Fn() -> Loading<T> + Send>,
    is_initial: bool,
}

impl OnGap {
    /// Sends a snapshot after a gap: `load` loads the state that the events of the topic change, its events are sent, and
    /// then those that were published since. A page that shows the state and applies the changes heals itself, without
    /// code for the `gap` event.
    ///
    /// ```
    /// use touka::extract::{LastEventId, State};
    /// use touka::topic::OnGap;
    /// use touka::{Event, EventStream, Hub, HubError, route};
    /// # #[derive(Clone)] struct Db;
    /// # impl Db { async fn cart(&self) -> Result<String, HubError> { Ok("[]".into()) } }
    ///
    /// #[derive(Clone)]
    /// struct App {
    ///     hub: Hub,
    ///     db: Db,
    /// }
    ///
    /// /// The whole cart as one event, for a page that replaces what it shows.
    /// async fn load(db: &Db) -> Result<[Event; 1], HubError> {
    ///     Ok([Event::data(db.cart().await?).event("cart")])
    /// }
    ///
    /// #[route(GET, "/cart")]
    /// async fn cart(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    ///     let App { hub, db } = app;
    ///     let snapshot = OnGap::snapshot(async move || load(&db).await).initial();
    ///     hub.topic("cart")?.subscribe(from).on_gap(snapshot).await
    /// }
    /// ```
    ///
    /// On the wire, for a client that comes with an id that is no longer retained, and an event that was published while
    /// the state was loaded:
    ///
    /// ```text
    /// id: 1.k3fZq9Ab.2017.7hQx2c.s
    /// event: gap
    /// data: {"reason":"trimmed","from":"1.k3fZq9Ab.3.hV01Zd","resumed_at":"1.k3fZq9Ab.2017.7hQx2c"}
    ///
    /// id: 1.k3fZq9Ab.2017.7hQx2c
    /// event: cart
    /// data: ["tea"]
    ///
    /// id: 1.k3fZq9Ab.2018.Ho3eUw
    /// event: added
    /// data: "milk"
    /// ```
    ///
    /// # The function
    /// `load` is called at each gap of each stream, and each call gets a clone of what the closure has captured: a pool of
    /// connections, an `Arc`. It returns a list of events, or a `Result` of anything that iterates over events
    /// ([`SnapshotResult`]). It runs inside the stream, after the head is sent, and is dropped at its current await when
    /// the client leaves. If it fails or panics, its stream ends as that of a handler does, with an `error` event, and the
    /// client gets a snapshot when it comes back.
    ///
    /// # What is exact
    /// The position is taken before `load` is called, and no event after it is missed. So:
    ///
    /// - **Change the state first, then publish the event.** The other way round, `load` may read the state before the
    ///   change, though the event is before the position. For the same reason `load` must not read from a cache or a
    ///   replica that is behind.
    /// - **Make it harmless to apply an event twice.** The state may contain the changes of events that follow it. Give
    ///   events a version, or the whole new value instead of a difference.
    /// - **A snapshot replaces what the page shows.** Send the state as one event, or begin with an event that clears it.
    ///
    /// Only the last event of a snapshot has an id that resumes. The `gap` event and the others have one that leads to a
    /// snapshot again, with the reason `interrupted`. So a client that is cut off in the middle gets all of it.
    ///
    /// # Many clients
    /// Each stream loads for itself. After a restart that loses the log, all clients come back within seconds: bound the
    /// concurrent loads with a semaphore. A stream waits at least a second between two snapshots, and up to 30 if
    /// the topic keeps fewer events than are published while one is loaded.
    ///
    /// On a stream of [several topics](crate::Hub::subscribe), a gap in any of them loads the state of all. A stream with a
    /// snapshot is never [parked](crate::Server::park).
    pub fn snapshot<T, F, B>(load: F) -> Snapshot<T>
    where
        T: 'static,
        F: FnOnce() -> B + Clone + Send + 'static,
        B: Future<Output: SnapshotResult<T>> + Send + 'static,
    {
        let load = Box::new(move || -> Loading<T> {
            let load = load.clone();
            Box::pin(async move {
                let loaded = load().await.into_events();
                loaded.map_err(|error| Abort::Error(error).into_failure())
            })
        });
        Snapshot { load, is_initial: false }
    }
}

impl<T> Snapshot<T> {
    /// Sends a snapshot to a client without an id, too: the state comes first, and then its changes.
    ///
    /// Such a stream does not open with a position, and [`Subscribe::earliest`](super::Subscribe::earliest) has no effect
    /// on it.
    ///
    /// ```
    /// use touka::topic::{OnGap, Subscribe};
    ///
    /// fn with_state(subscribe: Subscribe) -> Subscribe {
    ///     subscribe.on_gap(OnGap::snapshot(async || ["the state"]).initial())
    /// }
    /// ```
    pub const fn initial(mut self) -> Self {
        self.is_initial = true;
        self
    }

    pub(super) const fn is_initial(&self) -> bool {
        self.is_initial
    }

    /// Calls the user's function up to its first await or its end, when the result is polled first.
    pub(super) fn load(&self) -> Loading<T> {
        (self.load)()
    }
}

impl<T> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("is_initial", &self.is_initial).finish_non_exhaustive()
    }
}

/// How a stream continues after a gap: an [`OnGap`] or a [`Snapshot`].
///
/// ```
/// use touka::topic::{GapRule, OnGap, Snapshot};
/// use touka::{Event, Topic};
///
/// async fn follow(topic: &Topic, rule: impl GapRule<Event>) -> Result<touka::EventStream, touka::HubError> {
///     topic.subscribe(None).on_gap(rule).await
/// }
///
/// # async fn run(topic: Topic) -> Result<(), touka::HubError> {
/// follow(&topic, OnGap::Live).await?;
/// follow(&topic, OnGap::snapshot(async || ["the state"])).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a stream continues after a gap",
    label = "expected `OnGap::Live`, `OnGap::Earliest` or `OnGap::snapshot(…)`",
    note = "a function that loads the state goes into `OnGap::snapshot`: `.on_gap(OnGap::snapshot(async move || load(&db).await))`"
)]
pub trait GapRule<T> {
    /// The position at which the stream continues, and the snapshot.
    #[doc(hidden)]
    fn into_parts(self) -> (OnGap, Option<Snapshot<T>>);
}

impl<T> GapRule<T> for OnGap {
    fn into_parts(self) -> (OnGap, Option<Snapshot<T>>) {
        (self, None)
    }
}

impl<T> GapRule<T> for Snapshot<T> {
    fn into_parts(self) -> (OnGap, Option<Self>) {
        // The position is taken when the function is called. Until then the reader must not ask the engine for history.
        (OnGap::Live, Some(self))
    }
}

/// The result of a function that loads a [snapshot](OnGap::snapshot): a `Vec`, an array or an `Option` of events, or a
/// `Result` of anything that iterates over events, whose error is a response.
///
/// The events are what the topic takes: values of `T`, or `Into<Event>` in a topic without a type. Of an error, the client
/// is sent its status only, as with any handler that fails.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use touka::topic::OnGap;
/// use touka::response::StatusCode;
/// use touka::{HubError, IntoEvent, Topic};
///
/// #[derive(IntoEvent)]
/// enum Price {
///     Tick { symbol: String, cents: u64 },
/// }
///
/// async fn load(prices: &BTreeMap<String, u64>) -> Result<impl Iterator<Item = Price> + use<>, StatusCode> {
///     let prices = prices.clone();
///     Ok(prices.into_iter().map(|(symbol, cents)| Price::Tick { symbol, cents }))
/// }
///
/// # async fn follow(topic: Topic<Price>, prices: BTreeMap<String, u64>) -> Result<(), HubError> {
/// let stream = topic.subscribe(None).on_gap(OnGap::snapshot(async move || load(&prices).await)).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a snapshot cannot be `{Self}`",
    label = "expected a list of events, or a `Result` of one whose error is a response",
    note = "return a `Vec`, an array or an `Option` of what the topic takes, or a `Result` of an iterator over it",
    note = "one event is `[event]`; an error is axum's `IntoResponse`, such as `HubError` or `StatusCode`"
)]
pub trait SnapshotResult<T> {
    /// The type of the error.
    type Error: HandlerError;

    /// Converts the value to events.
    ///
    /// # Errors
    /// The state could not be loaded.
    fn into_events(self) -> Result<Box<dyn Iterator<Item = T> + Send>, Self::Error>;
}

impl<T: 'static, V: Into<T> + Send + 'static> SnapshotResult<T> for Vec<V> {
    type Error = Infallible;

    fn into_events(self) -> Result<SnapshotEvents<T>, Infallible> {
        Ok(Box::new(self.into_iter().map(Into::into)))
    }
}

impl<T: 'static, V: Into<T> + Send + 'static, const N: usize> SnapshotResult<T> for [V; N] {
    type Error = Infallible;

    fn into_events(self) -> Result<SnapshotEvents<T>, Infallible> {
        Ok(Box::new(self.into_iter().map(Into::into)))
    }
}

impl<T: 'static, V: Into<T> + Send + 'static> SnapshotResult<T> for Option<V> {
    type Error = Infallible;

    fn into_events(self) -> Result<SnapshotEvents<T>, Infallible> {
        Ok(Box::new(self.into_iter().map(Into::into)))
    }
}

#[diagnostic::do_not_recommend]
impl<T, I, E> SnapshotResult<T> for Result<I, E>
where
    T: 'static,
    I: IntoIterator<Item: Into<T>, IntoIter: Send + 'static> + 'static,
    E: HandlerError,
{
    type Error = E;

    fn into_events(self) -> Result<SnapshotEvents<T>, E> {
        self.map(|events| -> SnapshotEvents<T> { Box::new(events.into_iter().map(Into::into)) })
    }
}
