//! [`RunLog`], the topic of a run.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::encoded::Draft;
use super::engine::{EngineFuture, EngineKind, HubEngine, Lead};
use super::error::HubError;
use super::event_keys::EventKeys;
use super::hub::Hub;
use super::log::Log;
use super::on_gap::OnGap;
use super::position::Epoch;
use super::retention::Retention;
use super::role::Role;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use super::waiters::WaiterSlot;
use crate::event::EventId;

/// The topic of a run, whose name the users of the hub cannot use.
#[derive(Clone)]
pub(crate) struct RunLog {
    engine: Arc<HubEngine>,
    log: Arc<SharedLog>,
}

/// The newest entry of a topic that is closed.
pub(crate) struct Newest {
    pub(crate) key: Option<Arc<str>>,
    /// The time for which the topic has been closed.
    pub(crate) age: Duration,
}

/// A hub that does not keep its engine open.
#[derive(Clone)]
pub(crate) struct WeakHub(Weak<super::hub::Inner>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }
}

/// The number of bytes that are read at a time.
const PAGE: usize = 64 * 1024;

/// The retention of a run that is under way: all of its events.
const EVERYTHING: Retention = Retention { events: usize::MAX, bytes: usize::MAX, age: Duration::MAX };

impl Hub {
    /// The topic with a name that is reserved, which is created if there is none.
    pub(crate) fn run_log(&self, name: &str) -> Result<RunLog, HubError> {
        let log = self.reserved(name)?;
        {
            let mut state = log.lock();
            if !state.own_retention() {
                state.set_retention(EVERYTHING);
            }
        }
        Ok(RunLog { engine: Arc::clone(&self.0.engine), log })
    }

    /// The topic with a name that is reserved, if there is one.
    pub(crate) async fn known_run_log(&self, name: &str) -> Result<Option<RunLog>, HubError> {
        let is_known = self.0.lock().get(name).is_some();
        if is_known || self.0.engine.has(name).await? { self.run_log(name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.0))
    }

    /// The state of the hub's runs, which is made with its first one.
    pub(crate) fn extension<E: Any + Default + Send + Sync>(&self) -> Option<&E> {
        self.0.extension.get_or_init(|| Box::new(E::default())).downcast_ref()
    }

    /// The runtime of a task that begins now.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        self.0.engine.runtime_for_task()
    }
}

impl RunLog {
    pub(crate) fn name(&self) -> &str {
        self.log.name()
    }

    /// Whether other nodes have access to the topic.
    pub(crate) fn is_shared(&self) -> bool {
        self.engine.kind().is_shared()
    }

