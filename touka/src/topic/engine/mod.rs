//! [`Engine`], which keeps the logs of a hub.
//!
//! # Layout
//! The files of the disk engine, each of which imports only from those before it:
//!
//! - `disk_fault`: errors of the file; `record`: one event as bytes
//! - `held_file`: the open and locked file; `overlay`: a file that is repaired in memory only
//! - `database`: tables and identity; `tables`, `store`: writing and reading them; `shared_store`: a store shared by two threads
//! - `write_batch`: the events of one topic that are written together; `idle_trim`: expiry of old events
//! - `writer`, `loader`: the threads that write and read; `guarded_waker`, `disk`: the queues to them, and the engine

#[cfg(feature = "disk")]
mod database;
#[cfg(feature = "disk")]
mod disk;
#[cfg(feature = "disk")]
mod disk_fault;
#[cfg(feature = "disk")]
mod guarded_waker;
#[cfg(feature = "disk")]
mod held_file;
#[cfg(feature = "disk")]
mod idle_trim;
#[cfg(feature = "disk")]
mod loader;
#[cfg(feature = "disk")]
mod overlay;
#[cfg(feature = "disk")]
mod record;
#[cfg(all(test, feature = "disk"))]
mod scratch;
#[cfg(feature = "disk")]
mod shared_store;
#[cfg(feature = "disk")]
mod store;
#[cfg(feature = "disk")]
mod tables;
#[cfg(feature = "disk")]
mod write_batch;
#[cfg(feature = "disk")]
mod writer;

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "disk")]
use disk::DiskEngine;

#[cfg(feature = "disk")]
use super::disk::Disk;
use super::encoded::Draft;
use super::epoch_index::EpochIndex;
use super::error::HubError;
use super::position::{Epoch, Position};
use super::shared_log::SharedLog;

/// The place where events are kept, in addition to the log that every process has in memory and reads from.
#[derive(Clone)]
pub(super) struct Engine {
    backend: Backend,
    epochs: Arc<EpochIndex>,
}

#[derive(Clone)]
enum Backend {
    /// Keeps nothing in addition to the log.
    Memory,
    /// Keeps events in a file.
    #[cfg(feature = "disk")]
    Disk(Arc<DiskEngine>),
}

impl Engine {
    pub(super) fn memory() -> Self {
        Self { backend: Backend::Memory, epochs: Arc::default() }
    }

    #[cfg(feature = "disk")]
    pub(super) fn open(disk: Disk) -> Result<Self, HubError> {
        Ok(Self { backend: Backend::Disk(Arc::new(DiskEngine::open(disk)?)), epochs: Arc::default() })
    }

    pub(super) const fn epochs(&self) -> &Arc<EpochIndex> {
        &self.epochs
    }

    /// Whether events survive when their topic leaves memory.
    pub(super) const fn is_lasting(&self) -> bool {
        match self.backend {
            Backend::Memory => false,
            #[cfg(feature = "disk")]
            Backend::Disk(_) => true,
        }
    }

    /// Loads the events of a topic into its log, unless that was done before.
    pub(super) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let load = async || {
            match &self.backend {
                Backend::Memory => {}
                #[cfg(feature = "disk")]
                Backend::Disk(disk) => disk.load(log).await?,
            }
            self.epochs.insert(log);
            Ok(())
        };
        log.loaded.get_or_try_init(load).await.map(drop)
    }

    /// Appends an event and returns its position. Then the event is kept, and readers have been woken.
    pub(super) async fn publish(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        key: Option<&str>,
    ) -> Result<Position, HubError> {
        self.load(log).await?;
        match &self.backend {
            Backend::Memory => log.append(&draft, key).ok_or_else(|| HubError::removed(log.name())),
            #[cfg(feature = "disk")]
            Backend::Disk(disk) => disk.publish(log, draft, key).await,
        }
    }

    /// Whether there are events of a topic that is not in memory.
    #[cfg_attr(not(feature = "disk"), expect(clippy::unused_async, reason = "reading a file takes time"))]
    pub(super) async fn has(&self, name: &str) -> Result<bool, HubError> {
        match &self.backend {
            Backend::Memory => {
                let _ = name;
                Ok(false)
            }
            #[cfg(feature = "disk")]
            Backend::Disk(disk) => disk.has(name).await,
        }
    }

    /// The name of the topic whose log has this epoch, if it has events and is not in memory.
    #[cfg_attr(not(feature = "disk"), expect(clippy::unused_async, reason = "reading a file takes time"))]
    pub(super) async fn name_of(&self, epoch: Epoch) -> Result<Option<String>, HubError> {
        match &self.backend {
            Backend::Memory => {
                let _ = epoch;
                Ok(None)
            }
            #[cfg(feature = "disk")]
            Backend::Disk(disk) => disk.name_of(epoch).await,
        }
    }

    /// Removes a topic's events and ends its streams. If this fails, the topic is as before.
    #[cfg_attr(not(feature = "disk"), expect(clippy::unused_async, reason = "writing a file takes time"))]
    pub(super) async fn remove(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        match &self.backend {
            Backend::Memory => {
                log.remove();
                Ok(())
            }
            #[cfg(feature = "disk")]
            Backend::Disk(disk) => disk.remove(log).await,
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.backend {
            Backend::Memory => f.write_str("Memory"),
            #[cfg(feature = "disk")]
            Backend::Disk(disk) => disk.fmt(f),
        }
    }
}
