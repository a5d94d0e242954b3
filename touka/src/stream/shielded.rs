//! [`shielded`], which polls a future with a waker that does not panic.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::guard::{drop_guarded, guarded};

/// The waker of a caller, whose panics are caught.
struct Shield(Option<Waker>);

impl Wake for Shield {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(waker) = &self.0 {
            let _ = guarded("a waker", || waker.wake_by_ref());
        }
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}

/// Polls a future that waits for the same thing as the futures of other callers. tokio wakes up to 32 of them one after the
/// other: if one of these wakers panicked, the rest would not be woken.
pub(crate) async fn shielded<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let mut shield: Option<(Waker, Waker)> = None;
    poll_fn(move |cx| {
        let waker = match &shield {
            Some((caller, waker)) if caller.will_wake(cx.waker()) => waker,
            _ => {
                let own = Waker::from(Arc::new(Shield(Some(cx.waker().clone()))));
                &shield.insert((cx.waker().clone(), own)).1
            }
        };
        future.as_mut().poll(&mut Context::from_waker(waker))
    })
    .await
}
