//! [`Pace`], the minimum rate of a request's body.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time that a handler may still wait for a body.
///
/// The time left begins at the maximum and never exceeds it. Waiting uses it up; each byte that arrives earns
/// the time that it takes at the minimum rate. A body that arrives at that rate is never late, a body that
/// stalls is late after the maximum time, and a body that was fast before cannot stall for longer. Only the time
/// in which the handler waits counts: a handler that reads slowly makes no client late.
#[derive(Debug)]
pub(in crate::server) struct Pace {
    longest: Duration,
    /// In bytes per second; 0 means that any byte earns the maximum time.
    least_rate: u32,
    left: Duration,
    /// The beginning of the handler's current wait, and the timer for its end.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(in crate::server) const fn new(longest: Duration, least_rate: u32) -> Self {
        Self { longest, least_rate, left: longest, waiting: None }
    }

    /// Begins or continues a wait of the handler. Ready when it has lasted for too long.
    pub(in crate::server) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, timer) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        timer.as_mut().poll(cx)
    }

    /// Records the arrival of bytes, which ends the handler's wait.
    pub(in crate::server) fn record_bytes(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let earned = match self.least_rate {
            0 => self.longest,
            rate => nanoseconds(bytes as u128 * 1_000_000_000 / u128::from(rate)),
        };
        self.left = self.left.saturating_add(earned).min(self.longest);
    }

    /// The error message of a late body.
    pub(in crate::server) fn fault(&self) -> String {
        let Self { longest, least_rate, .. } = self;
        match least_rate {
            0 => format!("the request's body stalled for {longest:?}"),
            rate => {
                format!("the request's body stalled for {longest:?}, or arrived at less than {rate} bytes per second")
            }
        }
    }
}

fn nanoseconds(number: u128) -> Duration {
    u64::try_from(number).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Feeds this many bytes after each pause, for at most an hour. Returns when the body was late.
    async fn late_after(mut pace: Pace, pause: Duration, bytes: usize) -> Option<Duration> {
        const LONG: Duration = Duration::from_hours(1);
        let start = Instant::now();
        while start.elapsed() < LONG {
            let late = poll_fn(|cx| pace.poll_late(cx));
            if tokio::time::timeout(pause, late).await.is_ok() {
                return Some(start.elapsed());
            }
            pace.record_bytes(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_late_only_below_the_minimum_rate() {
        let pace = || Pace::new(Duration::from_secs(30), 1024);
        let second = Duration::from_secs(1);
        assert_eq!(late_after(pace(), second, 1024).await, None);
        assert_eq!(late_after(pace(), second * 20, 20 * 1024).await, None);
        let late = late_after(pace(), second / 2, 1).await.expect("late").as_secs();
        assert!((30..=31).contains(&late), "{late} s");
        let late = late_after(pace(), second, 512).await.expect("late").as_secs();
        assert!((59..=61).contains(&late), "{late} s");
        assert_eq!(late_after(pace(), Duration::MAX, 1).await, Some(second * 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_body_earns_no_more_than_the_maximum() {
        let mut pace = Pace::new(Duration::from_secs(30), 1024);
        pace.record_bytes(usize::MAX);
        let start = Instant::now();
        poll_fn(|cx| pace.poll_late(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_any_byte_will_do() {
        let pace = Pace::new(Duration::from_secs(30), 0);
        assert_eq!(late_after(pace, Duration::from_secs(29), 1).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_reads_slowly_makes_no_client_late() {
        let mut pace = Pace::new(Duration::from_secs(30), 1024);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            pace.record_bytes(1);
        }
        assert!(poll_fn(|cx| Poll::Ready(pace.poll_late(cx))).await.is_pending());
        let forever = Pace::new(Duration::MAX, u32::MAX);
        assert_eq!(late_after(forever, Duration::from_mins(20), 1).await, None);
    }
}
