//! [`Closing`], the wish that one stream ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// How the one who serves a stream is told that it is to end, or that all are.
#[derive(Debug, Default)]
pub(super) struct Closing {
    wished: AtomicBool,
    who: Mutex<Option<Waker>>,
}

impl Closing {
    /// Wishes that the stream ends.
    pub(super) fn close(&self) {
        self.wished.store(true, Ordering::Release);
        self.stir();
    }

    /// Has the one who serves the stream look: at the wish, or at the server's shutdown.
    pub(super) fn stir(&self) {
        let who = self.lock().take();
        who.into_iter().for_each(Waker::wake);
    }

    /// Nobody serves the stream any more.
    pub(super) fn forget(&self) {
        let who = self.lock().take();
        drop(who);
    }

    pub(super) fn is_wished(&self) -> bool {
        self.wished.load(Ordering::Acquire)
    }

    /// Says who is to be woken. What was wished before is for the caller to ask afterwards.
    pub(super) fn wakes(&self, waker: &Waker) {
        let mut who = self.lock();
        if who.as_ref().is_some_and(|who| who.will_wake(waker)) {
            return;
        }
        drop(who);
        // A waker may be anybody's code: it is cloned before the lock, and dropped after it.
        let waker = waker.clone();
        who = self.lock();
        let before = who.replace(waker);
        drop(who);
        drop(before);
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.who.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
