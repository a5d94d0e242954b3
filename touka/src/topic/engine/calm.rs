//! [`Calm`], a future whose waker does not panic.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::stream::{drop_guarded, guarded};

/// Polls a future with a waker that catches the panics of the one that it was polled with. So whoever
/// wakes it can go on and wake others.
pub(super) struct Calm<F> {
    future: Pin<Box<F>>,
    /// The one of the last poll, to be used again while the task is the same.
    waker: Option<(Waker, Waker)>,
}

impl<F: Future> Calm<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), waker: None }
    }
}

impl<F: Future> Future for Calm<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, waker } = &mut *self;
        let calm = match waker {
            Some((users, calm)) if users.will_wake(cx.waker()) => calm,
            _ => {
                let calm = Waker::from(Arc::new(Catches(Some(cx.waker().clone()))));
                &mut waker.insert((cx.waker().clone(), calm)).1
            }
        };
        future.as_mut().poll(&mut Context::from_waker(calm))
    }
}

/// `None` only while it is dropped.
struct Catches(Option<Waker>);

impl Wake for Catches {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        guarded("the waker of one who waits for the disk", || self.0.as_ref().map(Waker::wake_by_ref));
    }
}

impl Drop for Catches {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}
