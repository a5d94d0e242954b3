//! The entries of the list of an owner's runs.
//!
//! The list is a topic. An entry is written when its run has started, and stays when the run is removed. When most entries may
//! be of runs that are removed, the list is replaced by one with the runs that there are:
//!
//! 1. It is closed. Nodes that start a run at the same time write to the next list.
//! 2. The runs that there are are written to a second topic, the spare.
//! 3. The list is removed, and those runs are written to the next one.
//! 4. The spare is removed.
//!
//! At each moment, the list and the spare have all runs together. A node that dies in the middle leaves the rest to the next
//! one that starts a run of the owner.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::options::RunOptions;
use super::record::{Record, list_of, spare_of, topic_of, turn};
use super::side_by_side::side_by_side;
use super::table::Runs;
use crate::event::Event;
use crate::topic::{Draft, Hub, HubError, Lead, RunLog};

/// How long an entry is kept in addition to its run.
const SPARE_TIME: Duration = Duration::from_mins(1);

/// The number of entries up to which a list is not compacted.
const FEW: u64 = 64;

/// The number of keys in one entry of a list that replaces another one.
const KEYS_AT_A_TIME: usize = 100;

/// The number of attempts to add an entry. An attempt fails when another node replaces the list.
const MAX_ATTEMPTS: u32 = 16;

/// The number of entries of a list, as its newest one says it. Nodes that write at the same time may count too few.
#[derive(Clone, Copy, Default)]
struct Count {
    all: u64,
    /// The number of runs at the last compaction.
    live: u64,
    /// The time for which the entries are kept.
    keep: Duration,
}

impl Count {
    fn of(log: &RunLog) -> Self {
        let (in_memory, newest) = log.glance();
        let newest = newest.as_ref().and_then(parse).unwrap_or_default();
        let number = |name: &str| newest[name].as_u64().unwrap_or(0);
        Self { all: number("all").max(in_memory as u64), live: number("live"), keep: keep_of(&newest) }
    }

    /// Whether most entries may be of runs that are removed: at least half were added since the last compaction.
    const fn is_compaction_due(self) -> bool {
        self.all >= FEW.saturating_add(self.live.saturating_mul(2))
    }
}

fn parse(wire: &Bytes) -> Option<Value> {
    serde_json::from_str(Event::from_wire(wire).as_data()?).ok()
}

fn keep_of(entry: &Value) -> Duration {
    entry["keep"].as_u64().map_or(Duration::ZERO, Duration::from_millis)
}

async fn entries(log: &RunLog) -> Result<Vec<Value>, HubError> {
    Ok(log.events().await?.iter().filter_map(parse).collect())
}

