//! [`Phase`], the phase of a shutdown: a shard serves its streams, ends them, or cuts them.

use std::future::{Future, ready};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::server::shared::Shared;

/// The phase of a shutdown. Each variant has only the futures that are still pending, so none is polled after it
/// was ready.
pub(super) enum Phase {
    /// Streams are served.
    Serving { shutdown: Pin<Box<WaitForCancellationFutureOwned>>, deadline: Deadline },
    /// The server shuts down: each stream ends at a time of its own.
    Draining { deadline: Deadline },
    /// The deadline of the shutdown has passed: connections are dropped.
    Cutting,
}

type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Phase {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let shutdown = Box::pin(shared.handle.shutdown.clone().cancelled_owned());
        let of = Arc::clone(shared);
        Self::Serving { shutdown, deadline: Box::pin(async move { of.deadline().await }) }
    }

    pub(super) const fn is_serving(&self) -> bool {
        matches!(self, Self::Serving { .. })
    }

    pub(super) const fn is_cutting(&self) -> bool {
        matches!(self, Self::Cutting)
    }

    /// Polls for the next phase. Ready when it has begun.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (shutdown, deadline) = match self {
            Self::Serving { shutdown, deadline } => (Some(shutdown), deadline),
            Self::Draining { deadline } => (None, deadline),
            Self::Cutting => return Poll::Pending,
        };
        *self = if deadline.as_mut().poll(cx).is_ready() {
            Self::Cutting
        } else if shutdown.is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready()) {
            Self::Draining { deadline: mem::replace(deadline, Box::pin(ready(()))) }
        } else {
            return Poll::Pending;
        };
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_go_from_serving_to_draining_to_cutting() {
        let shared = Arc::new(Shared::new());
        let mut phase = Phase::new(&shared);
        let start = Instant::now();
        assert!(phase.is_serving());
        shared.handle.shutdown();
        poll_fn(|cx| phase.poll_next(cx)).await;
        assert!(!phase.is_serving() && !phase.is_cutting());
        poll_fn(|cx| phase.poll_next(cx)).await;
        assert_eq!(start.elapsed().as_secs(), shared.shutdown_timeout.as_secs());
        // Polled again, as a shard does until it has dropped its last connection.
        assert!(poll_fn(|cx| Poll::Ready(phase.poll_next(cx).is_pending())).await);
        assert!(phase.is_cutting());
    }
}
