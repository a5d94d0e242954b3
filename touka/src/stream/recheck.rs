//! [`Recheck`], a check that is repeated at an interval.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::guard::Dropping;
use super::jitter::within;

/// The shortest interval. Without one, a check that is ready at once would occupy the thread.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

pin_project! {
    /// Pauses, checks, waits for the result, and repeats; ready when the result is `false`.
    ///
    /// The check is user code: a panic is passed on to the caller.
    pub(super) struct Recheck<A, F> {
        ask: Option<A>,
        every: Duration,
        pause: Option<Pin<Box<Sleep>>>,
        // One at a time; dropped as soon as it is ready.
        #[pin]
        answer: Option<F>,
    }

    impl<A, F> PinnedDrop for Recheck<A, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let mut dropping = Dropping::default();
            dropping.run(|| this.answer.set(None));
            dropping.run(|| drop(this.ask.take()));
            dropping.finish();
        }
    }
}

impl<A, F> Recheck<A, F> {
    pub(super) fn new(every: Duration, ask: A) -> Self {
        Self { ask: Some(ask), every: every.max(MIN_INTERVAL), pause: None, answer: None }
    }
}

impl<A, F> Future for Recheck<A, F>
where
    A: FnMut() -> F,
    F: Future<Output = bool>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if let Some(answer) = this.answer.as_mut().as_pin_mut() {
                let stays = ready!(answer.poll(cx));
                this.answer.set(None);
                if !stays {
                    return Poll::Ready(());
                }
            }
            // Counted from the last result, with jitter: streams that were opened together do not check
            // together.
            let every = *this.every;
            let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(within(every, 0.1))));
            ready!(pause.as_mut().poll(cx));
            *this.pause = None;
            let Some(ask) = this.ask else { return Poll::Pending };
            let answer = ask();
            this.answer.set(Some(answer));
        }
    }
}
