//! [`on_task`] and [`begun_on_task`], which run a future whether or not its caller polls.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::Instrument as _;

use crate::stream::contained;

/// Runs a future on a task of its own, so that others who wait for what it holds do not depend on its caller, who may stop
/// to poll. The task has the caller's span, and is aborted when the caller is dropped. A panic is passed on to the caller. `None`
/// if the runtime shuts down.
pub(super) async fn on_task<F>(runtime: &Handle, future: F) -> Option<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let (task, ended) = contained(future);
    let _abort = AbortOnDrop(runtime.spawn(task.in_current_span()).abort_handle());
    match ended.await {
        Ok(Ok(output)) => Some(output),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => None,
    }
}

/// Like [`on_task`], after a first poll by the caller: what futures ask for at first, they ask for in the order of their callers.
pub(super) async fn begun_on_task<F>(runtime: &Handle, future: F) -> Option<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut future = Box::pin(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => on_task(runtime, future).await,
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
