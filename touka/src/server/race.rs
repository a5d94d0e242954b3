//! Two futures, of which the first to be ready counts.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which was ready first, and with what.
pub(super) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Waits for the first of two. If both are ready, the left one counts. The other is dropped.
pub(super) async fn race<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> First<A, B> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}
