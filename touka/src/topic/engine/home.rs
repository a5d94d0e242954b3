//! [`Home`], the tokio runtime that a hub was connected in.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::engine_future::EngineFuture;
use crate::stream::{catch, drop_guarded};
use crate::topic::error::HubError;

/// The tokio runtime that a hub was connected in. The connections of the hub live there, with its tasks and timers. Callers
/// may be in another runtime, or in none.
pub(super) struct Home {
    runtime: Handle,
    /// A task that does nothing, and ends with the runtime.
    witness: AbortHandle,
}

impl Home {
    /// The runtime that this is called in.
    #[cfg(any(feature = "redis", feature = "nats"))]
    pub(super) fn current() -> Result<Self, HubError> {
        let runtime = Handle::try_current().map_err(HubError::unavailable)?;
        let witness = runtime.spawn(std::future::pending::<()>()).abort_handle();
        Ok(Self { runtime, witness })
    }

    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Whether the runtime has not shut down.
    pub(super) fn is_running(&self) -> bool {
        !self.witness.is_finished()
    }

    /// Calls a method of an engine, and polls its future, in the context of the runtime. The error is `ended` if the runtime
    /// shuts down meanwhile, and [`HubError::no_runtime`] if it has.
    pub(super) fn call<'a, T: Send + Unpin + 'a>(
        &'a self,
        ended: impl Fn() -> HubError + Send + 'a,
        call: impl FnOnce() -> EngineFuture<'a, T>,
    ) -> EngineFuture<'a, T> {
        if !self.is_running() {
            return EngineFuture::ready(Err(HubError::no_runtime()));
        }
        let Some(mut future) = self.within(call) else { return EngineFuture::ready(Err(ended())) };
        EngineFuture::new(poll_fn(move |cx| {
            let polled = self.within(|| Pin::new(&mut future).poll(cx));
            polled.unwrap_or_else(|| Poll::Ready(Err(ended())))
        }))
    }

    /// Runs code in the context of the runtime. `None` if it has shut down: tokio's timers panic then.
    fn within<R>(&self, code: impl FnOnce() -> R) -> Option<R> {
        if !self.is_running() {
            return None;
        }
        let _context = self.runtime.enter();
        match catch(code) {
            Ok(done) => Some(done),
            Err(panic) if self.is_running() => resume_unwind(panic),
            Err(panic) => {
                drop_guarded(panic);
                None
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.witness.abort();
    }
}
