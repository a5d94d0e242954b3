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
}

impl HubEngine {
    fn new(kind: EngineKind, engine: impl Engine) -> Arc<Self> {
        Arc::new(Self { kind, engine: Box::new(engine), epochs: Arc::default() })
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
        Ok(Self::of(RedisEngine::connect(options, cache).await?))
    }

    #[cfg(feature = "nats")]
    pub(in crate::topic) async fn nats(
        options: Nats,
        cache: Cache,
        retention: Retention,
    ) -> Result<Arc<Self>, HubError> {
        // The client crate has large futures.
        Ok(Self::of(Box::pin(NatsEngine::connect(options, cache, retention)).await?))
    }

    pub(in crate::topic) const fn epochs(&self) -> &Arc<EpochIndex> {
        &self.epochs
    }

    pub(in crate::topic) const fn kind(&self) -> EngineKind {
        self.kind
    }

    const fn topic<'a>(&'a self, log: &'a Arc<SharedLog>) -> EngineTopic<'a> {
        EngineTopic { log, epochs: &self.epochs }
    }

    /// Loads the events of a topic into its log, and has new ones delivered to it, unless that was done before.
    pub(in crate::topic) async fn activate(self: &Arc<Self>, log: &Arc<SharedLog>) -> Result<(), HubError> {
        if log.is_active() {
            return Ok(());
        }
        if log.is_removed() {
            // No event arrives there any more. Another topic may have the name, and would lose its events to this log.
            log.set_active(Lease::none());
            return Ok(());
        }
        // The thread of a file loads a topic whether or not its callers poll, and once for all of them.
        #[cfg(feature = "disk")]
        if self.kind == EngineKind::File {
            return self.load(log).await;
        }
        match Handle::try_current() {
            // All callers wait for the one that activates, so this must go on if that one stops to poll.
            Ok(runtime) if self.kind.is_shared() => {
                let (engine, log) = (Arc::clone(self), Arc::clone(log));
                let activated = on_task(&runtime, async move { engine.activate_here(&log).await }).await;
                activated.unwrap_or_else(|| Err(HubError::no_runtime()))
            }
            _ => self.activate_here(log).await,
        }
    }

    async fn activate_here(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let asked = Instant::now();
        let (mut failure, has_waited) = match log.activating.try_lock() {
            Ok(failure) => (failure, false),
            Err(_) => (log.activating.lock().await, true),
        };
        if log.is_active() {
            return Ok(());
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

    async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let lease = self.engine.activate(self.topic(log)).await?;
        self.epochs.insert(log);
        log.set_active(lease);
        Ok(())
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
        match Handle::try_current() {
            // Publishes wait for places in a queue, so one whose caller stops to poll must not keep its place.
            Ok(runtime) if self.kind.is_shared() => {
                let (engine, shared, keys) = (Arc::clone(self), Arc::clone(log), keys.to_kept());
                let publish = async move { engine.engine.publish(engine.topic(&shared), draft, keys.as_keys()).await };
                let published = begun_on_task(&runtime, publish).await;
                published.unwrap_or_else(|| Err(HubError::unknown_publish(log.name(), None)))
            }
            _ => self.engine.publish(self.topic(log), draft, keys).await,
        }
    }

    /// See [`Engine::refresh`].
    pub(in crate::topic) async fn refresh(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        contain("refresh", || self.engine.refresh(self.topic(log))).await
    }

    /// See [`Engine::ensure_in_step`].
    pub(in crate::topic) fn ensure_in_step<'a>(&'a self, log: &'a Arc<SharedLog>) -> EngineFuture<'a, ()> {
        self.engine.ensure_in_step(self.topic(log))
    }

    /// See [`Engine::before`].
    pub(in crate::topic) async fn before(
        &self,
        log: &Arc<SharedLog>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> Result<Vec<Stored>, HubError> {
        contain("before", || self.engine.before(self.topic(log), from, until, bytes)).await
    }

    /// See [`Engine::superseded`].
    pub(in crate::topic) async fn superseded(
        &self,
        log: &Arc<SharedLog>,
        from: u64,
        until: u64,
    ) -> Result<Option<Tag>, HubError> {
        contain("superseded", || self.engine.superseded(self.topic(log), from, until)).await
    }

    /// See [`Engine::lead`].
    pub(in crate::topic) async fn lead(&self, log: &Arc<SharedLog>) -> Result<Lead, HubError> {
        contain("lead", || self.engine.lead(self.topic(log))).await
    }

    /// See [`Engine::end_feed`].
    pub(in crate::topic) async fn end_feed(
        &self,
        log: &Arc<SharedLog>,
        lead: &Lead,
        reason: CloseReason,
        last: Option<&Event>,
    ) -> Result<Ended, HubError> {
        contain("end_feed", || self.engine.end_feed(self.topic(log), lead, reason, last)).await
    }

    /// See [`Engine::is_ready`].
    pub(in crate::topic) fn is_ready(&self) -> bool {
        self.engine.is_ready()
    }

    /// See [`Engine::has`].
    pub(in crate::topic) fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        self.engine.has(name)
    }

    /// See [`Engine::name_of`].
    pub(in crate::topic) fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        self.engine.name_of(epoch)
    }

    /// See [`Engine::remove`].
    pub(in crate::topic) fn remove<'a>(&'a self, log: &'a Arc<SharedLog>) -> EngineFuture<'a, ()> {
        self.engine.remove(self.topic(log))
    }
}

impl fmt::Debug for HubEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}
