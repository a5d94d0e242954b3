//! [`Guest`], a client that waits for a run to begin.

use std::sync::Arc;

use super::table::Runs;

/// A client that waits for a run to begin, and counts as a viewer until this is dropped. Then it has left.
#[derive(Debug)]
pub(crate) struct Guest {
    runs: Runs,
    key: Arc<str>,
    owner: Option<Arc<str>>,
    has_left: bool,
}

impl Guest {
    pub(super) fn new(runs: Runs, key: Arc<str>, owner: Option<Arc<str>>) -> Self {
        runs.guests().add(&key);
        Self { runs, key, owner, has_left: true }
    }

    /// The client does not wait any more: it follows the run, or there is none.
    pub(crate) fn dismiss(mut self) {
        self.has_left = false;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // First, so that the run does not count this client when it looks.
        self.runs.guests().remove(&self.key);
        if self.has_left {
            self.runs.visit(&self.key, self.owner.as_ref());
        }
    }
}
