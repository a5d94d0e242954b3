//! The names of topics, and those that only touka uses.

use std::sync::Arc;

use tokio::time::Instant;

use super::error::HubError;
use super::hub::Hub;
use super::janitor;
use super::shared_log::SharedLog;
use super::topic_table::Swept;

/// The first character of names that only touka uses: those of the topics of runs.
pub(super) const RESERVED: char = '\0';

/// The maximum length of a name in bytes. Names are keys of storage engines, and often come from the path of a request.
const MAX_NAME: usize = 255;

impl Hub {
    /// The topic with a name of the user's, which is created if there is none.
    pub(super) fn log(&self, name: &str) -> Result<Arc<SharedLog>, HubError> {
        if name.starts_with(RESERVED) {
            return Err(HubError::name(name, "a name begins with another character than NUL"));
        }
        self.reserved(name)
    }

    /// Removes a topic whose name is reserved.
    pub(super) async fn remove_reserved(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        self.0.engine.remove(log).await?;
        self.lock().forget(log);
        Ok(())
    }

    /// The topic with this name, which is created if there is none. The name may be one that users cannot use.
    pub(super) fn reserved(&self, name: &str) -> Result<Arc<SharedLog>, HubError> {
        if name.is_empty() {
            return Err(HubError::name(name, "a name has at least one character"));
        }
        if name.len() > MAX_NAME {
            return Err(HubError::name(name, "a name has at most 255 bytes"));
        }
        let mut swept = Swept::default();
        let mut table = self.lock();
        // Before the sweep, so that the sweep finds this topic in use.
        let log = table.topic(name, &mut swept);
        swept.add(table.sweep(Instant::now()));
        drop(table);
        swept.finish();
        janitor::start(&self.0.table);
        log
    }
}
