//! The task that forgets a hub's topics while nobody calls the hub.

use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::table::{Table, lock};
use crate::stream::catch;

/// Starts the task if it does not run yet and this is called within a runtime. The task ends with the
/// hub, with its runtime, or when there is no topic any more; the next call starts another.
pub(super) fn start(table: &Arc<Mutex<Table>>) {
    let Ok(runtime) = Handle::try_current() else { return };
    if lock(table).starts_janitor() {
        let janitor = Janitor { table: Arc::downgrade(table), runs: true };
        runtime.spawn(janitor.run());
    }
}

/// The table is marked as having a janitor for as long as this lives.
struct Janitor {
    table: Weak<Mutex<Table>>,
    runs: bool,
}

impl Janitor {
    async fn run(mut self) {
        while let Some(next) = self.sweep() {
            // A sweep that takes several turns lets the other tasks run between them.
            tokio::task::yield_now().await;
            // A runtime without timers panics here. The table stays marked, so that not each call of the hub
            // starts a task that panics: the calls themselves do the sweeps.
            let Ok(sleep) = catch(|| sleep_until(next)) else {
                self.runs = false;
                return;
            };
            sleep.await;
        }
    }

    /// Does a turn of a sweep, and says when the next is due; never, when there is nothing to do.
    fn sweep(&mut self) -> Option<Instant> {
        let table = self.table.upgrade()?;
        let swept = lock(&table).sweep(Instant::now());
        swept.finish();
        let mut table = lock(&table);
        if table.is_empty() {
            // Under the lock under which it was found empty: a topic that is made now starts another.
            table.janitor_ended();
            self.runs = false;
            return None;
        }
        Some(table.sweep_at())
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        if self.runs
            && let Some(table) = self.table.upgrade()
        {
            lock(&table).janitor_ended();
        }
    }
}
