//! How a stream ended, told once.

use std::sync::{Arc, OnceLock};

use crate::error::CloseReason;

/// Belongs to one stream and reports its end exactly once: when it is told the reason, or when it
/// is dropped without one, which means that the client left.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    closer: Closer,
}

/// Lets whoever ends a stream from outside say why. Clones speak of the same stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closer {
    reason: Arc<OnceLock<CloseReason>>,
}

impl Closer {
    /// The first reason counts: what comes later is only its consequence.
    pub(crate) fn close(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
    }

    /// Whether the stream still runs, for a test that asserts that none does.
    #[cfg(feature = "testing")]
    pub(crate) fn is_open(&self) -> bool {
        self.reason.get().is_none()
    }
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Self { closer: Closer::default() }
    }

    pub(crate) fn closer(&self) -> Closer {
        self.closer.clone()
    }

    pub(crate) fn end(&self, reason: CloseReason) {
        self.closer.close(reason);
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        let reason = *self.closer.reason.get_or_init(|| CloseReason::Disconnected);
        // Streams come and go by the thousand; only the developer wants to hear of each.
        tracing::debug!(target: "touka::stream", ?reason, "stream closed");
    }
}
