//! [`race`], which waits for the first of two futures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The output of the future that was ready first.
pub(super) enum First<A, B> {
    Left(A),
    Right(B),
}

pin_project! {
    /// The future of [`race`]. Not an `async fn`: that would store each of the two twice, as an argument and as
    /// the awaited future, and a connection is a race within a race.
    #[must_use = "nothing runs unless this is awaited"]
    pub(super) struct Race<L, R> {
        #[pin]
        left: L,
        #[pin]
        right: R,
    }
}

/// Waits for the first of two futures, and drops the other. If both are ready, the left one wins.
pub(super) const fn race<L: Future, R: Future>(left: L, right: R) -> Race<L, R> {
    Race { left, right }
}

impl<L: Future, R: Future> Future for Race<L, R> {
    type Output = First<L::Output, R::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.left.poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        this.right.poll(cx).map(First::Right)
    }
}
