//! [`Health`], which records whether a node receives what is published.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;

/// The time between two probes.
pub(in crate::topic::engine) const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// The time without a probe after which the node is not ready.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// The time without a probe after which the connection is replaced.
const DEAF_AFTER: Duration = Duration::from_secs(10);

/// Announces whether a hub receives what is published, in the log and as a metric.
#[derive(Debug)]
pub(in crate::topic::engine) struct Readiness {
    /// The name of the hub in metrics: the prefix of its keys.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only metrics have labels"))]
    hub: String,
    was_ready: AtomicBool,
}

impl Readiness {
    pub(in crate::topic::engine) fn new(hub: &str) -> Self {
        Self { hub: hub.to_owned(), was_ready: AtomicBool::new(false) }
    }

    /// Announces a change.
    pub(in crate::topic::engine) fn set(&self, is_ready: bool) {
        if self.was_ready.swap(is_ready, Ordering::Relaxed) != is_ready {
            tracing::info!(target: "touka::topic", is_ready, "events of other processes arrive, or no longer do");
            #[cfg(feature = "metrics")]
            metrics::gauge!("touka_hub_ready", "hub" => self.hub.clone()).set(f64::from(u8::from(is_ready)));
        }
    }
}

/// Record of whether a node receives what is published.
///
/// The node sends probes to a channel of its own. After a failover it may be subscribed to a server that no
/// node publishes to, with every connection intact: only the missing probes show that.
#[derive(Debug)]
pub(in crate::topic::engine) struct Health {
    /// `None` for one of several servers of a hub.
    readiness: Option<Readiness>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time of the last probe that was received, or at which the connection was opened.
    heard: Instant,
    /// Whether a probe was received on this connection.
    is_connected: bool,
    /// Whether a probe has ever been received.
    was_connected: bool,
    /// The time at which the first connection was to be opened.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "only Redis has several servers"))]
    since: Instant,
}

impl Health {
    pub(in crate::topic::engine) fn new(hub: &str) -> Self {
        Self { readiness: Some(Readiness::new(hub)), ..Self::of_shard() }
    }

    /// The record of one of several servers of a hub.
    pub(in crate::topic::engine) fn of_shard() -> Self {
        let now = Instant::now();
        let state = State { heard: now, is_connected: false, was_connected: false, since: now };
        Self { readiness: None, state: Mutex::new(state) }
    }

    /// Records that a connection was opened.
    pub(in crate::topic::engine) fn opened(&self) {
        self.state.lock().heard = Instant::now();
    }

    /// Records that a probe was received.
    pub(in crate::topic::engine) fn heard(&self) {
        let mut state = self.state.lock();
        (state.heard, state.is_connected, state.was_connected) = (Instant::now(), true, true);
        drop(state);
        self.is_ready();
    }

    /// Records that the connection is lost.
    pub(in crate::topic::engine) fn lost(&self) {
        self.state.lock().is_connected = false;
        self.is_ready();
    }

    /// Whether the node receives what is published.
    pub(in crate::topic::engine) fn is_ready(&self) -> bool {
        let state = self.state.lock();
        let is_ready = state.is_connected && state.heard.elapsed() < SILENT_AFTER;
        drop(state);
        if let Some(readiness) = &self.readiness {
            readiness.set(is_ready);
        }
        is_ready
    }

    /// Whether the first probe has yet to arrive, and is not late.
    #[cfg(feature = "redis")]
    pub(in crate::topic::engine) fn is_new(&self) -> bool {
        let state = self.state.lock();
        !state.was_connected && state.since.elapsed() < SILENT_AFTER
    }

    /// Whether the connection is to be replaced, although it is intact.
    pub(in crate::topic::engine) fn is_deaf(&self) -> bool {
        self.is_ready();
        self.state.lock().heard.elapsed() > DEAF_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_is_ready_while_it_hears_itself() {
        let health = Health::new("touka");
        assert!(!health.is_ready());
        #[cfg(feature = "redis")]
        assert!(health.is_new());
        health.opened();
        assert!(!health.is_ready());
        health.heard();
        assert!(health.is_ready());
        tokio::time::advance(SILENT_AFTER).await;
        assert!(!health.is_ready() && !health.is_deaf());
        health.heard();
        assert!(health.is_ready());
        health.lost();
        assert!(!health.is_ready());
        health.opened();
        tokio::time::advance(DEAF_AFTER + PROBE_INTERVAL).await;
        assert!(health.is_deaf() && !health.is_ready());
    }
}
