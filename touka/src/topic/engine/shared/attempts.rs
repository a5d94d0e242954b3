//! [`Attempts`], the attempts of one operation of a server.

use std::sync::Arc;
use std::time::Duration;

use axum_core::BoxError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::topic::error::HubError;

/// The time for one attempt. A server that does not answer may have been replaced.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The pause after a failed attempt. It doubles with each failure up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of publishes that a node sends at a time, with all their attempts. The others wait for a turn, and are
/// known not to be published if they get none in time. In the queue of a connection it would be the time of an attempt instead.
pub(in crate::topic::engine) const MAX_PUBLISHES: usize = 1024;

/// The attempts of one operation of a server: how long they take, and the pauses between them.
#[derive(Debug)]
pub(in crate::topic::engine) struct Attempts {
    /// The time after which an operation gets no turn.
    last_turn: Instant,
    end: Instant,
    pause: Duration,
}

impl Attempts {
    /// Attempts that end after this time.
    pub(in crate::topic::engine) fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self { last_turn: now + timeout / 2, end: now + timeout, pause: PAUSE }
    }

    /// The end of an attempt that begins now.
    pub(in crate::topic::engine) fn deadline(&self) -> Instant {
        self.end.min(Instant::now() + ATTEMPT)
    }

    /// Waits for a turn, in the order of the calls. `None` if half of the operation's time is over: while a server does not
    /// answer, publishes would otherwise get their turns in their last moment, and their outcomes would be unknown.
    pub(in crate::topic::engine) async fn turn(&self, turns: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        timeout_at(self.last_turn, Arc::clone(turns).acquire_owned()).await.ok()?.ok()
    }

    /// Waits until the next attempt. False if there is no time for one.
    pub(in crate::topic::engine) async fn pause(&mut self) -> bool {
        if Instant::now() + self.pause >= self.end {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        true
    }
}

/// The error of a publish whose last attempt has failed. The fault of this attempt says nothing about earlier ones, after
/// which the event may be stored.
pub(in crate::topic::engine) fn failed_publish<F>(topic: &str, may_be_stored: bool, fault: F) -> HubError
where
    F: Into<HubError> + Into<BoxError>,
{
    if may_be_stored { HubError::unknown_publish(topic, Some(fault.into())) } else { fault.into() }
}

/// The error of a publish whose topic was removed before this attempt. An earlier one may have stored the event before that.
pub(in crate::topic::engine) fn removed_meanwhile(topic: &str, may_be_stored: bool) -> HubError {
    if may_be_stored { HubError::unknown_publish(topic, None) } else { HubError::removed(topic) }
}
