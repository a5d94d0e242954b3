//! [`Active`], a body that runs, as callers in its process know it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::stopping::StopSignal;
use crate::stream::notify_guarded;
use crate::sync::Mutex;

/// A body that runs.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) owner: Option<Arc<str>>,
    pub(super) signal: StopSignal,
    /// Why the run is to stop, once it is.
    reason: Mutex<Option<StopReason>>,
    /// Notified when the run is to stop, or was visited.
    pub(super) asked: Notify,
    /// Whether a client that waited for the run has left, since the last look.
    is_visited: AtomicBool,
    /// Whether the body has decided to be a stream.
    is_open: AtomicBool,
}

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    Stopped,
    Left,
    Shutdown,
    MaxRun,
}

impl Active {
    pub(super) fn new(owner: Option<Arc<str>>) -> Self {
        Self {
            owner,
            signal: StopSignal::default(),
            reason: Mutex::new(None),
            asked: Notify::new(),
            is_visited: AtomicBool::new(false),
            is_open: AtomicBool::new(false),
        }
    }

    /// Asks the body to stop. The first reason counts.
    pub(super) fn ask_to_stop(&self, reason: StopReason) {
        self.reason.lock().get_or_insert(reason);
        self.signal.request();
        notify_guarded(&self.asked);
    }

    /// Records that a client that waited for the run has left.
    pub(super) fn visit(&self) {
        self.mark_visited();
        notify_guarded(&self.asked);
    }

    /// [`visit`](Self::visit) before the body runs.
    pub(super) fn mark_visited(&self) {
        self.is_visited.store(true, Ordering::Release);
    }

    pub(super) fn is_visited(&self) -> bool {
        self.is_visited.load(Ordering::Acquire)
    }

    /// Whether a client that waited for the run has left since the last call.
    pub(super) fn take_visit(&self) -> bool {
        self.is_visited.swap(false, Ordering::AcqRel)
    }

    /// Records that the body has decided to be a stream.
    pub(super) fn set_open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        *self.reason.lock()
    }
}
