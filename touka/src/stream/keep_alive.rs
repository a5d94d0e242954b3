//! The timers of keep-alive comments.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep, sleep_until};

use super::jitter::within;

/// The time since the last write, and when a comment is due: after an interval, give or take a tenth.
///
/// Proxies close connections that are idle for a minute or less, and a client that left without closing its
/// connection is found only by a write. The time counts from the last byte: a busy stream sends no comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// The interval without its jitter; `None` for no comments.
    interval: Option<Duration>,
    /// The interval with its jitter, drawn anew after each comment.
    patience: Duration,
    since: Instant,
}

impl Silence {
    /// Creates a timer that counts from now.
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        // An interval that the clock cannot represent means that no comment is due.
        const NEVER: Duration = Duration::from_hours(24 * 365);
        let interval = interval.map(|interval| interval.min(NEVER));
        let mut silence = Self { interval, patience: Duration::ZERO, since: Instant::now() };
        silence.fill(silence.since);
        silence
    }

    /// Records a write: the wait begins again.
    #[inline]
    pub(crate) fn record_write(&mut self, now: Instant) {
        self.since = now;
    }

    /// Returns when a comment is due; `None` if never.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.interval.and_then(|_| self.since.checked_add(self.patience))
    }

    /// Records that a comment was due: the next wait begins.
    pub(crate) fn fill(&mut self, now: Instant) {
        self.since = now;
        if let Some(interval) = self.interval {
            self.patience = within(interval, 0.1);
        }
    }
}

/// Proves that bytes were written in the current poll. The lifetime keeps it from being used in another poll,
/// where it would be false.
#[derive(Debug)]
pub(crate) struct JustWritten<'poll> {
    now: Instant,
    poll: PhantomData<&'poll Waker>,
}

/// A [`Silence`] with a timer of its own.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    silence: Silence,
    /// Created when the stream first waits.
    timer: Option<Pin<Box<Sleep>>>,
    /// The waker that the timer wakes, and when.
    armed: Option<(Waker, Instant)>,
}

impl KeepAlive {
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self { silence: Silence::new(interval), timer: None, armed: None }
    }

    /// Records a write: the wait begins again.
    pub(crate) fn record_write<'poll>(&mut self, _: &Context<'poll>) -> Option<JustWritten<'poll>> {
        self.silence.interval?;
        // Only recorded. Resetting the timer at each write would cost more than the write's share of a frame;
        // the timer compares when it fires.
        let now = Instant::now();
        self.silence.record_write(now);
        Some(JustWritten { now, poll: PhantomData })
    }

    /// Ready when a comment is due. The caller writes the comment and calls [`KeepAlive::record_write`].
    /// `just_written` is the result of that call in this poll, if anything was written.
    pub(crate) fn poll_due<'poll>(
        &mut self,
        just_written: Option<JustWritten<'poll>>,
        cx: &mut Context<'poll>,
    ) -> Poll<()> {
        // On a busy stream, polling the timer at each event would be useless, and it is in memory of its own.
        if let (Some(JustWritten { now, .. }), Some((waker, at))) = (just_written, &self.armed)
            && now < *at
            && waker.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        let Some(due) = self.silence.due() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        self.armed = None;
        loop {
            if timer.as_mut().poll(cx).is_pending() {
                // Without a budget the task is woken at once, and not by the timer.
                if has_budget_remaining() {
                    self.armed = Some((cx.waker().clone(), timer.deadline()));
                }
                return Poll::Pending;
            }
            // The timer has fired. If bytes were written since it was set, it has fired for an older write.
            let fired = timer.deadline();
            let is_due = fired >= due;
            if is_due {
                self.silence.fill(fired);
            }
            timer.as_mut().reset(self.silence.due().unwrap_or(due));
            if is_due {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::mem;

    use super::*;

    fn wrote(keep_alive: &mut KeepAlive) {
        keep_alive.record_write(&Context::from_waker(Waker::noop()));
    }

    /// Polls first in a poll in which something was written.
    async fn due_after_write(keep_alive: &mut KeepAlive) {
        let mut writes = true;
        poll_fn(|cx| {
            let wrote = mem::take(&mut writes).then(|| keep_alive.record_write(cx)).flatten();
            keep_alive.poll_due(wrote, cx)
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_interval_counts_from_the_last_write() {
        let mut keep_alive = KeepAlive::new(Some(Duration::from_secs(10)));
        for _ in 0..100 {
            // Busy for 25 s: a write each second.
            for _ in 0..25 {
                wrote(&mut keep_alive);
                let due = tokio::time::timeout(Duration::from_secs(1), poll_fn(|cx| keep_alive.poll_due(None, cx)));
                assert!(due.await.is_err(), "a comment on a busy stream");
            }
            let idle_since = Instant::now() - Duration::from_secs(1);
            poll_fn(|cx| keep_alive.poll_due(None, cx)).await;
            let waited = idle_since.elapsed().as_millis();
            assert!((9_000..=11_001).contains(&waited), "{waited} ms");
        }
    }

    /// A stream polls when it has written something, and then waits to be woken.
    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_not_polled_wakes_the_task() {
        let mut keep_alive = KeepAlive::new(Some(Duration::from_secs(10)));
        for _ in 0..100 {
            let wrote_at = Instant::now();
            let due = tokio::time::timeout(Duration::from_secs(4), due_after_write(&mut keep_alive)).await;
            assert!(due.is_err(), "a comment 4 s after a write");
            due_after_write(&mut keep_alive).await;
            let waited = wrote_at.elapsed().as_millis();
            assert!((13_000..=15_001).contains(&waited), "{waited} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_interval_means_no_comment() {
        let mut keep_alive = KeepAlive::new(None);
        wrote(&mut keep_alive);
        let due = tokio::time::timeout(Duration::from_hours(24), poll_fn(|cx| keep_alive.poll_due(None, cx)));
        assert!(due.await.is_err());
    }
}
