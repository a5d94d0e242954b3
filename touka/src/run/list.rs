//! The list of an owner's runs.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::error::RunError;
use super::options::RunOptions;
use super::record::{Record, list_of};
use super::status::RunStatus;
use crate::event::Event;
use crate::topic::{Draft, Hub, HubError};

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
    let longest = options.max_run.saturating_add(options.stop_grace).saturating_add(options.keep_for);
    log.keep_for(longest.saturating_add(SPARE));
    log.publish(Draft::of(Event::data(json!({ "key": key }).to_string()))?, Some(key), None).await
}

/// The runs of an owner that there are, the one that was started last first.
pub(super) async fn read(hub: &Hub, owner: &str) -> Result<Vec<RunInfo>, RunError> {
    let Some(log) = hub.known_run_log(&list_of(owner)?).await? else { return Ok(Vec::new()) };
    log.update().await?;
    // A key is listed once for each run that it has had.
    let mut keys = HashMap::new();
    for (at, wire) in log.events().await?.into_iter().enumerate() {
        let entry = Event::from_wire(&wire).as_data().and_then(|data| serde_json::from_str::<Value>(data).ok());
        if let Some(key) = entry.as_ref().and_then(|entry| entry["key"].as_str()) {
            keys.insert(key.to_owned(), at);
        }
    }
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(*at));
    let mut runs = Vec::new();
    for (key, _) in keys {
        match Record::find(hub, &key, Some(owner)).await {
            Ok((_, Record { start, status })) => {
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
