//! [`contained`], code of the user's in a task of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::sync::oneshot;

use super::guard::{Panic, catch, drop_guarded, log_panic};

pin_project! {
    struct Contained<F: Future> {
        // Dropped as soon as it has ended: what a panic left half done is not polled again.
        #[pin]
        future: Option<F>,
        tell: Option<oneshot::Sender<Result<F::Output, Panic>>>,
    }

    impl<F: Future> PinnedDrop for Contained<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut future = this.project().future;
            if let Err(panic) = catch(|| future.set(None)) {
                log_panic("a destructor", panic);
            }
        }
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let mut future = this.future;
        let Some(running) = future.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let ended = match catch(|| running.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(end)) => Ok(end),
            Err(panic) => Err(panic),
        };
        let ended = match (catch(|| future.set(None)), ended) {
            (Ok(()), ended) => ended,
            // The first one says more.
            (Err(panic), Err(first)) => {
                log_panic("a destructor", panic);
                Err(first)
            }
            (Err(panic), Ok(end)) => {
                drop_guarded(end);
                Err(panic)
            }
        };
        if let Some(to) = this.tell.take() {
            tell(to, ended);
        }
        Poll::Ready(())
    }
}

/// A future for a task that nothing in it can harm, and how it ends.
///
/// A runtime catches the panics of its tasks, but drops what they were called with, and the value that
/// nobody has asked for, where another panic ends its thread.
pub(crate) fn contained<F: Future>(
    future: F,
) -> (impl Future<Output = ()> + use<F>, oneshot::Receiver<Result<F::Output, Panic>>) {
    let (tell, told) = oneshot::channel();
    (Contained { future: Some(future), tell: Some(tell) }, told)
}

/// Says how something ended. An end that nobody waits for is dropped here, and may panic.
pub(super) fn tell<V>(to: oneshot::Sender<V>, end: V) {
    if let Err(unheard) = to.send(end) {
        drop_guarded(unheard);
    }
}
