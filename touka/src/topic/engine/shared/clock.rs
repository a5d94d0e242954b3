//! [`Clock`], the difference between the clock of a server and that of this process.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::topic::stored::unix_time;

/// The difference between the clock of a server and that of this process, in milliseconds.
///
/// Events have the time of the server. On a node whose clock is wrong, new events would else be too old to be retained.
#[derive(Debug, Default)]
pub(in crate::topic::engine) struct Clock(AtomicI64);

impl Clock {
    /// Records the time of the server in an answer that has just arrived.
    pub(in crate::topic::engine) fn record(&self, redis: u64) {
        self.0.store(unix_time().cast_signed().wrapping_sub(redis.cast_signed()), Ordering::Relaxed);
    }

    /// The time of this process at a time of the server.
    pub(in crate::topic::engine) fn to_local(&self, redis: u64) -> u64 {
        redis.saturating_add_signed(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_redis_are_converted() {
        let (clock, now) = (Clock::default(), unix_time());
        clock.record(now + 3_600_000);
        let local = clock.to_local(now + 3_600_000);
        assert!((now..now + 60_000).contains(&local), "{now} {local}");
        clock.record(1000);
        assert!(clock.to_local(1000) >= now);
        clock.record(u64::MAX);
        clock.to_local(0);
    }
}
