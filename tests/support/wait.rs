//! Waiting for what must come, with patience for a busy machine and an end all the same.

use std::future::Future;
use std::time::{Duration, Instant};

/// Waits for a future; past the time, fails and says for what it waited.
///
/// # Panics
/// It was not ready in time.
#[track_caller]
pub fn within<F: Future>(longest: Duration, what: &str, future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let output = tokio::time::timeout(longest, future).await;
        output.unwrap_or_else(|_| panic!("{what} took longer than {longest:?}, at {caller}"))
    }
}

/// Waits until something is so, and tells how long it took.
///
/// # Panics
/// It was not so within the time.
pub async fn until(longest: Duration, what: &str, is_so: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < longest, "not within {longest:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    start.elapsed()
}
