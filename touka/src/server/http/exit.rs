//! [`Exit`], where a response that leaves hyper waits for its socket.

use std::future::pending;

use crate::server::park::Offer;
use crate::server::stream::Leaving;
use crate::sync::Mutex;

/// A response that hyper does not write.
pub(in crate::server) enum Offered {
    /// A response that is parked.
    Parked(Box<Offer>),
    /// A stream with a task of its own.
    Stream(Box<Leaving>),
}

/// The slot in which a request's future, which runs inside hyper, leaves a response for the connection's task.
#[derive(Default)]
pub(in crate::server) struct Exit(Mutex<Option<Offered>>);

impl Exit {
    /// Leaves the response here and never returns: hyper gets no response, and is dropped.
    pub(in crate::server) async fn leave<R>(&self, offered: Offered) -> R {
        *self.0.lock() = Some(offered);
        pending().await
    }

    pub(in crate::server) fn is_taken(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(in crate::server) fn take(&self) -> Option<Offered> {
        self.0.lock().take()
    }
}
