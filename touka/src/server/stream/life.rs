//! [`Life`], the time at which the server ends a stream.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::CloseReason;
use crate::server::shared::Shared;
use crate::stream::within;

/// The time at which the server ends a stream: its maximum lifetime, a request to close it, or a shutdown.
///
/// A `Life` has no timer and wakes no task: the owner reports events, and asks when and why the stream must end.
#[derive(Debug, Default)]
pub(in crate::server) struct Life {
    /// The earliest known end, and its reason.
    end: Option<(Instant, CloseReason)>,
    /// Set when a shutdown has drawn the stream's time to end.
    has_drawn_end: bool,
}

impl Life {
    /// Applies the maximum lifetime, with jitter: streams that were opened together end at different times.
    pub(in crate::server) fn bounded(mut self, longest: Option<Duration>) -> Self {
        if let Some(longest) = longest {
            self.expire(Instant::now().checked_add(within(longest, 0.1)));
        }
        self
    }

    /// Ends the stream at this time at the latest; `None` is never.
    pub(in crate::server) fn expire(&mut self, at: Option<Instant>) {
        if let Some(at) = at {
            self.end_by(at, CloseReason::Expired);
        }
    }

    /// Ends the stream now, as at a shutdown.
    pub(in crate::server) fn close(&mut self, now: Instant) {
        self.end_by(now, CloseReason::Shutdown);
    }

    /// Draws the stream's time to end if the server is shutting down, so that streams do not end all at once. If
    /// the shutdown was cut short, the stream ends now.
    pub(in crate::server) fn apply_shutdown(&mut self, shared: &Shared) {
        if !shared.handle.is_shutting_down() {
            return;
        }
        if shared.handle.cut.is_cancelled() {
            self.close(Instant::now());
        } else if !self.has_drawn_end {
            self.has_drawn_end = true;
            self.end_by(shared.draw_end(), CloseReason::Shutdown);
        }
    }

    /// When the stream must end; `None` for never.
    pub(in crate::server) fn due(&self) -> Option<Instant> {
        self.end.map(|(at, _)| at)
    }

    /// Why the stream must have ended by `now`; `None` if it goes on.
    pub(in crate::server) fn is_over(&self, now: Instant) -> Option<CloseReason> {
        self.end.filter(|(at, _)| *at <= now).map(|(_, reason)| reason)
    }

    /// Sets the end, unless an earlier one is set.
    fn end_by(&mut self, at: Instant, reason: CloseReason) {
        if self.end.is_none_or(|(end, _)| at < end) {
            self.end = Some((at, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_end_counts_with_its_reason() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut life = Life::default();
        assert_eq!((life.due(), life.is_over(now)), (None, None));
        life = life.bounded(None).bounded(Some(Duration::MAX));
        life.expire(None);
        assert_eq!(life.due(), None);
        life = life.bounded(Some(second * 100));
        let due = life.due().expect("a lifetime").duration_since(now).as_secs_f32();
        assert!((90.0..=110.0).contains(&due), "{due}");
        life.expire(Some(now + second));
        life.expire(Some(now + second * 2));
        assert_eq!((life.is_over(now), life.is_over(now + second)), (None, Some(CloseReason::Expired)));
        life.close(now);
        assert_eq!(life.is_over(now), Some(CloseReason::Shutdown));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_draws_one_end_and_a_cut_ends_at_once() {
        let shared = Shared::new();
        // Enough streams that their ends are spread.
        let mut life = Life::default();
        life.apply_shutdown(&shared);
        assert_eq!(life.due(), None);
        shared.handle.shutdown();
        life.apply_shutdown(&shared);
        let drawn = life.due().expect("an end");
        life.apply_shutdown(&shared);
        assert_eq!(life.due(), Some(drawn));
        shared.handle.shutdown();
        life.apply_shutdown(&shared);
        assert_eq!(life.is_over(Instant::now()), Some(CloseReason::Shutdown));
    }
}
