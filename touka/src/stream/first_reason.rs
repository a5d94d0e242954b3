//! [`FirstReason`], why a stream ended.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::CloseReason;

/// The reasons in the order of their declaration. What is stored is a place in here, and one.
const REASONS: [CloseReason; 8] = [
    CloseReason::Completed,
    CloseReason::Disconnected,
    CloseReason::Stalled,
    CloseReason::Lagged,
    CloseReason::Expired,
    CloseReason::Shutdown,
    CloseReason::Failed,
    CloseReason::Panicked,
];

/// The first reason that was given, in one byte: every open stream has this.
#[derive(Debug, Default)]
pub(super) struct FirstReason(AtomicU8);

impl FirstReason {
    /// Gives a reason; the one that counts comes back.
    pub(super) fn give(&self, reason: CloseReason) -> CloseReason {
        match self.0.compare_exchange(0, reason as u8 + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => reason,
            Err(before) => REASONS.get(usize::from(before).wrapping_sub(1)).copied().unwrap_or(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts() {
        for reason in REASONS {
            let first = FirstReason::default();
            for later in [reason].into_iter().chain(REASONS) {
                assert_eq!(first.give(later), reason);
            }
        }
    }
}
