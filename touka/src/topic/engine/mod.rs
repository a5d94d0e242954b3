//! [`Engine`], what keeps the logs of a hub.

#[cfg(feature = "disk")]
mod batch;
#[cfg(feature = "disk")]
mod calm;
#[cfg(feature = "disk")]
mod database;
#[cfg(feature = "disk")]
mod disk;
#[cfg(feature = "disk")]
mod fault;
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
mod writer;

use std::sync::Arc;

#[cfg(feature = "disk")]
pub(super) use disk::DiskEngine;

use super::encoded::Draft;
use super::error::HubError;
use super::position::Position;
use super::shared_log::SharedLog;

/// Where events are kept, beside the log that every process has in memory and reads from.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// Nowhere.
    Memory,
    /// In a file.
    #[cfg(feature = "disk")]
    Disk(Arc<DiskEngine>),
}

impl Engine {
    /// What it keeps is there when it is not in memory any more.
    pub(super) const fn is_lasting(&self) -> bool {
        match self {
            Self::Memory => false,
            #[cfg(feature = "disk")]
            Self::Disk(_) => true,
        }
    }

    /// Brings what is kept of a topic into its log, once.
    pub(super) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let load = async || match self {
            Self::Memory => Ok(()),
            #[cfg(feature = "disk")]
            Self::Disk(disk) => disk.load(log).await,
        };
        log.loaded.get_or_try_init(load).await.map(drop)
    }

    /// Gives an event its place. When this is ready the event is kept, and readers have it or are
    /// woken for it.
    pub(super) async fn publish(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        key: Option<&str>,
    ) -> Result<Position, HubError> {
        self.load(log).await?;
        match self {
            Self::Memory => Ok(log.append(&draft, key)),
            #[cfg(feature = "disk")]
            Self::Disk(disk) => disk.publish(log, draft, key).await,
        }
    }
}
