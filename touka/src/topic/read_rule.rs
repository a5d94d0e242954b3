//! [`ReadRule`], how a subscriber reads a log that is faster than it is, or that has a gap.

use super::on_gap::OnGap;
use super::on_lag::OnLag;

/// When a subscriber lags, what happens then, and where it continues after a gap.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadRule {
    pub(super) on_gap: Option<OnGap>,
    pub(super) on_lag: OnLag,
    /// The number of events and of bytes that the subscriber may be behind.
    pub(super) most: Option<(u64, u64)>,
}

impl ReadRule {
    /// Whether the subscriber wants only the newest event of each key.
    pub(super) fn is_latest(&self) -> bool {
        self.on_lag == OnLag::Latest
    }
}
