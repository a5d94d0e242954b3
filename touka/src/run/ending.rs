//! [`Ending`], how a run ends: once, whatever happens to its task.

use std::time::Duration;

use tokio::time::sleep;

use super::note::Start;
use super::options::RunOptions;
use super::record::{Record, last_entry, remove};
use super::status::{End, RunStatus};
use crate::topic::{Hub, HubError, Lead, RunLog};

/// Guard of a run that has begun and has no end yet.
pub(super) struct Ending {
    log: RunLog,
    options: RunOptions,
    is_over: bool,
}

/// The pause before the end is written again. It doubles with each failure up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(200);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// The number of attempts to write the end. A run whose end cannot be written is found later, and is lost.
const MAX_ATTEMPTS: u32 = 100;

/// How long the engine keeps the events in addition: the first entry, and with it the run, must not go before the last one.
const SPARE: Duration = Duration::from_mins(1);

impl Ending {
    pub(super) const fn new(log: RunLog, options: RunOptions) -> Self {
        Self { log, options, is_over: false }
    }

    /// Another node writes the end, or has written it; or there is nothing to end.
    pub(super) const fn is_elsewhere(&mut self) {
        self.is_over = true;
    }

    /// Writes the end of a run that has lasted this long.
    pub(super) async fn write(&mut self, lead: &Lead, end: End, lasted: Duration) {
        let log = &self.log;
        // All events are kept until the end is not kept any more.
        log.keep_for(self.options.keep_for.saturating_add(lasted).saturating_add(SPARE));
        let status = end.status();
        // What the body says of its end knows more than a function of the status.
        let own = end.own_event().or_else(|| self.options.last_event.as_ref()?.of(status));
        let mut retry = RETRY;
        for _ in 0..MAX_ATTEMPTS {
            let written = match last_entry(end.clone(), own.clone()) {
                Ok(draft) => log.publish(draft, Some(status.as_str()), None).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => break,
                // An attempt without an answer may have written it, too.
                Err(error) if error.is_closed() || error.is_removed() => break,
                Err(error) if lead.is_lost() => {
                    tracing::warn!(target: "touka::run", run = log.name(), ?error, "another process ends the run");
                    break;
                }
                Err(error) => {
                    tracing::warn!(target: "touka::run", run = log.name(), ?error, "the end of a run is not stored yet");
                }
            }
            sleep(retry).await;
            retry = (retry * 2).min(MAX_RETRY);
        }
        self.is_over = true;
    }

    /// Removes the run when it is not kept any more.
    pub(super) fn expire(&self, hub: &Hub) {
        let (hub, name, keep_for) = (hub.downgrade(), self.log.name().to_owned(), self.options.keep_for);
        tokio::spawn(async move {
            // A little later than the time after which readers do not find it any more.
            sleep(keep_for.saturating_add(Duration::from_millis(10))).await;
            let Some(hub) = hub.upgrade() else { return };
            if let Ok(Some(log)) = hub.known_run_log(&name).await
                && log.update().await.is_ok()
                && let Ok(Some(Record { start, is_expired: true, .. })) = Record::read(&log).await
                && let Err(error) = remove(&hub, &log, start.nonce).await
            {
                tracing::debug!(target: "touka::run", run = name, ?error, "a run is removed later than it should be");
            }
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // The runtime shuts down while the run is under way. In memory there is no other process that finds it later. In a file,
        // the next caller that looks at the run does.
        if !self.is_over && self.log.is_in_memory() {
            let own = self.options.last_event.as_ref().and_then(|make| make.of(RunStatus::Lost));
            if let Ok(draft) = last_entry(End::Lost, own) {
                self.log.append(&draft, RunStatus::Lost.as_str());
            }
        }
    }
}

/// Ends a run whose process has died.
pub(super) async fn lose(log: &RunLog, start: &Start) -> Result<(), HubError> {
    log.keep_for(start.keep_for.saturating_add(start.age()).saturating_add(SPARE));
    let draft = last_entry(End::Lost, start.lost_event())?;
    match log.publish(draft, Some(RunStatus::Lost.as_str()), None).await {
        Err(error) if error.is_closed() || error.is_removed() => Ok(()),
        outcome => outcome,
    }
}