/// Adds a run that has started to the list of its owner.
pub(super) async fn add(hub: &Hub, owner: &str, key: &str, options: &RunOptions) -> Result<(), HubError> {
    let Ok(name) = list_of(owner) else { return Ok(()) };
    for _ in 0..MAX_ATTEMPTS {
        let log = hub.run_log(&name)?;
        let mut keep = options.longest().saturating_add(SPARE_TIME);
        if log.kept_for() == Duration::MAX {
            // Nothing was added by this process. Earlier entries may be of runs that are kept for longer than this one.
            log.update().await?;
            keep = entries(&log).await?.iter().map(keep_of).fold(keep, Duration::max);
        } else {
            log.load().await?;
            keep = keep.max(log.kept_for());
        }
        let count = Count::of(&log);
        if log.is_over() {
            compact(hub, owner).await?;
            continue;
        }
        if count.is_compaction_due() {
            match compact(hub, owner).await {
                Ok(()) => continue,
                Err(error) if hub.run_log(&name)?.is_over() => return Err(error),
                Err(error) => {
                    tracing::debug!(target: "touka::run", ?error, "a list of runs is not compacted");
                }
            }
        }
        let keep = keep.max(count.keep);
        log.keep_for(keep);
        let entry = json!({ "key": key, "keep": millis(keep), "all": count.all + 1, "live": count.live });
        match log.publish(Draft::of(Event::data(entry.to_string()))?, Some(key), None).await {
            Err(error) if error.is_closed() || error.is_removed() => {}
            outcome => return outcome,
        }
    }
    Err(HubError::unavailable("the list of the owner's runs was replaced again and again"))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Replaces the list of an owner by one of the runs that there are, if it is closed or has many entries. If another node is
/// quicker, the list may be replaced or not.
async fn compact(hub: &Hub, owner: &str) -> Result<(), HubError> {
    match try_compact(hub, owner).await {
        // This process has heard late that another node has replaced the list.
        Err(error) if error.is_removed() => Ok(()),
        outcome => outcome,
    }
}

async fn try_compact(hub: &Hub, owner: &str) -> Result<(), HubError> {
    let (Ok(name), Ok(spare)) = (list_of(owner), spare_of(owner)) else { return Ok(()) };
    let runs = Runs::of(hub);
    let _here = runs.compacting().await;
    let spare = hub.run_log(&spare)?;
    spare.update().await?;
    let lead = turn(&spare).await?;
    // Another node may have replaced the list before it gave up the right.
    spare.update().await?;
    if spare.is_removed() {
        return Ok(());
    }
    let log = hub.run_log(&name)?;
    log.update().await?;
    if !log.is_over() {
        // Unless another caller has been quicker.
        if !Count::of(&log).is_compaction_due() {
            return Ok(());
        }
        match log.publish(Draft::last(Event::data("{}"))?, None, None).await {
            Err(error) if !error.is_closed() && !error.is_removed() => return Err(error),
            _ => log.update().await?,
        }
    }
    if log.is_removed() {
        return Ok(());
    }
    let mut known = entries(&spare).await?;
    known.extend(entries(&log).await?);
    let keep = known.iter().map(keep_of).max().unwrap_or_default();
    let looks = keys(&known).into_iter().map(|key| async move {
        let is_live = is_live(hub, owner, &key).await?;
        Ok::<_, HubError>(is_live.then_some(key))
    });
    let looks: Result<Vec<_>, _> = side_by_side(looks).await.into_iter().collect();
    let live: Vec<String> = looks?.into_iter().flatten().collect();
    replace(hub, &log, (&spare, &lead), &live, keep).await
}

/// Writes the runs that there are to the spare, and then to a list that takes the place of this one.
async fn replace(
    hub: &Hub,
    log: &RunLog,
    (spare, lead): (&RunLog, &Lead),
    live: &[String],
    keep: Duration,
) -> Result<(), HubError> {
    let name = log.name();
    write(spare, live, keep).await?;
    remove(hub, log, lead).await?;
    let next = hub.run_log(name)?;
    next.update().await?;
    write(&next, live, keep).await?;
    remove(hub, spare, lead).await
}

async fn remove(hub: &Hub, log: &RunLog, lead: &Lead) -> Result<(), HubError> {
    if lead.is_lost() {
        return Err(HubError::unavailable("the right to replace a list of runs is lost"));
    }
    log.remove_from(hub).await
}

async fn write(log: &RunLog, live: &[String], keep: Duration) -> Result<(), HubError> {
    log.keep_for(keep);
    for keys in live.chunks(KEYS_AT_A_TIME) {
        let entry = json!({ "keys": keys, "keep": millis(keep), "all": live.len(), "live": live.len() });
        log.publish(Draft::of(Event::data(entry.to_string()))?, None, None).await?;
    }
    Ok(())
}

/// Whether there is a run of this owner with this key.
async fn is_live(hub: &Hub, owner: &str, key: &str) -> Result<bool, HubError> {
    let Ok(topic) = topic_of(key) else { return Ok(false) };
    let Some(log) = hub.known_run_log(&topic).await? else { return Ok(false) };
    log.update().await?;
    let record = Record::read(&log).await?;
    Ok(record.is_some_and(|record| !record.is_expired && record.start.owner.as_deref() == Some(owner)))
}

/// The keys in these entries, each once, in the order of their last entries.
fn keys(entries: &[Value]) -> Vec<String> {
    let mut last = HashMap::new();
    let all = entries.iter().flat_map(|entry| {
        let more = entry["keys"].as_array().into_iter().flatten();
        more.chain([&entry["key"]]).filter_map(Value::as_str)
    });
    for (at, key) in all.enumerate() {
        last.insert(key, at);
    }
    let mut keys: Vec<_> = last.into_iter().collect();
    keys.sort_unstable_by_key(|(_, at)| *at);
    keys.into_iter().map(|(key, _)| key.to_owned()).collect()
}

/// The keys of the runs of an owner, in the order of their starts. Some may be of runs that are removed.
pub(super) async fn all(hub: &Hub, owner: &str) -> Result<Vec<String>, HubError> {
    let (Ok(name), Ok(spare)) = (list_of(owner), spare_of(owner)) else { return Ok(Vec::new()) };
    loop {
        let log = hub.known_run_log(&name).await?;
        if let Some(log) = &log {
            log.load().await?;
        }
        let epoch = log.as_ref().map(RunLog::epoch);
        let mut known = Vec::new();
        if let Some(spare) = hub.known_run_log(&spare).await? {
            spare.update().await?;
            known = entries(&spare).await?;
        }
        // If the list was replaced during the look at both, runs may have been in neither when it was looked at.
        match log {
            Some(log) => {
                log.update().await?;
                known.extend(entries(&log).await?);
                log.update().await?;
                if !log.is_removed() && Some(log.epoch()) == epoch {
                    return Ok(keys(&known));
                }
            }
            None if !known.is_empty() || hub.known_run_log(&name).await?.is_none() => return Ok(keys(&known)),
            None => {}
        }
    }
}
