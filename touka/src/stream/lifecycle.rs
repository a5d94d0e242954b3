//! How a stream ended, told once, to everyone who wants to know.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::error::CloseReason;

/// What a stream and whoever serves it tell each other. Clones speak of the same stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    reason: OnceLock<CloseReason>,
    /// The stream is gone: wakes those who wait for that.
    gone: Notify,
    is_gone: AtomicBool,
    /// The connection cannot take more bytes now.
    blocked: AtomicBool,
}

impl Link {
    /// Says why the stream ends. The first reason counts: what comes later is its consequence.
    pub(crate) fn close(&self, reason: CloseReason) {
        let _ = self.0.reason.set(reason);
    }

    /// Says whether the client takes what is written to it.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.0.blocked.store(blocked, Ordering::Relaxed);
    }

    /// The client has not taken what was written last.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// Waits until the stream is gone, and tells why it went.
    pub(super) async fn gone(&self) -> CloseReason {
        let mut gone = pin!(self.0.gone.notified());
        // Registered before the look, so that an end between the two is not missed.
        gone.as_mut().enable();
        if !self.0.is_gone.load(Ordering::Acquire) {
            gone.await;
        }
        *self.0.reason.get_or_init(|| CloseReason::Disconnected)
    }

    /// Whether the stream still runs, for a test that asserts that none does.
    #[cfg(feature = "testing")]
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_gone.load(Ordering::Acquire)
    }
}

/// Belongs to one stream and reports its end exactly once: when it is dropped. Without a reason
/// until then, the client has left.
pub(crate) struct Lifecycle {
    link: Link,
    on_close: Option<OnClose>,
}

type OnClose = Box<dyn FnOnce(CloseReason) + Send>;

impl Lifecycle {
    pub(super) const fn new(link: Link) -> Self {
        Self { link, on_close: None }
    }

    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Adds to what happens at the end.
    pub(super) fn on_close(&mut self, then: impl FnOnce(CloseReason) + Send + 'static) {
        self.on_close = Some(match self.on_close.take() {
            None => Box::new(then),
            Some(first) => Box::new(move |reason| {
                first(reason);
                then(reason);
            }),
        });
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        let shared = &self.link.0;
        let reason = *shared.reason.get_or_init(|| CloseReason::Disconnected);
        shared.is_gone.store(true, Ordering::Release);
        shared.gone.notify_waiters();
        // Streams come and go by the thousand; only the developer wants to hear of each.
        tracing::debug!(target: "touka::stream", ?reason, "stream closed");
        let Some(on_close) = self.on_close.take() else { return };
        // A panic here could meet another one that unwinds already, which would abort the process.
        if catch_unwind(AssertUnwindSafe(|| on_close(reason))).is_err() {
            tracing::error!(target: "touka::stream", "on_close panicked");
        }
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("link", &self.link).finish_non_exhaustive()
    }
}