    /// Whether the topic is in the memory of this process only.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.engine.kind() == EngineKind::Memory
    }

    /// The number of events that the engine keeps of a topic at most, whatever its retention. `None` without a maximum.
    pub(crate) fn max_events(&self) -> Option<usize> {
        self.engine.max_events()
    }

    /// Loads the topic. New entries arrive from then on, also those of other nodes.
    pub(crate) async fn load(&self) -> Result<(), HubError> {
        self.engine.activate(&self.log).await.map(drop)
    }

    /// Loads the topic, and brings it in step with other nodes.
    pub(crate) async fn update(&self) -> Result<(), HubError> {
        let has_loaded = self.engine.activate(&self.log).await?;
        if self.is_shared() && !has_loaded { self.engine.refresh(&self.log).await } else { Ok(()) }
    }

    /// Appends an entry.
    pub(crate) fn publish<'a>(
        &'a self,
        draft: Draft,
        key: Option<&'a str>,
        once: Option<&'a str>,
    ) -> EngineFuture<'a, ()> {
        let keys = EventKeys { key, once };
        if self.is_in_memory() {
            return EngineFuture::ready(self.log.append(&draft, keys).map(drop));
        }
        // Boxed, because each run has space for this future as long as it is under way.
        EngineFuture::new(async move { self.engine.publish(&self.log, draft, keys).await.map(drop) })
    }

    /// Appends an entry to a topic in the memory of this process, at once, unless the topic is closed or removed.
    pub(crate) fn append(&self, draft: &Draft, key: &str) {
        let _ = self.log.append(draft, EventKeys { key: Some(key), once: None });
    }

    /// The events of the topic that are kept, as on the wire.
    pub(crate) async fn events(&self) -> Result<Vec<Bytes>, HubError> {
        let (mut events, mut seen) = (Vec::new(), 0);
        loop {
            let tail = {
                let state = self.log.lock();
                let tail = state.log.tail().offset;
                if seen >= tail {
                    let newest = state.log.after(seen).filter(|entry| entry.event.role() != Role::Note);
                    events.extend(newest.map(|entry| entry.event.wire()));
                    return Ok(events);
                }
                tail
            };
            let page = self.engine.before(&self.log, seen, tail, PAGE).await?;
            seen = page.last().map_or(tail, |last| last.position.mark.offset.max(seen + 1));
            let older = page.into_iter().filter(|event| event.event.role() != Role::Note);
            events.extend(older.map(|event| event.event.wire()));
        }
    }

    /// The number of entries in memory, and the newest one as on the wire.
    pub(crate) fn glance(&self) -> (usize, Option<Bytes>) {
        let state = self.log.lock();
        let mut entries = state.log.after(0);
        (entries.len(), entries.next_back().map(|newest| newest.event.wire()))
    }

    /// The text of the first entry, if it is a note. `None` without an entry.
    pub(crate) async fn first(&self) -> Result<Option<String>, HubError> {
        let (in_memory, tail) = {
            let state = self.log.lock();
            let first = state.log.next_after(0).and_then(|first| first.event.note()).map(String::from);
            (first, state.log.tail().offset)
        };
        if tail == 0 {
            return Ok(in_memory);
        }
        // The oldest entry in memory may be one from the middle.
        let older = self.engine.before(&self.log, 0, tail, 1).await?.into_iter().next();
        Ok(older.map_or(in_memory, |first| first.event.note().map(Into::into)))
    }

    /// Whether the topic has no entries. It must be up to date.
    pub(crate) async fn is_blank(&self) -> Result<bool, HubError> {
        let tail = {
            let state = self.log.lock();
            if !state.log.is_empty() {
                return Ok(false);
            }
            state.log.tail().offset
        };
        Ok(tail == 0 || self.engine.before(&self.log, 0, tail, 1).await?.is_empty())
    }

    /// The newest entry, if the topic is closed.
    pub(crate) fn newest(&self) -> Option<Newest> {
        let state = self.log.lock();
        let last = state.log.after(0).next_back().filter(|last| last.event.role() == Role::Last)?;
        Some(Newest { key: last.keys.key.clone(), age: Instant::now().saturating_duration_since(last.since) })
    }

    /// Whether the topic is closed, or removed.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.log.lock();
        state.log.is_complete() || state.removed()
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.log.is_removed()
    }

    /// Whether both are handles of the same topic. One that was created anew is another.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.log, &other.log)
    }

    /// A number that changes when an engine has lost what it had of the topic.
    pub(crate) fn epoch(&self) -> Epoch {
        self.log.lock().log.epoch()
    }

    /// Whether the hub is closed, or the topic removed.
    pub(crate) fn is_closed(&self) -> bool {
        self.log.lock().log.is_closed()
    }

    /// The notes after the entry at this offset, and the offset of the newest entry.
    pub(crate) fn notes_after(&self, seen: u64) -> (Vec<String>, u64) {
        let state = self.log.lock();
        let notes = state.log.after(seen).filter_map(|entry| entry.event.note()).map(Into::into).collect();
        (notes, state.log.head().offset)
    }

    /// Sets how long the topic is kept, by the age of its events.
    pub(crate) fn keep_for(&self, age: Duration) {
        self.log.lock().set_retention(Retention { age, ..EVERYTHING });
    }

    /// The time that was set by [`keep_for`](Self::keep_for). [`Duration::MAX`] by default.
    pub(crate) fn kept_for(&self) -> Duration {
        self.log.lock().log.retention().age
    }

    pub(crate) async fn lead(&self) -> Result<Lead, HubError> {
        self.engine.lead(&self.log).await
    }

    /// The stream of a viewer: all entries after this id, or all there are, also if the id is not of this topic.
    pub(crate) fn subscribe<T>(&self, from: Option<EventId>) -> Subscribe<T> {
        let subscribe = Subscribe::new(Arc::clone(&self.engine), vec![Arc::clone(&self.log)], from, None);
        subscribe.earliest().on_gap(OnGap::Earliest)
    }

    /// The number of streams in this process that follow the topic.
    pub(crate) fn viewers(&self) -> usize {
        self.log.lock().subscribers
    }

    /// Marks the topic as in use: it stays active, and [`deserted`](Self::deserted) tells when its last viewer has left. `None`
    /// if it is marked already.
    pub(crate) fn mark_used(&self) -> Option<Use> {
        let mut state = self.log.lock();
        // Also if the hub is closed: that ends streams, and no bodies of runs.
        (!std::mem::replace(&mut state.fed, true)).then(|| Use(Arc::clone(&self.log)))
    }

    /// Waits until the last viewer in this process has left, from [`enable`](Notified::enable) or the first poll on, or the
    /// topic is removed. Nothing is missed between that and the wait.
    pub(crate) fn deserted(&self) -> Notified<'_> {
        self.log.feed_changed.notified()
    }

    /// The changes that concern nodes and not viewers.
    pub(crate) fn changes(&self) -> Changes {
        let known = known(&self.log.lock().log);
        Changes { log: Arc::clone(&self.log), slot: WaiterSlot::NONE, known }
    }

    /// Removes the topic.
    pub(crate) async fn remove_from(&self, hub: &Hub) -> Result<(), HubError> {
        hub.remove_reserved(&self.log).await
    }
}

impl fmt::Debug for RunLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunLog").field(&self.name()).finish()
    }
}

/// A mark that a topic is in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct Use(Arc<SharedLog>);

impl Drop for Use {
    fn drop(&mut self) {
        self.0.lock().stop_feed();
    }
}

/// The entries of a topic that are not ordinary events, as they come.
#[derive(Debug)]
pub(crate) struct Changes {
    log: Arc<SharedLog>,
    slot: WaiterSlot,
    known: (u64, bool, Epoch),
}

/// The part of a log that a reader of [`Changes`] compares.
fn known(log: &Log) -> (u64, bool, Epoch) {
    (log.irregular(), log.is_closed(), log.epoch())
}

impl Changes {
    /// Ready when there is a new entry that is not an ordinary event, the topic is removed, its hub closed, or its engine has
    /// lost it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let before = self.known;
        let found = self.log.read_or_register(&mut self.slot, cx.waker(), |log| {
            let now = known(log);
            (now != before).then_some(now)
        });
        found.map_or(Poll::Pending, |now| {
            self.known = now;
            Poll::Ready(())
        })
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.log.unregister(&mut self.slot);
    }
}
