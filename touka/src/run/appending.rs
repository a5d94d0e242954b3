//! [`append`], which appends an event of a run whatever happens to the engine meanwhile.

use std::time::Duration;

use tokio::time::sleep;

use super::status::End;
use crate::topic::{Draft, Lead, RunLog};

/// The outcome for an event that is not appended.
pub(super) enum Appended {
    /// The run has ended elsewhere, or is forgotten.
    Ended,
    /// The run cannot go on.
    Failed(End),
}

/// The pause before an event is published again. It doubles with each failure up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(2);

/// The number of attempts for one event. Each takes some time while a server is away: the right to run the body is lost first.
const MAX_ATTEMPTS: u32 = 30;

/// Appends an event. `None` if that has succeeded.
pub(super) async fn append(log: &RunLog, lead: &Lead, draft: Draft) -> Option<Appended> {
    // The memory of this process does not fail.
    let mut spare = (!log.is_in_memory()).then(|| draft.clone());
    let mut next = Some(draft);
    let mut retry = RETRY;
    for _ in 0..MAX_ATTEMPTS {
        let Some(draft) = next.take() else { break };
        let error = match log.publish(draft, None, None).await {
            Ok(()) => return None,
            Err(error) => error,
        };
        if error.is_closed() || error.is_removed() || lead.is_lost() {
            return Some(Appended::Ended);
        }
        tracing::warn!(target: "touka::run", run = log.name(), ?error, "an event of a run is not stored yet");
        // Not to be published twice: an event whose outcome is unknown may be stored.
        if !error.is_retryable() {
            break;
        }
        next = spare.clone();
        sleep(retry).await;
        retry = (retry * 2).min(MAX_RETRY);
    }
    spare.take();
    Some(Appended::Failed(End::Failed(None)))
}
