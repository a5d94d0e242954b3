//! The list of an owner's runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::RunError;
use super::follow::find;
use super::list_entries;
use super::record::{Record, check};
use super::side_by_side::side_by_side;
use super::status::RunStatus;
use crate::topic::Hub;

/// One run of an owner, as [`Hub::runs`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    key: String,
    status: RunStatus,
    started: SystemTime,
}

impl RunInfo {
    /// The key of the run.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How far the run had come when the list was made.
    pub const fn status(&self) -> RunStatus {
        self.status
    }

    /// The time of its start, by the clock of the process that has started it.
    pub const fn started(&self) -> SystemTime {
        self.started
    }
}

/// The runs of an owner that there are, the one that was started last first.
pub(super) async fn read(hub: &Hub, owner: &str) -> Result<Vec<RunInfo>, RunError> {
    check(owner)?;
    let finds = list_entries::all(hub, owner).await?.into_iter().map(|key| async move {
        let found = find(hub, &key.as_str().into(), Some(owner)).await;
        (key, found)
    });
    let mut runs = Vec::new();
    for (key, found) in side_by_side(finds).await {
        match found {
            Ok((_, Record { start, status, .. })) => {
                let started = UNIX_EPOCH.checked_add(Duration::from_millis(start.at)).unwrap_or(UNIX_EPOCH);
                runs.push(RunInfo { key, status, started });
            }
            // It is not kept any more, or was forgotten.
            Err(error) if error.is_unknown() => {}
            Err(error) => return Err(error),
        }
    }
    // Stable: runs that were started in the same millisecond stay in the order of their entries.
    runs.sort_by_key(RunInfo::started);
    runs.reverse();
    Ok(runs)
}
