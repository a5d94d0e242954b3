//! [`contained`], which keeps the panics of user code out of a spawned task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::sync::oneshot;

use super::guard::{Panic, catch, drop_guarded, log_panic};

pin_project! {
    struct Contained<F: Future> {
        // Dropped as soon as it has ended: a future that has panicked is not polled again.
        #[pin]
        future: Option<F>,
        sender: Option<oneshot::Sender<Result<F::Output, Panic>>>,
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
            // The first panic is the cause.
            (Err(panic), Err(first)) => {
                log_panic("a destructor", panic);
                Err(first)
            }
            (Err(panic), Ok(end)) => {
                drop_guarded(end);
                Err(panic)
            }
        };
        if let Some(sender) = this.sender.take() {
            send_or_drop(sender, ended);
        }
        Poll::Ready(())
    }
}

/// Wraps a future for a task of its own. Panics, also those of destructors, end up in the receiver and never
/// in the task.
///
/// A runtime catches a task's panics as well. But it drops the panic's value, or a result that is not read,
/// where another panic of a destructor ends the runtime's thread.
pub(crate) fn contained<F: Future>(
    future: F,
) -> (impl Future<Output = ()> + use<F>, oneshot::Receiver<Result<F::Output, Panic>>) {
    let (sender, ended) = oneshot::channel();
    (Contained { future: Some(future), sender: Some(sender) }, ended)
}

/// Sends a result. Without a receiver it is dropped here, and a panic of its destructor is caught.
pub(super) fn send_or_drop<V>(sender: oneshot::Sender<V>, end: V) {
    if let Err(unread) = sender.send(end) {
        drop_guarded(unread);
    }
}
