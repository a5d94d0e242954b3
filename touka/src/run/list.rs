//! The list of an owner's runs.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};

use super::error::RunError;
use super::follow::find;
use super::options::RunOptions;
use super::record::{Record, list_of};
use super::status::RunStatus;
use crate::event::Event;
use crate::topic::{Draft, Hub, HubError, RunLog};

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

/// How long an entry is kept in addition to its run.
const SPARE: Duration = Duration::from_mins(1);

/// Adds a run to the list of its owner.
pub(super) async fn add(hub: &Hub, owner: &str, key: &str, options: &RunOptions) -> Result<(), HubError> {
    let Ok(name) = list_of(owner) else { return Ok(()) };
    let log = hub.run_log(&name)?;
    let mut longest = options.longest().saturating_add(SPARE);
    if log.kept_for() == Duration::MAX {
        // Nothing was added by this process. Earlier entries may be of runs that are kept for longer than this one.
        log.update().await?;
        for entry in entries(&log).await? {
            let keep = entry["keep"].as_u64().map_or(Duration::ZERO, Duration::from_millis);
            longest = longest.max(keep);
        }
    } else {
        longest = longest.max(log.kept_for());
    }
    log.keep_for(longest);
    let keep = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    let entry = json!({ "key": key, "keep": keep });
    log.publish(Draft::of(Event::data(entry.to_string()))?, Some(key), None).await
}

async fn entries(log: &RunLog) -> Result<Vec<Value>, HubError> {
    let read = |wire: Bytes| serde_json::from_str(Event::from_wire(&wire).as_data()?).ok();
    Ok(log.events().await?.into_iter().filter_map(read).collect())
}

/// The runs of an owner that there are, the one that was started last first.
pub(super) async fn read(hub: &Hub, owner: &str) -> Result<Vec<RunInfo>, RunError> {
    let Some(log) = hub.known_run_log(&list_of(owner)?).await? else { return Ok(Vec::new()) };
    log.update().await?;
    // A key is listed once for each run that it has had.
    let mut keys = HashMap::new();
    for (at, entry) in entries(&log).await?.into_iter().enumerate() {
        if let Some(key) = entry["key"].as_str() {
            keys.insert(key.to_owned(), at);
        }
    }
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(*at));
    let mut runs = Vec::new();
    for (key, _) in keys {
        match find(hub, &key.as_str().into(), Some(owner)).await {
            Ok((_, Record { start, status, .. })) => {
                let started = UNIX_EPOCH.checked_add(Duration::from_millis(start.at)).unwrap_or(UNIX_EPOCH);
                runs.push(RunInfo { key, status, started });
            }
            // It is not kept any more, or was forgotten.
            Err(error) if error.is_unknown() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(runs)
}
