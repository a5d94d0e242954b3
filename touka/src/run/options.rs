//! [`RunOptions`], the settings of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::status::RunStatus;
use crate::event::Event;

/// What happens to a run that no client watches any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The run goes on, for the clients that come back.
    #[default]
    Keep,
    /// The run is stopped when its last viewer leaves.
    Cancel,
    /// The run is stopped this long after its last viewer has left, unless another one comes meanwhile.
    CancelAfter(Duration),
}

impl OnDisconnect {
    /// The time from the departure of the last viewer until the run is stopped. `None` for never.
    pub(super) const fn patience(self) -> Option<Duration> {
        match self {
            Self::Keep => None,
            Self::Cancel => Some(Duration::ZERO),
            Self::CancelAfter(patience) => Some(patience),
        }
    }
}

/// Makes the last event of a run.
pub(super) type LastEvent = Arc<dyn Fn(RunStatus) -> Option<Event> + Send + Sync>;

/// The settings with which a run is started.
#[derive(Clone)]
pub(crate) struct RunOptions {
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) stop_grace: Duration,
    pub(crate) max_run: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) keep_for: Duration,
    pub(super) last_event: Option<LastEvent>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            on_disconnect: OnDisconnect::Keep,
            stop_grace: Duration::from_secs(5),
            max_run: Duration::from_hours(1),
            max_bytes: 16 * 1024 * 1024,
            keep_for: Duration::from_hours(1),
            last_event: None,
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("on_disconnect", &self.on_disconnect)
            .field("stop_grace", &self.stop_grace)
            .field("max_run", &self.max_run)
            .field("max_bytes", &self.max_bytes)
            .field("keep_for", &self.keep_for)
            .finish_non_exhaustive()
    }
}
