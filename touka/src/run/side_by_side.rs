//! [`side_by_side`], which polls some futures at a time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// The number of futures that are polled at a time.
const AT_A_TIME: usize = 16;

/// Waits for all futures, [`AT_A_TIME`] at a time. The results are in the order of the futures.
pub(super) async fn side_by_side<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures = futures.into_iter().enumerate();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut ready = Vec::new();
    poll_fn(|cx| {
        loop {
            running.extend(
                futures.by_ref().take(AT_A_TIME - running.len()).map(|(number, future)| (number, Box::pin(future))),
            );
            let before = ready.len();
            running.retain_mut(|(number, future)| match future.as_mut().poll(cx) {
                Poll::Ready(output) => {
                    ready.push((*number, output));
                    false
                }
                Poll::Pending => true,
            });
            // Futures that take the places of others are polled at once.
            if ready.len() == before {
                return if running.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    ready.sort_unstable_by_key(|(number, _)| *number);
    ready.into_iter().map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn futures_are_polled_some_at_a_time_and_keep_their_order() {
        let (begun, running, most) = (Instant::now(), Cell::new(0), Cell::new(0));
        let futures = (0..64_u64).map(|number| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(running.get().max(most.get()));
                sleep(Duration::from_millis(100 - number % 16)).await;
                running.set(running.get() - 1);
                number
            }
        });
        assert_eq!(side_by_side(futures).await, (0..64).collect::<Vec<_>>());
        assert_eq!(most.get(), 16);
        assert!(begun.elapsed() <= Duration::from_millis(420), "{:?}", begun.elapsed());
        assert!(side_by_side(std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
    }
}
