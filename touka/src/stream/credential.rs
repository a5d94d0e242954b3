//! [`Credential`], the conditions under which a stream may stay open.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

use super::alarm::Alarm;
use super::deadline::Deadline;
use super::failure::Failure;
use super::guard::{catch, drop_guarded, log_panic};
use crate::error::CloseReason;
use crate::event::{Event, EventName};

/// A future of the user that ends the stream when it is ready.
type CloseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Ends one stream at a deadline, or when one of several futures is ready. The task that serves the stream
/// polls this beside the body.
///
/// Boxed by its owner: most streams have none.
#[derive(Default)]
pub(crate) struct Credential {
    /// The earliest deadline.
    at: Option<Instant>,
    timer: Timer,
    watches: Vec<CloseFuture>,
    /// Wakes the polling task. `None` until there is something to wait for.
    alarm: Option<Arc<Alarm>>,
    /// The last event, if the user has set one.
    last: Option<Box<Event>>,
}

/// The timer that wakes the task at the deadline.
#[derive(Default)]
enum Timer {
    /// No timer yet.
    #[default]
    Unset,
    Set(Pin<Box<Sleep>>),
    /// The caller's own timer, which it uses for many streams.
    Elsewhere,
}

impl Credential {
    /// Adds a deadline. The earliest counts.
    pub(super) fn expires(&mut self, at: Deadline) {
        self.at = self.at.into_iter().chain(at.instant()).min();
    }

    /// Adds a future that ends the stream when it is ready.
    pub(super) fn watch(&mut self, watch: impl Future<Output = ()> + Send + 'static) {
        self.watches.push(Box::pin(watch));
    }

    /// Sets the last event.
    pub(super) fn set_last(&mut self, event: Event) {
        self.last = Some(Box::new(event));
    }

    /// Leaves the timer to the caller, and returns the deadline, at which it must call
    /// [`Credential::expired`].
    pub(crate) fn hand_over(&mut self) -> Option<Instant> {
        self.timer = Timer::Elsewhere;
        self.at
    }

    /// Returns the end of the stream if its deadline has passed.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Failure> {
        self.at.is_some_and(|at| at <= now).then(|| self.end())
    }

    /// Ready when the stream must end, with the reason and the last event. Must not be polled again
    /// afterwards.
    ///
    /// The user's futures are polled only when one of them was woken.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        if let Some(failure) = self.at.and_then(|_| self.expired(Instant::now())) {
            return Poll::Ready(failure);
        }
        let has_timer = self.at.is_some() && !matches!(self.timer, Timer::Elsewhere);
        if !has_timer && self.watches.is_empty() {
            return Poll::Pending;
        }
        let alarm = Arc::clone(self.alarm.get_or_insert_with(Alarm::new));
        if !alarm.register(cx.waker()) {
            return Poll::Pending;
        }
        let waker = Waker::from(alarm);
        let mut cx = Context::from_waker(&waker);
        if let (Some(at), Timer::Unset) = (self.at, &self.timer) {
            self.timer = Timer::Set(Box::pin(sleep_until(at)));
        }
        if let Timer::Set(timer) = &mut self.timer
            && timer.as_mut().poll(&mut cx).is_ready()
        {
            return Poll::Ready(self.end());
        }
        let polled = self.watches.iter_mut().enumerate().find_map(|(index, watch)| {
            match catch(|| watch.as_mut().poll(&mut cx)) {
                Ok(Poll::Pending) => None,
                Ok(Poll::Ready(())) => Some((index, None)),
                Err(panic) => Some((index, Some(panic))),
            }
        });
        let Some((index, panic)) = polled else { return Poll::Pending };
        // Dropped here, so that a panic in its destructor counts as one of the future.
        let is_dropped = drop_guarded(self.watches.swap_remove(index));
        Poll::Ready(match panic {
            None if is_dropped => self.end(),
            None => Failure::panicked(),
            Some(panic) => {
                log_panic("a future that ends a stream", panic);
                Failure::panicked()
            }
        })
    }

    fn end(&mut self) -> Failure {
        const EXPIRED: EventName = EventName::from_static("expired");
        // Without an id: the client reconnects with the id of the last event that it has seen.
        let last = self.last.take().unwrap_or_else(|| Box::new(Event::data("").event(EXPIRED)));
        Failure::closed(CloseReason::Expired, Some(last))
    }

    /// Drops the user's futures. Returns `false` if one of them panicked, which is logged.
    pub(crate) fn drop_futures(&mut self) -> bool {
        // One by one: a second panic during the unwinding of a first would abort the process.
        self.watches.drain(..).map(drop_guarded).filter(|is_fine| !is_fine).count() == 0
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.drop_futures();
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("at", &self.at).field("watches", &self.watches.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use super::*;

    fn polled(credential: &mut Credential) -> Poll<Failure> {
        credential.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_deadline_ends_the_stream() {
        let start = Instant::now();
        let mut credential = Credential::default();
        for seconds in [3600, 60, 7200] {
            credential.expires((start + Duration::from_secs(seconds)).into());
        }
        credential.expires(None::<Instant>.into());
        let failure = poll_fn(|cx| credential.poll(cx)).await;
        assert_eq!((failure.reason, start.elapsed().as_secs()), (CloseReason::Expired, 60));
        assert_eq!(failure.event.expect("an event").to_string(), "event: expired\ndata: \n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_handed_over_has_no_timer() {
        let at = Instant::now() + Duration::from_secs(1);
        let mut credential = Credential::default();
        credential.expires(at.into());
        credential.set_last(Event::data("bye"));
        assert!(polled(&mut credential).is_pending());
        assert_eq!(credential.hand_over(), Some(at));
        assert!(credential.expired(at - Duration::from_millis(1)).is_none());
        let failure = credential.expired(at).expect("it has expired");
        assert_eq!(failure.event.expect("an event").to_string(), "data: bye\n\n");
    }

    #[tokio::test]
    async fn futures_are_polled_only_after_a_wake_up() {
        let polls = Arc::new(AtomicU32::new(0));
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut credential = Credential::default();
        let (count, mut wait) = (Arc::clone(&polls), Box::pin(wait));
        credential.watch(poll_fn(move |cx| {
            count.fetch_add(1, Relaxed);
            wait.as_mut().poll(cx).map(drop)
        }));
        credential.watch(pending());
        for _ in 0..100 {
            assert!(polled(&mut credential).is_pending());
        }
        assert_eq!(polls.load(Relaxed), 1);
        drop(go);
        assert!(matches!(polled(&mut credential), Poll::Ready(failure) if failure.reason == CloseReason::Expired));
        assert_eq!(polls.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn panics_of_futures_and_of_their_destructors_are_caught() {
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                panic!("this drop panics on purpose");
            }
        }
        let is_panicked = |polled| matches!(polled, Poll::Ready(Failure { reason: CloseReason::Panicked, .. }));
        let mut credential = Credential::default();
        credential.watch(async { panic!("this future panics on purpose") });
        assert!(is_panicked(polled(&mut credential)));
        let mut credential = Credential::default();
        let held = PanicsWhenDropped;
        credential.watch(poll_fn(move |_| {
            let _held = &held;
            Poll::Ready(())
        }));
        assert!(is_panicked(polled(&mut credential)));
        let mut credential = Credential::default();
        for _ in 0..3 {
            let held = PanicsWhenDropped;
            credential.watch(async move { drop((pending::<()>().await, held)) });
        }
        credential.watch(ready(()));
        assert!(!credential.drop_futures());
        drop(credential);
    }
}
