//! [`Engine`], what keeps the logs of a hub.

use std::sync::Arc;

use super::encoded::Draft;
use super::error::HubError;
use super::position::Position;
use super::shared_log::SharedLog;

/// Where events are kept, beside the log that every process has in memory and reads from.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// Nowhere.
    Memory,
}

impl Engine {
    /// Brings what is kept of a topic into its log, once.
    pub(super) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        let load = async || match self {
            Self::Memory => Ok(()),
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
        }
    }
}
