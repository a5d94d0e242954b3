//! What all connections of one server share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::config::Limits;
use super::config::Park;
use super::handle::Handle;
use crate::server::address::proxies::Proxies;
use crate::server::limits::admission::Admission;
use crate::server::limits::body_budget::Budgets;
use crate::stream::spread;

/// How long open streams and running requests have once the shutdown began.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Over how long the ends of many streams are spread at a shutdown.
pub(super) const DRAIN_WINDOW: Duration = Duration::from_secs(5);

/// A few streams need no spreading: what one client costs the successor, when it comes back.
const DRAIN_EACH: Duration = Duration::from_millis(5);

/// Its limits and its controls.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) proxies: Proxies,
    pub(super) shutdown_timeout: Duration,
    pub(super) drain_window: Duration,
    pub(super) park: Park,
    /// What the bodies of requests hold in memory.
    pub(super) bodies: Arc<Budgets>,
    pub(crate) handle: Handle,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            limits: Limits::DEFAULT,
            admission: Admission::default(),
            proxies: Proxies::default(),
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            drain_window: DRAIN_WINDOW,
            park: Park::default(),
            bodies: Arc::default(),
            handle: Handle::default(),
        }
    }

    /// Over how long the streams that are open now are to end: no longer than the window, than
    /// their number calls for, or than leaves the last of them half of the time.
    pub(super) fn drain_time(&self) -> Duration {
        let called_for = DRAIN_EACH.saturating_mul(u32::try_from(self.handle.count()).unwrap_or(u32::MAX));
        self.drain_window.min(called_for).min(self.shutdown_timeout / 2)
    }

    /// A random moment for the end of one stream: not all of them end in the instant in which a shutdown
    /// begins. One that has just opened has the time to say something.
    pub(super) fn draw_turn(&self) -> Instant {
        let now = Instant::now();
        if self.drain_window.is_zero() {
            return now;
        }
        let until = self.handle.drained_by(|| now + self.drain_time());
        now + spread(DRAIN_EACH, until.saturating_duration_since(now).max(DRAIN_EACH * 2))
    }

    /// Waits until the shutdown has taken as long as it may.
    pub(super) async fn deadline(&self) {
        self.handle.shutdown.cancelled().await;
        // Cut before its time, if somebody is in a hurry.
        let _ = tokio::time::timeout(self.shutdown_timeout, self.handle.cut.cancelled()).await;
    }
}
