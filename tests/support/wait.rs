//! Waiting for an event with a timeout that is generous for a busy machine.

use std::future::Future;
use std::time::{Duration, Instant};

/// Waits for a future, and panics with `what` when the timeout is over.
///
/// # Panics
/// The future was not ready in time.
#[track_caller]
pub fn within<F: Future>(longest: Duration, what: &str, future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let output = tokio::time::timeout(longest, future).await;
        output.unwrap_or_else(|_| panic!("{what} took longer than {longest:?}, at {caller}"))
    }
}

/// Waits until a condition holds, and returns how long it took.
///
/// # Panics
/// The condition did not hold in time.
pub async fn until(longest: Duration, what: &str, is_so: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < longest, "not within {longest:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    start.elapsed()
}

/// Like [`until`], for a condition that has to wait itself, such as for the reply of a server.
///
/// # Panics
/// The condition did not hold in time.
pub async fn eventually(longest: Duration, what: &str, is_so: impl AsyncFn() -> bool) {
    let holds = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(longest, what, holds).await;
}
