//! [`RunOptions`], the settings of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::status::RunStatus;
use crate::event::Event;
use crate::stream::{drop_guarded, guarded};

/// The fate of a run that no client watches any more.
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

/// The user's function that makes the last event of a run. Clones share it.
#[derive(Clone)]
pub(crate) struct LastEvent(Arc<Guarded>);

/// A function whose destructor may panic, wherever the last clone is dropped.
struct Guarded(Option<Make>);

type Make = Box<dyn Fn(RunStatus) -> Option<Event> + Send + Sync>;

impl LastEvent {
    pub(super) fn new(make: impl Fn(RunStatus) -> Option<Event> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Guarded(Some(Box::new(make)))))
    }

    /// The last event of a run that ends so. `None` for touka's own, also if the function panics.
    pub(super) fn of(&self, status: RunStatus) -> Option<Event> {
        let make = self.0.0.as_ref()?;
        guarded("the last event of a run", || make(status))?
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}

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

impl RunOptions {
    /// The maximum time from the start of the run until it is forgotten.
    pub(super) const fn longest(&self) -> Duration {
        self.max_run.saturating_add(self.stop_grace).saturating_add(self.keep_for)
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
