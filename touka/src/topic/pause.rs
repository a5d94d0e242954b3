//! [`pause`], a pause that needs no runtime.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::stream::{catch, guarded};

/// Waits for this long: by the timer of the tokio runtime, or on a thread if there is none.
///
/// A stream may be read by any executor, and a runtime may have no timers or may shut down.
pub(super) async fn pause(time: Duration) {
    if Handle::try_current().is_ok() && sleep_on_runtime(time).await.is_some() {
        return;
    }
    let (done, ended) = oneshot::channel();
    let sleep = move || {
        thread::sleep(time);
        guarded("the waker of a reader", || done.send(()));
    };
    match thread::Builder::new().name("touka-pause".into()).spawn(sleep) {
        Ok(_) => drop(ended.await),
        // Other tasks run meanwhile.
        Err(_) => yield_now().await,
    }
}

/// Sleeps on the runtime. `None` if it has no timers or shuts down: tokio panics then.
async fn sleep_on_runtime(time: Duration) -> Option<()> {
    let sleep = catch(|| Box::pin(sleep(time))).ok()?;
    let mut sleep = pin!(sleep);
    poll_fn(|cx| match catch(|| sleep.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};
    use std::thread::Thread;

    use futures_util::FutureExt;
    use tokio::runtime::Builder;

    use super::*;

    const TIME: Duration = Duration::from_millis(1);

    #[test]
    fn a_pause_ends_without_a_runtime() {
        block_on(pause(TIME));
    }

    #[test]
    fn a_pause_ends_on_a_runtime_without_timers() {
        Builder::new_current_thread().build().unwrap().block_on(pause(TIME));
    }

    #[test]
    fn a_pause_ends_after_its_runtime() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let mut pause = Box::pin(pause(Duration::from_mins(1)));
        runtime.block_on(async { assert!((&mut pause).now_or_never().is_none()) });
        drop(runtime);
        // It goes on with a thread, and does not panic.
        assert!((&mut pause).now_or_never().is_none());
    }

    /// Runs a future on this thread, without tokio.
    fn block_on(future: impl Future<Output = ()>) {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unparks(thread::current())));
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
    }

    struct Unparks(Thread);

    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
}
