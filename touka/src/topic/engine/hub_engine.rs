//! [`HubEngine`], an engine as a hub and its topics use it.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::contain::contain;
use super::ended::Ended;
use super::engine::Engine;
use super::engine_future::EngineFuture;
use super::engine_kind::EngineKind;
use super::engine_topic::EngineTopic;
use super::home::Home;
use super::lead::Lead;
use super::lease::Lease;
use super::memory::MemoryEngine;
use super::on_task::{begun_on_task, on_task};
use crate::error::CloseReason;
use crate::event::Event;
use crate::topic::encoded::Draft;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::shared_log::SharedLog;
use crate::topic::stored::Stored;

#[cfg(feature = "disk")]
use super::disk::DiskEngine;
#[cfg(feature = "nats")]
use super::nats::{Nats, NatsEngine};
#[cfg(feature = "redis")]
use super::redis::{Redis, RedisEngine};
#[cfg(any(feature = "redis", feature = "nats"))]
use crate::topic::cache::Cache;
#[cfg(feature = "disk")]
use crate::topic::disk::Disk;
#[cfg(feature = "nats")]
use crate::topic::retention::Retention;

/// The engine of a hub, and the index of the topics that it has activated.
pub(crate) struct HubEngine {
    kind: EngineKind,
    engine: Box<dyn Engine>,
    epochs: Arc<EpochIndex>,
    /// The runtime of an engine that has connections. `None` for others, which may need no runtime.
    home: Option<Home>,
    /// The number of events that the engine keeps of a topic at most, whatever the topic's retention.
    max_events: Option<usize>,
}

impl HubEngine {
    fn new(kind: EngineKind, engine: impl Engine) -> Arc<Self> {
        Arc::new(Self { kind, engine: Box::new(engine), epochs: Arc::default(), home: None, max_events: None })
    }

    /// An engine that was connected in this runtime.
    #[cfg(any(feature = "redis", feature = "nats"))]
    fn connected(engine: impl Engine, home: Home, max_events: Option<usize>) -> Arc<Self> {
        let kind = EngineKind::Shared;
        Arc::new(Self { kind, engine: Box::new(engine), epochs: Arc::default(), home: Some(home), max_events })
    }

    pub(in crate::topic) fn memory() -> Arc<Self> {
        Self::new(EngineKind::Memory, MemoryEngine)
    }

    /// An engine that is plugged in.
    pub(in crate::topic) fn of(engine: impl Engine) -> Arc<Self> {
        Self::new(EngineKind::Shared, engine)
    }

    #[cfg(feature = "disk")]
    pub(in crate::topic) fn open(disk: Disk) -> Result<Arc<Self>, HubError> {
        Ok(Self::new(EngineKind::File, DiskEngine::open(disk)?))
    }

    #[cfg(feature = "redis")]
    pub(in crate::topic) async fn redis(options: Redis, cache: Cache) -> Result<Arc<Self>, HubError> {
        let home = Home::current()?;
        Ok(Self::connected(RedisEngine::connect(options, cache).await?, home, None))
    }

    #[cfg(feature = "nats")]
    pub(in crate::topic) async fn nats(
        options: Nats,
        cache: Cache,
        retention: Retention,
    ) -> Result<Arc<Self>, HubError> {
        let home = Home::current()?;
        // The client crate has large futures.
        let engine = Box::pin(NatsEngine::connect(options, cache, retention)).await?;
        // One setting of the stream holds for all topics.
        Ok(Self::connected(engine, home, Some(retention.events)))
    }

    pub(in crate::topic) const fn epochs(&self) -> &Arc<EpochIndex> {
        &self.epochs
    }

    pub(in crate::topic) const fn kind(&self) -> EngineKind {
        self.kind
    }

    /// See the field.
    pub(in crate::topic) const fn max_events(&self) -> Option<usize> {
        self.max_events
    }

    const fn topic<'a>(&'a self, log: &'a Arc<SharedLog>) -> EngineTopic<'a> {
        EngineTopic { log, epochs: &self.epochs }
    }

