//! [`SnapshotPace`], the time between the snapshots of one stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The minimum time between the end of a snapshot and the start of the next one of the same stream. It doubles up to
/// [`MAX_PAUSE`] while the stream has a gap after each snapshot, without reading to the end of the topic in between.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Keeps a stream from loading snapshots all the time, for example on a busy topic that retains less than what is
/// published while a snapshot is loaded.
#[derive(Debug, Default)]
pub(super) struct SnapshotPace {
    /// The end of the last snapshot and the pause after it.
    last: Option<(Instant, Duration)>,
    /// Whether the stream has read to the end of its topics since.
    caught_up: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl SnapshotPace {
    /// Ready when the next snapshot may be loaded.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((end, pause)) = self.last else { return Poll::Ready(()) };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end + pause)));
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }

    /// Called when a snapshot has been read to its end.
    pub(super) fn sent(&mut self) {
        let pause = match self.last {
            Some((_, pause)) if !self.caught_up => (pause * 2).min(MAX_PAUSE),
            _ => MIN_PAUSE,
        };
        (self.last, self.caught_up) = (Some((Instant::now(), pause)), false);
    }

    /// Called when the stream has read to the end of its topics.
    pub(super) const fn caught_up(&mut self) {
        self.caught_up = true;
    }
}
