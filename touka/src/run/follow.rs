//! [`Follow`], a client that is about to watch a run.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use super::ending::lose;
use super::error::RunError;
use super::record::Record;
use super::status::RunStatus;
use super::table::Runs;
use super::watch::watch;
use crate::event::{EventId, IntoEvent};
use crate::stream::EventStream;
use crate::topic::{Hub, RunLog};

/// A builder for the stream of a run, which begins when it is awaited. [`Run::follow`](super::Run::follow) returns it.
#[must_use = "the stream begins when this is awaited"]
pub struct Follow<T> {
    hub: Hub,
    key: Arc<str>,
    owner: Option<Arc<str>>,
    from: Option<EventId>,
    without_position: bool,
    fold_after: u64,
    gives: PhantomData<fn() -> T>,
}

impl<T> Follow<T> {
    pub(super) const fn new(hub: Hub, key: Arc<str>, owner: Option<Arc<str>>, from: Option<EventId>) -> Self {
        Self { hub, key, owner, from, without_position: false, fold_after: FOLD_AFTER, gives: PhantomData }
    }

    /// Sets whether the stream opens with the client's position, as it does by default:
    /// [`Subscribe::opening_position`](crate::topic::Subscribe::opening_position).
    pub const fn opening_position(mut self, sent: bool) -> Self {
        self.without_position = !sent;
        self
    }

    /// Sets how many events a client may be behind when it comes without any being folded, 64 by default. One that is further
    /// behind gets one event for each run of successive events that [fold](IntoEvent::fold), with the id of the newest one,
    /// until it has caught up, and then single events. [`Subscribe::fold_after`](crate::topic::Subscribe::fold_after) has the
    /// rules. Only types that fold their events are concerned; with [`u64::MAX`], none are folded.
    pub const fn fold_after(mut self, events: u64) -> Self {
        self.fold_after = events;
        self
    }
}

/// The default for [`Follow::fold_after`].
const FOLD_AFTER: u64 = 64;

/// Reads the log of a run. Ends a run that was lost, or watches it if another node may be running it.
pub(super) async fn find(hub: &Hub, key: &Arc<str>, owner: Option<&str>) -> Result<(RunLog, Record), RunError> {
    let (log, mut record) = Record::find(hub, key, owner).await?;
    if record.status == RunStatus::Running && Runs::of(hub).get(key).is_none() {
        if log.is_shared() {
            watch(hub, key, &log, &record.start);
        } else if !log.is_over() {
            // The end may have been written since the look at the log.
            lose(&log, &record.start).await?;
            record.status = Record::read(&log).await?.map_or(RunStatus::Lost, |record| record.status);
        }
    }
    Ok((log, record))
}

/// Watches the run again, since there is a viewer now.
pub(super) fn attend(hub: &Hub, key: &Arc<str>, log: &RunLog, record: &Record) {
    if !record.status.is_over() && log.is_shared() && Runs::of(hub).get(key).is_none() {
        watch(hub, key, log, &record.start);
    }
}

impl<T: IntoEvent + Send + 'static> IntoFuture for Follow<T> {
    type Output = Result<EventStream<T>, RunError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { hub, key, owner, from, without_position, fold_after, .. } = self;
            let (log, record) = find(&hub, &key, owner.as_deref()).await?;
            let stream = log.subscribe(from).opening_position(!without_position).fold_at_first(fold_after).await?;
            attend(&hub, &key, &log, &record);
            Ok(stream)
        })
    }
}

impl<T> fmt::Debug for Follow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("key", &self.key).field("from", &self.from).finish_non_exhaustive()
    }
}
