//! [`LogEntry`], one event of a log.

use tokio::time::Instant;

use super::encoded::Encoded;
use super::event_keys::KeptKeys;
use super::position::Mark;

/// One event of a log.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) mark: Mark,
    pub(crate) event: Encoded,
    /// The offset of the next event with the same key, if there is one.
    pub(crate) superseded_by: Option<u64>,
    pub(super) keys: KeptKeys,
    /// The bytes of all events that the log had before this one, those that were trimmed included.
    pub(super) start: u64,
    /// The time at which the event was published.
    pub(crate) since: Instant,
}
