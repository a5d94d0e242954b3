//! The bounds of timeouts.

use std::time::Duration;

/// Bounds a timeout, so that a deadline can be computed from it.
pub(in crate::topic::engine) const fn at_most(timeout: Duration, most: Duration) -> Duration {
    if timeout.as_nanos() < most.as_nanos() { timeout } else { most }
}
