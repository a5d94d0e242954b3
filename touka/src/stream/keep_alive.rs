//! The timer behind the comments that keep an idle connection open.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep, sleep_until};

use super::jitter::within;

/// How long nothing was written, and how long that may be: an interval, give or take a tenth.
///
/// Proxies cut connections that are idle for a minute or less, and only a write finds a client that left
/// without a word. The time counts from the last byte: a busy stream sends no comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// Every how long silence is broken, before its jitter; never for `None`.
    interval: Option<Duration>,
    /// The interval as it was drawn for this time.
    patience: Duration,
    since: Instant,
}

impl Silence {
    /// Silence that begins now.
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        // An interval too long for the clock is a comment that is never due.
        const NEVER: Duration = Duration::from_hours(24 * 365);
        let interval = interval.map(|interval| interval.min(NEVER));
        let mut silence = Self { interval, patience: Duration::ZERO, since: Instant::now() };
        silence.fill(silence.since);
        silence
    }

    /// Bytes went out: the wait begins anew.
    #[inline]
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.since = now;
    }

    /// When a comment is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.interval.and_then(|_| self.since.checked_add(self.patience))
    }

    /// A comment was due, and the next wait begins.
    pub(crate) fn fill(&mut self, now: Instant) {
        self.since = now;
        if let Some(interval) = self.interval {
            self.patience = within(interval, 0.1);
        }
    }
}

/// Bytes went out in the present poll. It cannot be kept for another poll, where it would be false.
#[derive(Debug)]
pub(crate) struct JustWritten<'poll> {
    now: Instant,
    poll: PhantomData<&'poll Waker>,
}

/// The same with a timer of its own.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    silence: Silence,
    /// Made when the stream first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whom the timer wakes, and when.
    armed: Option<(Waker, Instant)>,
}

impl KeepAlive {
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self { silence: Silence::new(interval), timer: None, armed: None }
    }

    /// Bytes went out: the wait begins anew, now.
    pub(crate) fn wrote<'poll>(&mut self, _: &Context<'poll>) -> Option<JustWritten<'poll>> {
        self.silence.interval?;
        // Only noted. Moving the timer at each write would cost more than the write's share
        // of a frame; it looks at this when it fires.
        let now = Instant::now();
        self.silence.wrote(now);
        Some(JustWritten { now, poll: PhantomData })
    }

    /// Ready when a comment is due. The caller writes it and says so with [`KeepAlive::wrote`]. `wrote` is what
    /// that has given in this poll, if anything was written.
    pub(crate) fn poll_due<'poll>(&mut self, wrote: Option<JustWritten<'poll>>, cx: &mut Context<'poll>) -> Poll<()> {
        // At each event of a busy stream the timer, which is in memory of its own, would be asked in vain.
        if let (Some(JustWritten { now, .. }), Some((waker, at))) = (wrote, &self.armed)
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
            // It fired. If bytes went out since it was set, it fired for an older write.
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
        keep_alive.wrote(&Context::from_waker(Waker::noop()));
    }

    /// Asks first in a poll in which something was written.
    async fn due_after_write(keep_alive: &mut KeepAlive) {
        let mut writes = true;
        poll_fn(|cx| {
            let wrote = mem::take(&mut writes).then(|| keep_alive.wrote(cx)).flatten();
            keep_alive.poll_due(wrote, cx)
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_last_write() {
        let mut keep_alive = KeepAlive::new(Some(Duration::from_secs(10)));
        for _ in 0..100 {
            // Busy for a while: a write each second.
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

    /// A stream asks in the poll in which it has written something, and then waits to be woken.
    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_not_asked_wakes_all_the_same() {
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
    async fn off_is_off() {
        let mut keep_alive = KeepAlive::new(None);
        wrote(&mut keep_alive);
        let due = tokio::time::timeout(Duration::from_hours(24), poll_fn(|cx| keep_alive.poll_due(None, cx)));
        assert!(due.await.is_err());
    }
}
