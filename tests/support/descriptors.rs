//! File descriptors for tests that hold many connections.

use std::fs;
use std::sync::OnceLock;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Descriptors left to everything else in the process: the runtimes, and tests that hold a few hundred
/// connections and reserve nothing.
const OTHERS: usize = 2_000;

/// File descriptors of this process that belong to one test until this is dropped.
///
/// Tests of one binary run in one process, which has a limit of open files. Two tests that fit into the limit
/// one at a time may not fit together, so each reserves its share first and the second waits.
#[derive(Debug)]
pub struct Descriptors {
    _permit: SemaphorePermit<'static>,
}

impl Descriptors {
    /// Waits until this many descriptors can be reserved. The first call raises the soft limit, which is
    /// often 1,024, to the hard limit; processes that are started later inherit it.
    ///
    /// # Panics
    /// The limit is too low for this test alone.
    pub async fn reserve(many: u32) -> Self {
        static POOL: OnceLock<Pool> = OnceLock::new();
        let pool = POOL.get_or_init(|| {
            let allowed = rlimit::increase_nofile_limit(u64::MAX).expect("raise the limit of descriptors");
            let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
            Pool::new(usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(open + OTHERS))
        });
        Self { _permit: pool.reserve(many).await }
    }
}

/// The descriptors that tests share.
#[derive(Debug)]
struct Pool {
    total: usize,
    free: Semaphore,
}

impl Pool {
    fn new(total: usize) -> Self {
        let total = total.min(Semaphore::MAX_PERMITS);
        Self { total, free: Semaphore::new(total) }
    }

    async fn reserve(&self, many: u32) -> SemaphorePermit<'_> {
        let total = self.total;
        assert!(many as usize <= total, "this test needs {many} descriptors and may have {total}: see ulimit -Hn");
        self.free.acquire_many(many).await.expect("the semaphore is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn shares_that_do_not_fit_together_wait() {
        let pool = Pool::new(10);
        let first = pool.reserve(6).await;
        let beside = pool.reserve(4).await;
        let mut second = Box::pin(pool.reserve(6));
        assert!(second.as_mut().now_or_never().is_none(), "the second did not wait for the first");
        drop((first, beside));
        drop(second.await);
    }

    #[tokio::test]
    #[should_panic(expected = "this test needs 11 descriptors and may have 10")]
    async fn a_share_that_never_fits_is_an_error() {
        let pool = Pool::new(10);
        let _never = pool.reserve(11).await;
    }
}
