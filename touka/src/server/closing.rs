//! [`Closing`], the request to end one stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use crate::sync::Mutex;

/// Asks the task that serves a stream to end it, and wakes that task.
#[derive(Debug, Default)]
pub(super) struct Closing {
    requested: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Closing {
    /// Requests the end of the stream, and wakes its task.
    pub(super) fn close(&self) {
        self.requested.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the task that serves the stream, so that it checks [`is_requested`](Self::is_requested) and the
    /// server's shutdown.
    pub(super) fn wake(&self) {
        let held = self.waker.lock().take();
        held.into_iter().for_each(Waker::wake);
    }

    /// Drops the waker: the stream is no longer served.
    pub(super) fn forget(&self) {
        let held = self.waker.lock().take();
        drop(held);
    }

    /// Whether the end of the stream was requested.
    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// Registers the waker. The caller checks [`is_requested`](Self::is_requested) afterwards, for a request made
    /// before.
    pub(super) fn register(&self, waker: &Waker) {
        let mut held = self.waker.lock();
        if held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            return;
        }
        drop(held);
        // A waker may run any code: it is cloned before the lock is taken, and dropped after it is released.
        let waker = waker.clone();
        held = self.waker.lock();
        let before = held.replace(waker);
        drop(held);
        drop(before);
    }
}
