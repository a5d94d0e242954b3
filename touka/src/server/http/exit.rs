//! [`Exit`], where a response that leaves hyper waits for its socket.

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::server::park::Offer;
use crate::server::stream::Leaving;

/// A response that hyper is not to write.
pub(in crate::server) enum Offered {
    /// It is parked.
    Parked(Box<Offer>),
    /// It has a task of its own.
    Stream(Box<Leaving>),
}

/// Where a response is left by the request's part, which runs within hyper, for the connection's.
#[derive(Default)]
pub(in crate::server) struct Exit(Mutex<Option<Offered>>);

impl Exit {
    /// Leaves the response here. hyper gets no answer, and is dropped.
    pub(in crate::server) async fn leave<R>(&self, offered: Offered) -> R {
        *self.lock() = Some(offered);
        pending().await
    }

    pub(in crate::server) fn is_taken(&self) -> bool {
        self.lock().is_some()
    }

    pub(in crate::server) fn take(&self) -> Option<Offered> {
        self.lock().take()
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Option<Offered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
