//! [`Record`], what the log of a run says about it.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::error::RunError;
use super::note::{Note, Start};
use super::status::{End, RunStatus};
use crate::event::IntoEvent;
use crate::stream::{guarded, shielded};
use crate::topic::{Draft, Hub, HubError, Lead, RunLog};

/// The maximum length of a key and of an owner, in bytes.
const MAX_KEY: usize = 250;

/// The name of the topic of a run.
pub(super) fn topic_of(key: &str) -> Result<String, RunError> {
    check(key)?;
    Ok(format!("\0run/{key}"))
}

/// The name of the topic that lists the runs of an owner.
pub(super) fn list_of(owner: &str) -> Result<String, RunError> {
    check(owner)?;
    Ok(format!("\0own/{owner}"))
}

/// The name of the topic that has the runs of an owner while the list is replaced. It is as long as that of the list.
pub(super) fn spare_of(owner: &str) -> Result<String, RunError> {
    check(owner)?;
    Ok(format!("\0ow2/{owner}"))
}

/// Checks a key or an owner.
pub(super) fn check(name: &str) -> Result<(), RunError> {
    if name.is_empty() || name.len() > MAX_KEY { Err(RunError::key(name.len(), MAX_KEY)) } else { Ok(()) }
}

/// A run, as its log describes it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) start: Start,
    pub(super) status: RunStatus,
    /// Whether the run has ended and is not kept any more.
    pub(super) is_expired: bool,
}

impl Record {
    /// Reads the log of a run, which must be up to date. `None` if there is no run.
    pub(super) async fn read(log: &RunLog) -> Result<Option<Self>, HubError> {
        let Some(first) = log.first().await? else { return Ok(None) };
        let Some(Note::Start(start)) = Note::parse(&first) else { return Ok(None) };
        let Some(newest) = log.newest() else {
            return Ok(Some(Self { start, status: RunStatus::Running, is_expired: false }));
        };
        let status = newest.key.as_deref().and_then(RunStatus::of_end).unwrap_or(RunStatus::Done);
        let is_expired = newest.age > start.keep_for;
        Ok(Some(Self { start, status, is_expired }))
    }

    /// Reads the log of a run that exists, and that this owner may see.
    pub(super) async fn find(hub: &Hub, key: &str, owner: Option<&str>) -> Result<(RunLog, Self), RunError> {
        let Some(log) = hub.known_run_log(&topic_of(key)?).await? else { return Err(RunError::unknown()) };
        log.update().await?;
        match Self::read(&log).await? {
            Some(record) if record.is_expired => {
                remove(hub, &log, record.start.nonce).await?;
                Err(RunError::unknown())
            }
            Some(record) if record.start.owner.as_deref() == owner => Ok((log, record)),
            _ => Err(RunError::unknown()),
        }
    }
}

/// How long a removal waits for its turn. The right is free as soon as a run has ended.
const TURN: Duration = Duration::from_secs(5);

/// Waits for the right to replace or remove a topic.
pub(super) async fn turn(log: &RunLog) -> Result<Lead, HubError> {
    let lead = timeout(TURN, shielded(pin!(log.lead()))).await;
    lead.unwrap_or_else(|_| Err(HubError::unavailable("the right to remove a run or a list was not given in time")))
}

/// Removes the run with this number, which has ended, unless it is removed already. Another process may start a run with the
/// same key at the same time, and must not lose it: it needs the right to do so, and this as well.
pub(super) async fn remove(hub: &Hub, log: &RunLog, nonce: u64) -> Result<(), HubError> {
    if !log.is_shared() {
        // A log of this process is that of one run only.
        return log.remove_from(hub).await;
    }
    let _lead = turn(log).await?;
    log.update().await?;
    match Record::read(log).await? {
        Some(record) if record.start.nonce == nonce && record.status.is_over() => log.remove_from(hub).await,
        _ => Ok(()),
    }
}

/// The last entry of a run that ends so. If the event that the user has made cannot be encoded, touka's own takes its place.
pub(super) fn last_entry(end: End, own: Option<impl IntoEvent>) -> Result<Draft, HubError> {
    let own = own.and_then(|own| guarded("the encoding of a last event", || Draft::last(own)));
    match own {
        Some(Ok(draft)) => Ok(draft),
        Some(Err(error)) => {
            tracing::error!(target: "touka::run", ?error, "the last event of a run cannot be encoded: touka's own is sent");
            Draft::last(end.into_event())
        }
        None => Draft::last(end.into_event()),
    }
}
