//! [`stopping`], by which the body of a run learns that it is to stop.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, pending};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;

use crate::stream::{notify_guarded, shielded};

thread_local! {
    /// The signal of the run whose body is being polled on this thread.
    static CURRENT: RefCell<Option<StopSignal>> = const { RefCell::new(None) };
}

/// Resolves when the run whose body calls this is to stop: [`Run::stop`](super::Run::stop) was called, its last viewer has
/// left and its run needs one, `max_run` is over, or its process shuts down.
///
/// The body then has its `stop_grace`, 5 s by default, to come to an end by itself, and may still emit. After that it is
/// dropped at its current await. In `#[sse_handler(detached = …)]` the function is in scope without an import.
///
/// The future belongs to the run in whose body the function is called, and can be moved to another task. There it also resolves
/// when the body has ended or is dropped for another reason, so that no task outlives its run unawares. Outside of a run it
/// never resolves. It can be awaited again and again by calling the function again.
///
/// ```
/// use futures_util::future::{Either, select};
/// use std::pin::pin;
/// use touka::run::stopping;
/// use touka::{Emitter, Event, Hub};
///
/// # async fn next_token() -> String { std::future::pending().await }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), touka::run::RunError> {
/// let run = Hub::memory().run("answers/7")?;
/// run.start_or_join(|out: Emitter| async move {
///     while let Either::Left((token, _)) = select(pin!(next_token()), pin!(stopping())).await {
///         out.emit(Event::data(token)).await;
///     }
///     out.emit("stopped in the middle").await;
/// })
/// .await?;
/// run.stop().await?;
/// assert_eq!(run.wait().await?.as_str(), "cancelled");
/// # Ok(())
/// # }
/// ```
pub fn stopping() -> Stopping {
    let signal = CURRENT.with(|current| current.borrow().clone());
    Stopping(Box::pin(async move {
        match signal {
            Some(signal) => signal.requested().await,
            None => pending().await,
        }
    }))
}

/// The future of [`stopping`].
#[must_use = "it resolves when it is awaited"]
pub struct Stopping(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping").finish_non_exhaustive()
    }
}

/// The signal for the body of a run that it is to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct StopSignal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_requested: AtomicBool,
    changed: Notify,
}

impl StopSignal {
    pub(super) fn request(&self) {
        self.0.is_requested.store(true, Ordering::Release);
        notify_guarded(&self.0.changed);
    }

    pub(super) fn is_requested(&self) -> bool {
        self.0.is_requested.load(Ordering::Acquire)
    }

    async fn requested(&self) {
        let mut changed = pin!(self.0.changed.notified());
        // Before the check, so that no request is missed between the two.
        changed.as_mut().enable();
        if !self.is_requested() {
            shielded(changed).await;
        }
    }

    /// Runs code of the body: [`stopping`] returns futures of this signal there.
    pub(super) fn scope<R>(&self, code: impl FnOnce() -> R) -> R {
        let _restore = Restore(CURRENT.with(|current| current.borrow_mut().replace(self.clone())));
        code()
    }
}

/// Restores the signal of an outer body, also after a panic.
struct Restore(Option<StopSignal>);

impl Drop for Restore {
    fn drop(&mut self) {
        let outer = mem::take(&mut self.0);
        let _ = CURRENT.try_with(|current| current.replace(outer));
    }
}
