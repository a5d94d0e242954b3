//! [`Shared`], the limits and the controls that all connections of a server share.

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

/// Default time for open streams and running requests after the shutdown began.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Default time over which the ends of many streams are spread at a shutdown.
pub(super) const DRAIN_WINDOW: Duration = Duration::from_secs(5);

/// Share of the drain window for each stream, so that a few streams end quickly: about what one reconnecting
/// client costs the successor.
const DRAIN_PER_STREAM: Duration = Duration::from_millis(5);

/// Limits and controls of one server.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) proxies: Proxies,
    pub(super) shutdown_timeout: Duration,
    pub(super) drain_window: Duration,
    pub(super) park: Park,
    /// Memory of request bodies.
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

    /// Returns the time over which the streams that are open now are to end: at most the drain window,
    /// [`DRAIN_PER_STREAM`] for each stream, and half of the shutdown timeout, so that the last stream has the other
    /// half.
    pub(super) fn drain_time(&self) -> Duration {
        let called_for = DRAIN_PER_STREAM.saturating_mul(u32::try_from(self.handle.count()).unwrap_or(u32::MAX));
        self.drain_window.min(called_for).min(self.shutdown_timeout / 2)
    }

    /// Draws a random time for the end of one stream, so that not all streams end when the shutdown begins. A
    /// stream that has just opened gets the time to send something.
    pub(super) fn draw_end(&self) -> Instant {
        let now = Instant::now();
        if self.drain_window.is_zero() {
            return now;
        }
        let until = self.handle.drain_deadline(|| now + self.drain_time());
        now + spread(DRAIN_PER_STREAM, until.saturating_duration_since(now).max(DRAIN_PER_STREAM * 2))
    }

    /// Waits until the shutdown timeout has passed, or the connections are cut.
    pub(super) async fn deadline(&self) {
        self.handle.shutdown.cancelled().await;
        // A second request to shut down cuts the connections before the deadline.
        let _ = tokio::time::timeout(self.shutdown_timeout, self.handle.cut.cancelled()).await;
    }
}
