//! Syncs: bringing the log of a topic in step with the server that keeps its events.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::active::ActiveTopic;
use crate::topic::engine::{Applied, Compared, FeedEnd, NewestEvents};
use crate::topic::position::Position;
use crate::topic::stored::Stored;

/// The maximum number of bytes that are read at once.
pub(in crate::topic::engine) const READ_BYTES: usize = 1024 * 1024;

/// The maximum number of events that are read at once.
pub(in crate::topic::engine) const READ_EVENTS: usize = 1024;

/// The maximum number of syncs at once: after a reconnect all active topics ask for one.
pub(in crate::topic::engine) const MAX_SYNCS: usize = 64;

/// The pause after a sync that failed. It doubles with each failure up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(2);

/// The server that keeps the events of topics.
pub(in crate::topic::engine) trait Source: Send + Sync + Sized + 'static {
    type Fault: fmt::Debug + Send;

    /// Reads events after a position: at most [`READ_EVENTS`] and [`READ_BYTES`], and at least one if there is any. The
    /// first one follows the position, unless the server does not have that event any more.
    fn read_after(
        &self,
        topic: &ActiveTopic,
        seen: Position,
        deadline: Instant,
    ) -> impl Future<Output = Result<Read, Self::Fault>> + Send;

    /// Reads the newest events, within the bounds of the cache.
    fn read_newest(
        &self,
        topic: &ActiveTopic,
        deadline: Instant,
    ) -> impl Future<Output = Result<Read, Self::Fault>> + Send;

    /// Permits for syncs on tasks of their own.
    fn syncs(&self) -> &Semaphore;

    /// The time that a sync may take.
    fn sync_timeout(&self) -> Duration;

    /// The error while events do not arrive.
    fn away(&self) -> Self::Fault;
}

/// The events that a server has of a topic, or a part of them.
#[derive(Debug)]
pub(in crate::topic::engine) struct Read {
    /// The position of the newest event. `None` if there is no topic.
    pub(in crate::topic::engine) head: Option<Position>,
    /// The end of the topic's last feed.
    pub(in crate::topic::engine) end: Option<FeedEnd>,
    /// The events, the oldest first.
    pub(in crate::topic::engine) events: Vec<Stored>,
}

/// Brings the log of a topic in step with the server: it has every event that the server had when this was called, or is
/// replaced by what the server has.
pub(in crate::topic::engine) async fn sync<S: Source>(
    source: &S,
    topic: &ActiveTopic,
    deadline: Instant,
) -> Result<(), S::Fault> {
    let _one = topic.syncing.lock().await;
    let (number, confirmations) = (topic.begin_sync(), topic.confirmations());
    bring_in_step(source, topic, deadline).await?;
    topic.set_synced(number, confirmations);
    Ok(())
}

/// [`sync`] on a task of its own, for callers that may stop to poll this future before it is ready: other callers must not
/// wait for them.
pub(in crate::topic::engine) async fn sync_on_task<S: Source>(
    source: &Arc<S>,
    topic: &Arc<ActiveTopic>,
    deadline: Instant,
) -> Result<(), S::Fault> {
    let (syncing, topic) = (Arc::clone(source), Arc::clone(topic));
    let synced = tokio::spawn(async move { sync(&*syncing, &topic, deadline).await });
    // The task does not panic. It is cancelled when the runtime shuts down.
    synced.await.unwrap_or_else(|_| Err(source.away()))
}

/// Brings the log in step with a sync that begins after this call. One serves all callers that wait for it.
pub(in crate::topic::engine) async fn ensure_in_step<S: Source>(
    source: &Arc<S>,
    topic: &Arc<ActiveTopic>,
    deadline: Instant,
) -> Result<(), S::Fault> {
    let synced = topic.next_sync();
    request_sync(source, topic);
    timeout_at(deadline, synced).await.map_err(|_| source.away())
}

async fn bring_in_step<S: Source>(source: &S, topic: &ActiveTopic, deadline: Instant) -> Result<(), S::Fault> {
    while let Some(before) = topic.tail.head() {
        let read = source.read_after(topic, before, deadline).await?;
        check_followed(source, topic)?;
        let Some(head) = read.head else { return Ok(()) };
        if head.epoch == before.epoch
            && let Some(end) = read.end
        {
            topic.tail.end_feed(end);
        }
        let is_replaced = match topic.tail.compare(before, head) {
            Compared::InStep | Compared::Gone => return Ok(()),
            Compared::Moved => continue,
            Compared::Behind => {
                let is_all = read.events.last().is_some_and(|last| last.position == head);
                match topic.tail.apply(read.events) {
                    Applied::Done if is_all => return Ok(()),
                    Applied::Done if topic.tail.head() != Some(before) => continue,
                    Applied::Gone => return Ok(()),
                    // The events that follow the log's newest one are trimmed, or of another history.
                    Applied::Done | Applied::Hole | Applied::Forked => replace(source, topic, deadline).await?,
                }
            }
            Compared::Diverged => replace(source, topic, deadline).await?,
        };
        if is_replaced {
            return Ok(());
        }
    }
    Ok(())
}

/// Fails if the topic is not followed on this server any more: what it has said counts no more.
fn check_followed<S: Source>(source: &S, topic: &ActiveTopic) -> Result<(), S::Fault> {
    if topic.is_left() { Err(source.away()) } else { Ok(()) }
}

/// Replaces the log by the newest events of the server. Returns false if the log has changed meanwhile.
async fn replace<S: Source>(source: &S, topic: &ActiveTopic, deadline: Instant) -> Result<bool, S::Fault> {
    let Some(before) = topic.tail.head() else { return Ok(true) };
    let Read { head, end, mut events } = source.read_newest(topic, deadline).await?;
    check_followed(source, topic)?;
    let Some(head) = head else { return Ok(true) };
    let previous = match events.last() {
        // The server has lost events that its state counts.
        Some(last) if last.position != head => {
            events.clear();
            head.mark
        }
        Some(_) => events[0].previous,
        None => head.mark,
    };
    let ends = end.as_ref().map_or(0, |end| end.number);
    let is_replaced = topic.tail.reset(before, NewestEvents { head, previous, events, ends });
    // The streams of an earlier epoch end, too: the feed ran for them.
    if is_replaced && let Some(end) = end {
        topic.tail.end_feed(end);
    }
    Ok(is_replaced)
}

/// Brings the log of a topic in step on a task of its own, as soon as the server answers.
pub(in crate::topic::engine) fn request_sync<S: Source>(source: &Arc<S>, topic: &Arc<ActiveTopic>) {
    if !topic.request_sync() {
        return;
    }
    let (source, topic) = (Arc::downgrade(source), Arc::clone(topic));
    tokio::spawn(async move {
        let mut retry = RETRY;
        loop {
            let Some(source) = source.upgrade() else { return };
            let requests = topic.requests();
            let synced = match source.syncs().acquire().await {
                Ok(_permit) => sync(&*source, &topic, Instant::now() + source.sync_timeout()).await,
                Err(_) => return,
            };
            drop(source);
            match synced {
                Ok(()) if topic.end_sync(requests) => return,
                Ok(()) => retry = RETRY,
                // The log is gone or followed elsewhere, and needs no sync.
                Err(_) if topic.is_left() || topic.tail.head().is_none() => return,
                Err(fault) => {
                    tracing::debug!(target: "touka::topic", topic = &**topic.tail.topic(), ?fault, "cannot read");
                    sleep(retry).await;
                    retry = (retry * 2).min(MAX_RETRY);
                }
            }
        }
    });
}
