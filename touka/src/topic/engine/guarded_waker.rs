//! [`GuardedWaker`], a future whose waker never panics.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::stream::{drop_guarded, guarded};

/// Polls a future with a waker that catches the panics of the task's waker. So code that wakes several tasks wakes all
/// of them.
pub(super) struct GuardedWaker<F> {
    future: Pin<Box<F>>,
    /// The task's waker at the last poll, and the guarded waker for it, which is reused while the task is the same.
    waker: Option<(Waker, Waker)>,
}

impl<F: Future> GuardedWaker<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), waker: None }
    }
}

impl<F: Future> Future for GuardedWaker<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, waker } = &mut *self;
        let guarded = match waker {
            Some((own, guarded)) if own.will_wake(cx.waker()) => guarded,
            _ => {
                let guarded = Waker::from(Arc::new(Catches(Some(cx.waker().clone()))));
                &mut waker.insert((cx.waker().clone(), guarded)).1
            }
        };
        future.as_mut().poll(&mut Context::from_waker(guarded))
    }
}

/// The task's waker. `None` only while this is dropped.
struct Catches(Option<Waker>);

impl Wake for Catches {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        guarded("the waker of a task that waits for the disk", || self.0.as_ref().map(Waker::wake_by_ref));
    }
}

impl Drop for Catches {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}
