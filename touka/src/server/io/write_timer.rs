//! [`WriteWait`], the write timeout of a client to which writes are blocked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::server::meter;

/// The write timeout of one client, without a timer.
///
/// It starts when writes become blocked, and restarts with each byte taken. The caller reports progress and
/// waits until [`due`](Self::due).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct WriteWait {
    since: Instant,
}

impl WriteWait {
    /// Starts the timeout: the client has taken nothing since this time.
    pub(in crate::server) fn begin(since: Instant) -> Self {
        meter::count_stall();
        Self { since }
    }

    /// Restarts the timeout: the client took bytes at this time.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn restart(&mut self, at: Instant) {
        self.since = self.since.max(at);
    }

    /// Returns when the timeout expires, or `None` if it never does.
    pub(in crate::server) fn due(self, longest: Duration) -> Option<Instant> {
        self.since.checked_add(longest)
    }
}

/// [`WriteWait`] with a timer.
#[derive(Debug)]
pub(in crate::server) struct WriteTimer {
    wait: WriteWait,
    longest: Duration,
    /// `None` if the timeout never expires.
    timer: Option<Pin<Box<Sleep>>>,
}

impl WriteTimer {
    /// Starts the timeout: the client has taken nothing since this time.
    pub(in crate::server) fn begin(since: Instant, longest: Duration) -> Self {
        let wait = WriteWait::begin(since);
        Self { wait, longest, timer: wait.due(longest).map(|due| Box::pin(sleep_until(due))) }
    }

    /// Restarts the timeout: the client took bytes at this time.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn restart(&mut self, at: Instant) {
        self.wait.restart(at);
    }

    /// Ready when the timeout has expired.
    pub(in crate::server) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(timer), Some(due)) = (&mut self.timer, self.wait.due(self.longest)) else { return Poll::Pending };
        loop {
            ready!(timer.as_mut().poll(cx));
            if due <= timer.deadline() {
                return Poll::Ready(());
            }
            // The timer is not reset for each byte taken: a timer that fires early is moved.
            timer.as_mut().reset(due);
        }
    }
}

/// Writes once more before a write timeout ends the connection, to a socket that is not reported as writable.
/// `None` if it takes nothing.
///
/// The kernel reports a socket as writable when a third of its buffer is free, which may take a slow reader
/// minutes. It takes bytes long before.
pub(in crate::server) fn last_try(mut write: impl FnMut() -> io::Result<usize>) -> Option<io::Result<usize>> {
    loop {
        match write() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Ok(0) => return None,
            written => return Some(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_last_byte_taken() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut timer = WriteTimer::begin(start, second * 10);
        let over = timeout(second * 9, poll_fn(|cx| timer.poll_expired(cx))).await;
        assert!(over.is_err(), "over after 9 s");
        #[cfg(feature = "http2")]
        {
            timer.restart(start + second * 5);
            // An older time changes nothing.
            timer.restart(start + second);
            let over = timeout(second * 5, poll_fn(|cx| timer.poll_expired(cx))).await;
            assert!(over.is_err(), "over 9 s after the last byte");
        }
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert!(Instant::now() >= timer.wait.due(second * 10).expect("a time"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_no_clock_has_is_never_over() {
        let mut timer = WriteTimer::begin(Instant::now(), Duration::MAX);
        let over = timeout(Duration::from_hours(24 * 365), poll_fn(|cx| timer.poll_expired(cx))).await;
        assert!(over.is_err());
    }

    #[test]
    fn the_last_try_goes_by_what_the_socket_takes() {
        let tried = |answers: &[io::Result<usize>]| {
            let copied = answers.iter().map(|answer| answer.as_ref().copied().map_err(io::Error::kind));
            let mut answers: VecDeque<_> = copied.collect();
            let tried = last_try(|| answers.pop_front().expect("asked too often").map_err(Into::into));
            assert!(answers.is_empty());
            tried.map(|tried| tried.map_err(|error| error.kind()))
        };
        assert_eq!(tried(&[Err(io::ErrorKind::Interrupted.into()), Ok(3)]), Some(Ok(3)));
        assert_eq!(tried(&[Err(io::ErrorKind::WouldBlock.into())]), None);
        assert_eq!(tried(&[Ok(0)]), None);
        assert_eq!(tried(&[Err(io::ErrorKind::BrokenPipe.into())]), Some(Err(io::ErrorKind::BrokenPipe)));
    }
}
