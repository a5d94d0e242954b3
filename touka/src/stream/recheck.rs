//! [`Recheck`], a question that is asked again and again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::guard::Dropping;
use super::jitter::within;

/// The shortest pause between two questions. Without one, a question that is answered at once would keep the thread.
const LEAST: Duration = Duration::from_millis(1);

pin_project! {
    /// Asks, waits for the answer, and pauses; ready when the answer was no. First it pauses.
    ///
    /// The question and its answer are code of the user's: a panic goes on to the caller.
    pub(super) struct Recheck<A, F> {
        ask: Option<A>,
        every: Duration,
        pause: Option<Pin<Box<Sleep>>>,
        // One at a time; dropped as soon as it was given.
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
        Self { ask: Some(ask), every: every.max(LEAST), pause: None, answer: None }
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
            // Counted from the answer, and spread: streams that were opened together do not ask together.
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
