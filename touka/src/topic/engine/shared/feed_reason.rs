//! The reason with which a feed has ended, as a server keeps it.

use crate::error::CloseReason;

/// Parses the reason of an end, from [`CloseReason::as_str`]. Any other text means that the feed has completed.
pub(in crate::topic::engine) fn parse_reason(reason: &str) -> CloseReason {
    const REASONS: [CloseReason; 3] = [CloseReason::Failed, CloseReason::Panicked, CloseReason::Shutdown];
    REASONS.into_iter().find(|known| known.as_str() == reason).unwrap_or(CloseReason::Completed)
}
