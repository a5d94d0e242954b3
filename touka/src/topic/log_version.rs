//! [`LogVersion`], the changes of a log that each reader examines for itself.

/// The changes of a log that each reader examines for itself. A reader that has the log's version reads its events, one
/// after the other, like all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogVersion {
    /// The number of generations that have ended.
    pub(super) ends: u64,
    /// The number of times that the events were replaced.
    pub(super) resets: u64,
}