    /// Loads the events of a topic into its log, and has new ones delivered to it, unless that was done before. Returns whether
    /// this call has loaded them.
    pub(in crate::topic) async fn activate(self: &Arc<Self>, log: &Arc<SharedLog>) -> Result<bool, HubError> {
        if self.has_ended() {
            return Err(HubError::no_runtime());
        }
        if log.is_active() {
            return Ok(false);
        }
        if log.is_removed() {
            // No event arrives there any more. Another topic may have the name, and would lose its events to this log.
            log.set_active(Lease::none());
            return Ok(false);
        }
        // The thread of a file loads a topic whether or not its callers poll, and once for all of them.
        #[cfg(feature = "disk")]
        if self.kind == EngineKind::File {
            return self.load(log).await;
        }
        // All callers wait for the one that activates, so this must go on if that one stops to poll.
        if let Some(runtime) = self.task_runtime() {
            let (engine, log) = (Arc::clone(self), Arc::clone(log));
            let activated = on_task(&runtime, async move { engine.activate_here(&log).await }).await;
            return activated.unwrap_or_else(|| Err(HubError::no_runtime()));
        }
        self.activate_here(log).await
    }

    /// The runtime of a task that begins now: that of the caller, or else that of the connections.
    pub(in crate::topic) fn runtime_for_task(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| self.home.as_ref().map(|home| home.runtime().clone()))
    }

    /// The runtime on which operations run that others may wait for, if the engine is shared.
    fn task_runtime(&self) -> Option<Handle> {
        match &self.home {
            Some(home) => Some(home.runtime().clone()),
            None if self.kind.is_shared() => Handle::try_current().ok(),
            None => None,
        }
    }

    /// Calls a method of the engine, where its connections live if it has any.
    fn call<'a, T: Send + Unpin + 'a>(&'a self, call: impl FnOnce() -> EngineFuture<'a, T>) -> EngineFuture<'a, T> {
        match &self.home {
            Some(home) => home.call(HubError::no_runtime, call),
            None => call(),
        }
    }

    async fn activate_here(&self, log: &Arc<SharedLog>) -> Result<bool, HubError> {
        let asked = Instant::now();
        let (mut failure, has_waited) = match log.activating.try_lock() {
            Ok(failure) => (failure, false),
            Err(_) => (log.activating.lock().await, true),
        };
        if log.is_active() {
            return Ok(false);
        }
        // While a server is away, one attempt counts for all who have waited for it.
        if let Some((at, error)) = &*failure
            && has_waited
            && *at >= asked
        {
            return Err(error.repeat());
        }
        let loaded = self.load(log).await;
        *failure = loaded.as_ref().err().map(|error| (Instant::now(), error.repeat()));
        loaded
    }

    async fn load(&self, log: &Arc<SharedLog>) -> Result<bool, HubError> {
        let lease = self.engine.activate(self.topic(log)).await?;
        self.epochs.insert(log);
        log.set_active(lease);
        Ok(true)
    }

    /// Appends an event and returns its position. Then the event is kept, and the readers in this process have been woken
    /// unless the engine delivers it later.
    pub(in crate::topic) async fn publish(
        self: &Arc<Self>,
        log: &Arc<SharedLog>,
        draft: Draft,
        keys: EventKeys<'_>,
    ) -> Result<Position, HubError> {
        if self.kind == EngineKind::Memory {
            self.activate(log).await?;
        }
        // Publishes wait for places in a queue, so one whose caller stops to poll must not keep its place. A removal waits for
        // them as well.
        let Some(runtime) = self.task_runtime() else {
            return self.engine.publish(self.topic(log), draft, keys).await;
        };
        if self.has_ended() {
            return Err(HubError::no_runtime());
        }
        let (engine, shared, keys) = (Arc::clone(self), Arc::clone(log), keys.to_kept());
        let publish = async move { engine.publish_unless_removed(&shared, draft, keys.as_keys()).await };
        let published = begun_on_task(&runtime, publish).await;
        published.unwrap_or_else(|| Err(HubError::unknown_publish(log.name(), None)))
    }

    /// Publishes unless the topic is removed. A removal begins after the publishes that were there before it, with all their
    /// attempts, and those that come later wait for its outcome: none of them begins the topic anew.
    async fn publish_unless_removed(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        keys: EventKeys<'_>,
    ) -> Result<Position, HubError> {
        // Publishes are sent in the order of their callers, so one that need not wait must not give way to other tasks.
        let _publishing = match log.publishing.try_read() {
            Ok(publishing) => publishing,
            Err(_) => log.publishing.read().await,
        };
        if log.is_removed() {
            return Err(HubError::removed(log.name()));
        }
        let publish = || self.engine.publish(self.topic(log), draft, keys);
        match &self.home {
            Some(home) => home.call(|| HubError::unknown_publish(log.name(), None), publish).await,
            None => publish().await,
        }
    }

    /// Whether the runtime has shut down in which the connections of the engine were.
    fn has_ended(&self) -> bool {
        self.home.as_ref().is_some_and(|home| !home.is_running())
    }

    /// See [`Engine::refresh`].
    pub(in crate::topic) async fn refresh(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        contain("refresh", || self.call(|| self.engine.refresh(self.topic(log)))).await
    }

    /// See [`Engine::ensure_in_step`].
    pub(in crate::topic) fn ensure_in_step<'a>(&'a self, log: &'a Arc<SharedLog>) -> EngineFuture<'a, ()> {
        self.call(|| self.engine.ensure_in_step(self.topic(log)))
    }

    /// See [`Engine::before`].
    pub(in crate::topic) async fn before(
        &self,
        log: &Arc<SharedLog>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> Result<Vec<Stored>, HubError> {
        contain("before", || self.call(|| self.engine.before(self.topic(log), from, until, bytes))).await
    }

    /// See [`Engine::superseded`].
    pub(in crate::topic) async fn superseded(
        &self,
        log: &Arc<SharedLog>,
        from: u64,
        until: u64,
    ) -> Result<Option<Tag>, HubError> {
        contain("superseded", || self.call(|| self.engine.superseded(self.topic(log), from, until))).await
    }

    /// See [`Engine::lead`].
    pub(in crate::topic) async fn lead(&self, log: &Arc<SharedLog>) -> Result<Lead, HubError> {
        contain("lead", || self.call(|| self.engine.lead(self.topic(log)))).await
    }

    /// See [`Engine::end_feed`]. Comes before a removal or after it, as a publish does.
    pub(in crate::topic) async fn end_feed(
        &self,
        log: &Arc<SharedLog>,
        lead: &Lead,
        reason: CloseReason,
        last: Option<&Event>,
    ) -> Result<Ended, HubError> {
        let _publishing = log.publishing.read().await;
        if log.is_removed() {
            return Ok(Ended::Everywhere);
        }
        contain("end_feed", || self.call(|| self.engine.end_feed(self.topic(log), lead, reason, last))).await
    }

    /// See [`Engine::is_ready`].
    pub(in crate::topic) fn is_ready(&self) -> bool {
        !self.has_ended() && self.engine.is_ready()
    }

    /// See [`Engine::has`].
    pub(in crate::topic) fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        self.call(|| self.engine.has(name))
    }

    /// See [`Engine::name_of`].
    pub(in crate::topic) fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        self.call(|| self.engine.name_of(epoch))
    }

    /// Removes a topic, after the publishes that have begun. See [`Engine::remove`].
    pub(in crate::topic) async fn remove(self: &Arc<Self>, log: &Arc<SharedLog>) -> Result<(), HubError> {
        // Publishes wait for the removal, whether or not its caller polls.
        let Some(runtime) = self.task_runtime() else { return self.remove_here(log).await };
        let (engine, log) = (Arc::clone(self), Arc::clone(log));
        let removed = on_task(&runtime, async move { engine.remove_here(&log).await }).await;
        removed.unwrap_or_else(|| Err(HubError::no_runtime()))
    }

    async fn remove_here(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let _removing = log.publishing.write().await;
        // By another call at the same time. The topic that may have its name since is another one.
        if log.is_removed() {
            return Ok(());
        }
        self.engine.remove(self.topic(log)).await?;
        // An engine does this itself, for the topics of all processes. One that does not must not leave readers behind.
        if !log.is_removed() {
            log.remove();
        }
        Ok(())
    }
}

impl fmt::Debug for HubEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}
