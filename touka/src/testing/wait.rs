//! [`Wait`], a future of the test kit that fails the test at its timeout.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

type BoxedWait<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A future of the test kit, with a timeout: a test whose event never comes fails with a message
/// instead of hanging.
///
/// The timeout is that of the app, 5 s unless [`TestApp::timeout`](super::TestApp::timeout) has set
/// another one. It is in tokio's time: where a test pauses the clock, it is over as soon as nothing
/// in the program can run any more. A program that never becomes idle keeps a paused clock from
/// advancing; if the test is reading from it, the wait ends after 30 s of real time.
///
/// ```
/// use std::time::Duration;
/// use touka::{Router, route, routes, sse_handler, testing::TestApp};
///
/// #[sse_handler]
/// #[route(GET, "/late")]
/// async fn late() {
///     tokio::time::sleep(Duration::from_secs(60)).await;
///     emit!("here");
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let mut events = TestApp::new(Router::new().mount(routes![late])).get("/late").events().await;
/// let event = events.next_event().timeout(Duration::from_secs(70)).await.unwrap();
/// assert_eq!(event.data, "here");
/// # });
/// ```
#[must_use = "nothing happens until this is awaited"]
pub struct Wait<'a, T> {
    timeout: Duration,
    caller: &'static Location<'static>,
    state: WaitState<'a, T>,
}

enum WaitState<'a, T> {
    /// Before the first poll: the timeout can still be changed.
    New(Box<dyn FnOnce(Limit) -> BoxedWait<'a, T> + Send + 'a>),
    Running(BoxedWait<'a, T>),
    Done,
}

impl<'a, T> Wait<'a, T> {
    #[track_caller]
    pub(super) fn new<F>(timeout: Duration, start: impl FnOnce(Limit) -> F + Send + 'a) -> Self
    where
        F: Future<Output = T> + Send + 'a,
    {
        let start = |limit| -> BoxedWait<'a, T> { Box::pin(start(limit)) };
        Self { timeout, caller: Location::caller(), state: WaitState::New(Box::new(start)) }
    }

    /// Sets the timeout of this wait only.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

// The future is boxed.
impl<T> Unpin for Wait<'_, T> {}

impl<T> Future for Wait<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut running = match std::mem::replace(&mut self.state, WaitState::Done) {
            WaitState::New(start) => start(Limit::from_now(self.timeout, self.caller)),
            WaitState::Running(running) => running,
            WaitState::Done => return Poll::Pending,
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            self.state = WaitState::Running(running);
        }
        polled
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// How long in real time a wait may last while a paused clock does not advance.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Stands for a timeout that the clock cannot represent.
const FAR_FUTURE: Duration = Duration::from_hours(24 * 365);

/// The deadline of a wait that has begun, and the line of the test that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    deadline: Instant,
    timeout: Duration,
    began: Instant,
    really_began: std::time::Instant,
    standstill: Duration,
    caller: &'static Location<'static>,
}

impl Limit {
    fn from_now(timeout: Duration, caller: &'static Location<'static>) -> Self {
        let (began, really_began) = (Instant::now(), std::time::Instant::now());
        // A test may pass `Duration::MAX` for "no timeout".
        let deadline = began.checked_add(timeout).unwrap_or(began + FAR_FUTURE);
        Self { deadline, timeout, began, really_began, standstill: STANDSTILL, caller }
    }

    /// Waits for the future; `None` at the deadline.
    pub(super) async fn wait<F: Future>(self, future: F) -> Option<F::Output> {
        let mut waited = pin!(timeout_at(self.deadline, future));
        poll_fn(|cx| match waited.as_mut().poll(cx) {
            Poll::Ready(waited) => Poll::Ready(waited.ok()),
            Poll::Pending if self.stands_still() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.deadline || self.stands_still()
    }

    /// Whether a paused clock has kept the deadline from coming. The clock does not advance while a handler sends
    /// without a pause and the test reads, so the two would go on without end.
    fn stands_still(self) -> bool {
        let real = self.really_began.elapsed();
        real >= self.standstill && self.began.elapsed() < real / 2
    }

    pub(super) const fn caller(self) -> &'static Location<'static> {
        self.caller
    }

    pub(super) const fn timeout(self) -> Duration {
        self.timeout
    }

    /// Fails the test with a message: what was wrong, a line for each detail, and the line of the test. The panic's own
    /// location is a line of this kit, which does not help the author of the test.
    #[cold]
    pub(super) fn fail(self, what: &str, details: &[(&str, &str)]) -> ! {
        let hint = ("hint", "a task runs without a pause, so the paused clock does not advance");
        let hints: &[_] = if self.stands_still() { &[hint] } else { &[] };
        fail(self.caller, what, &[details, hints].concat())
    }
}

/// Panics with the message of [`Limit::fail`].
#[cold]
pub(super) fn fail(caller: &Location<'_>, what: &str, details: &[(&str, &str)]) -> ! {
    let location = caller.to_string();
    let at = ("at", location.as_str());
    let lines = details.iter().chain([&at]).map(|(name, detail)| {
        // The lines of one detail are aligned.
        let detail = detail.trim_end().replace('\n', "\n            ");
        format!("\n  {name:>8}: {detail}")
    });
    panic!("{what}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_though_the_paused_clock_stands_still() {
        let limit = Limit { standstill: Duration::from_millis(20), ..Limit::from_now(LONG, Location::caller()) };
        let never_rests = poll_fn(|cx| -> Poll<()> {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(limit.wait(never_rests).await.is_none());
        assert_eq!(limit.began.elapsed(), Duration::ZERO);
        assert!(limit.is_over());

        // A clock that is ahead of real time does not stand still.
        tokio::time::advance(LONG / 2).await;
        assert!(!limit.is_over());
    }

    const LONG: Duration = Duration::from_hours(1);
}
