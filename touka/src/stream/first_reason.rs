//! [`FirstReason`], the reason why a stream ended.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::CloseReason;

/// The reasons in the order of their declaration. The stored byte is an index in this array plus one.
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

/// The first reason that was set, in one byte, because every open stream has one.
#[derive(Debug, Default)]
pub(super) struct FirstReason(AtomicU8);

impl FirstReason {
    /// Sets the reason if there is none, and returns the one that counts.
    pub(super) fn get_or_set(&self, reason: CloseReason) -> CloseReason {
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
                assert_eq!(first.get_or_set(later), reason);
            }
        }
    }
}
