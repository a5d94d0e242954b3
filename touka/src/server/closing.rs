//! [`Closing`], the wish that one stream ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use tokio_util::sync::CancellationToken;

/// How the one who serves a stream is told to end it.
#[derive(Debug)]
pub(super) enum Closing {
    /// It waits for this, and for the shutdown in the same breath.
    Token(CancellationToken),
    /// It is woken, and asks.
    Wish { wished: AtomicBool, who: Mutex<Option<Waker>> },
}

impl Closing {
    pub(super) const fn wish() -> Self {
        Self::Wish { wished: AtomicBool::new(false), who: Mutex::new(None) }
    }

    pub(super) const fn is_of_parked(&self) -> bool {
        matches!(self, Self::Wish { .. })
    }

    pub(super) fn close(&self) {
        match self {
            Self::Token(token) => token.cancel(),
            Self::Wish { wished, who } => {
                wished.store(true, Ordering::Release);
                let who = who.lock().unwrap_or_else(PoisonError::into_inner).take();
                who.into_iter().for_each(Waker::wake);
            }
        }
    }

    pub(super) fn is_wished(&self) -> bool {
        match self {
            Self::Token(token) => token.is_cancelled(),
            Self::Wish { wished, .. } => wished.load(Ordering::Acquire),
        }
    }

    /// Says who is to be woken. What was wished before is for the caller to ask afterwards.
    pub(super) fn wakes(&self, waker: &Waker) {
        if let Self::Wish { who, .. } = self {
            *who.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        }
    }
}
