//! [`Wait`], something that a test waits for, with a limit.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that a test waits for. It has a limit, so that a test whose event never comes fails
/// with a message instead of hanging.
///
/// The limit is the app's, 5 s unless [`TestApp::within`](super::TestApp::within) set another one.
/// It counts in tokio's time: where a test pauses the clock, it passes as soon as nothing in the
/// program can run any more. A program that never rests keeps a paused clock from moving; if that
/// is what the test reads, the wait ends after 30 s of real time.
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
/// let event = events.next_event().within(Duration::from_secs(70)).await.unwrap();
/// assert_eq!(event.data, "here");
/// # });
/// ```
#[must_use = "nothing is waited for unless this is awaited"]
pub struct Wait<'a, T> {
    limit: Duration,
    caller: &'static Location<'static>,
    stage: Stage<'a, T>,
}

enum Stage<'a, T> {
    /// Not polled yet: the limit can still be changed.
    New(Box<dyn FnOnce(Limit) -> Running<'a, T> + Send + 'a>),
    Running(Running<'a, T>),
    Done,
}

impl<'a, T> Wait<'a, T> {
    #[track_caller]
    pub(super) fn new<F>(limit: Duration, start: impl FnOnce(Limit) -> F + Send + 'a) -> Self
    where
        F: Future<Output = T> + Send + 'a,
    {
        let start = |limit| -> Running<'a, T> { Box::pin(start(limit)) };
        Self { limit, caller: Location::caller(), stage: Stage::New(Box::new(start)) }
    }

    /// Sets how long this one wait may take.
    pub const fn within(mut self, longest: Duration) -> Self {
        self.limit = longest;
        self
    }
}

// What is pinned is in a box of its own.
impl<T> Unpin for Wait<'_, T> {}

impl<T> Future for Wait<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut running = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(start) => start(Limit::from_now(self.limit, self.caller)),
            Stage::Running(running) => running,
            Stage::Done => return Poll::Pending,
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            self.stage = Stage::Running(running);
        }
        polled
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// How long in real time a wait may go on while a paused clock stands still.
const STANDSTILL: Duration = Duration::from_secs(30);

const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// The limit of a wait that has begun, and the line of the test that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    deadline: Instant,
    longest: Duration,
    began: Instant,
    really_began: std::time::Instant,
    standstill: Duration,
    caller: &'static Location<'static>,
}

impl Limit {
    fn from_now(longest: Duration, caller: &'static Location<'static>) -> Self {
        let (began, really_began) = (Instant::now(), std::time::Instant::now());
        // Somebody may say `Duration::MAX` for "as long as it takes".
        let deadline = began.checked_add(longest).unwrap_or(began + FOR_EVER);
        Self { deadline, longest, began, really_began, standstill: STANDSTILL, caller }
    }

    /// Waits for the future, or gives `None` when the time is over.
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

    /// A paused clock does not move while a handler sends without a pause and the test reads it,
    /// and so would let the two go on for ever.
    fn stands_still(self) -> bool {
        let real = self.really_began.elapsed();
        real >= self.standstill && self.began.elapsed() < real / 2
    }

    pub(super) const fn caller(self) -> &'static Location<'static> {
        self.caller
    }

    pub(super) const fn longest(self) -> Duration {
        self.longest
    }

    /// Fails the test: what was wrong, then a line for each detail, then where the test asked. The
    /// panic's own location is a line of this kit, which tells the test's author nothing.
    #[cold]
    pub(super) fn fail(self, what: &str, details: &[(&str, &str)]) -> ! {
        let hint = ("hint", "something runs without a pause, so the paused clock stands still");
        let hints: &[_] = if self.stands_still() { &[hint] } else { &[] };
        fail(self.caller, what, &[details, hints].concat())
    }
}

/// See [`Limit::fail`].
#[cold]
pub(super) fn fail(caller: &Location<'_>, what: &str, details: &[(&str, &str)]) -> ! {
    let location = caller.to_string();
    let at = ("at", location.as_str());
    let lines = details.iter().chain([&at]).map(|(name, detail)| {
        // A detail of several lines stays in its column.
        let detail = detail.trim_end().replace('\n', "\n            ");
        format!("\n  {name:>8}: {detail}")
    });
    panic!("{what}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_still_is_no_way_to_wait_for_ever() {
        let limit = Limit { standstill: Duration::from_millis(20), ..Limit::from_now(LONG, Location::caller()) };
        let never_rests = poll_fn(|cx| -> Poll<()> {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(limit.wait(never_rests).await.is_none());
        assert_eq!(limit.began.elapsed(), Duration::ZERO);
        assert!(limit.is_over());

        // A clock that moves ahead of real time does not stand still.
        tokio::time::advance(LONG / 2).await;
        assert!(!limit.is_over());
    }

    const LONG: Duration = Duration::from_hours(1);
}
