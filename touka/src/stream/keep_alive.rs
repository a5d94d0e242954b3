//! The timer behind the comments that keep an idle connection open.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::jitter::within;

/// Tells when nothing was written for the interval, give or take a tenth.
///
/// Proxies cut connections that are idle for a minute or less, and only a write finds a client
/// that left without a word. The time counts from the last byte: a busy stream sends no comment.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    interval: Option<Duration>,
    last_write: Option<Instant>,
    /// Made when the stream first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl KeepAlive {
    pub(crate) const fn new(interval: Option<Duration>) -> Self {
        Self { interval, last_write: None, timer: None }
    }

    /// Bytes went out: the wait begins anew.
    pub(crate) fn wrote(&mut self) {
        if self.interval.is_some() {
            // Only noted. Moving the timer at each write would cost more than the write's share
            // of a frame; it looks at this when it fires.
            self.last_write = Some(Instant::now());
        }
    }

    /// Ready when a comment is due. The caller writes it and says so with [`KeepAlive::wrote`].
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(interval) = self.interval else { return Poll::Pending };
        let last_write = *self.last_write.get_or_insert_with(Instant::now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(after(last_write, interval))));
        loop {
            ready!(timer.as_mut().poll(cx));
            // It fired. If bytes went out since it was set, it fired for an older write.
            let set_for = timer.deadline();
            if set_for.saturating_duration_since(last_write) >= interval.mul_f64(0.9) {
                timer.as_mut().reset(after(set_for, interval));
                return Poll::Ready(());
            }
            timer.as_mut().reset(after(last_write, interval));
        }
    }
}

/// An interval after that moment, give or take a tenth. An interval too long for the clock is a
/// keep-alive that is never due.
fn after(moment: Instant, interval: Duration) -> Instant {
    const NEVER: Duration = Duration::from_hours(24 * 365);
    moment + within(interval.min(NEVER), 0.1)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_last_write() {
        let mut keep_alive = KeepAlive::new(Some(Duration::from_secs(10)));
        for _ in 0..100 {
            // Busy for a while: a write each second.
            for _ in 0..25 {
                keep_alive.wrote();
                let due = tokio::time::timeout(Duration::from_secs(1), poll_fn(|cx| keep_alive.poll_due(cx)));
                assert!(due.await.is_err(), "a comment on a busy stream");
            }
            let idle_since = Instant::now() - Duration::from_secs(1);
            poll_fn(|cx| keep_alive.poll_due(cx)).await;
            let waited = idle_since.elapsed().as_millis();
            assert!((9_000..=11_001).contains(&waited), "{waited} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn off_is_off() {
        let mut keep_alive = KeepAlive::new(None);
        keep_alive.wrote();
        let due = tokio::time::timeout(Duration::from_hours(24), poll_fn(|cx| keep_alive.poll_due(cx)));
        assert!(due.await.is_err());
    }
}
