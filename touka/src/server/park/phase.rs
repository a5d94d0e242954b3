//! [`Phase`], what a shard does with its streams: it serves them, ends them, or cuts them.

use std::future::{Future, ready};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::super::serving::Serving;
use crate::stream::spread;

/// Only what is yet to come can be polled: a future is dropped when it was ready.
pub(super) enum Phase {
    Serving {
        shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
        deadline: Deadline,
    },
    /// The server shuts down: each stream gets a turn of its own to end, until then.
    Draining {
        until: Instant,
        deadline: Deadline,
    },
    /// The shutdown has taken as long as it may.
    Cutting,
}

type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Phase {
    pub(super) fn new(serving: &Arc<Serving>) -> Self {
        let shutdown = Box::pin(serving.handle.shutdown.clone().cancelled_owned());
        let of = Arc::clone(serving);
        Self::Serving { shutdown, deadline: Box::pin(async move { of.deadline().await }) }
    }

    pub(super) const fn is_serving(&self) -> bool {
        matches!(self, Self::Serving { .. })
    }

    pub(super) const fn is_cutting(&self) -> bool {
        matches!(self, Self::Cutting)
    }

    /// Ready when another phase has begun.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, serving: &Serving) -> Poll<()> {
        let (shutdown, deadline) = match self {
            Self::Serving { shutdown, deadline } => (Some(shutdown), deadline),
            Self::Draining { deadline, .. } => (None, deadline),
            Self::Cutting => return Poll::Pending,
        };
        *self = if deadline.as_mut().poll(cx).is_ready() {
            Self::Cutting
        } else if shutdown.is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready()) {
            let until = Instant::now() + serving.drain_time();
            Self::Draining { until, deadline: mem::replace(deadline, Box::pin(ready(()))) }
        } else {
            return Poll::Pending;
        };
        Poll::Ready(())
    }

    /// While the streams are ended: a random time for one of them, from now on.
    pub(super) fn draw_turn(&self) -> Option<Instant> {
        let Self::Draining { until, .. } = self else { return None };
        let now = Instant::now();
        Some(now + spread(Duration::ZERO, until.saturating_duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_from_serving_to_draining_to_cutting_and_stays_there() {
        let serving = Arc::new(Serving::new());
        let mut phase = Phase::new(&serving);
        let start = Instant::now();
        assert!(phase.is_serving() && phase.draw_turn().is_none());
        serving.handle.shutdown();
        poll_fn(|cx| phase.poll_next(cx, &serving)).await;
        assert!(phase.draw_turn().is_some_and(|turn| turn >= start));
        poll_fn(|cx| phase.poll_next(cx, &serving)).await;
        assert_eq!(start.elapsed().as_secs(), serving.shutdown_timeout.as_secs());
        // Polled again, as a shard does until it has cut its last socket.
        assert!(poll_fn(|cx| Poll::Ready(phase.poll_next(cx, &serving).is_pending())).await);
        assert!(phase.is_cutting() && phase.draw_turn().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_in_the_drain_is_within_what_is_left_of_it() {
        let serving = Arc::new(Serving::new());
        let mut phase = Phase::new(&serving);
        let until = Instant::now() + Duration::from_secs(1);
        phase = match phase {
            Phase::Serving { deadline, .. } => Phase::Draining { until, deadline },
            other => other,
        };
        for _ in 0..20 {
            assert!(phase.draw_turn().is_some_and(|turn| turn <= until.max(Instant::now())));
            tokio::time::advance(Duration::from_millis(60)).await;
        }
    }
}
