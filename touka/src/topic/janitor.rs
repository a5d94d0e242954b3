//! The task that evicts topics while the hub is not called.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::topic_table::TopicTable;
use crate::stream::catch;
use crate::sync::Mutex;

/// Starts the task if it does not run yet and this is called within a runtime. The task ends with the hub, with its
/// runtime, or when there is no topic left; the next call starts another one.
pub(super) fn start(table: &Arc<Mutex<TopicTable>>) {
    let Ok(runtime) = Handle::try_current() else { return };
    if table.lock().starts_janitor() {
        let janitor = Janitor { table: Arc::downgrade(table), hub: table.lock().lifetime(), runs: true };
        runtime.spawn(janitor.run());
    }
}

/// The task. The table is marked as having a janitor while this lives.
struct Janitor {
    table: Weak<Mutex<TopicTable>>,
    /// Closed when the table is dropped, with its hub.
    hub: watch::Receiver<()>,
    runs: bool,
}

impl Janitor {
    async fn run(mut self) {
        while let Some(next) = self.sweep() {
            // Other tasks run between the turns of a sweep.
            tokio::task::yield_now().await;
            // A runtime without timers panics here. The table stays marked, so that later calls of the hub do not start
            // tasks that panic as well. The calls themselves do the sweeps then.
            let Ok(sleep) = catch(|| sleep_until(next)) else {
                self.runs = false;
                return;
            };
            self.sleep(sleep).await;
        }
    }

    /// Sleeps until the next turn, or until the hub is dropped.
    async fn sleep(&mut self, sleep: Sleep) {
        let (mut sleep, mut dropped) = (pin!(sleep), pin!(self.hub.changed()));
        poll_fn(|cx| if dropped.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { sleep.as_mut().poll(cx) })
            .await;
    }

    /// Takes a turn of a sweep and returns the time of the next one. `None` if the task must end.
    fn sweep(&mut self) -> Option<Instant> {
        let table = self.table.upgrade()?;
        let swept = table.lock().sweep(Instant::now());
        swept.finish();
        let mut table = table.lock();
        if table.is_empty() {
            // Under the same lock as the check: a topic that is created afterwards starts another janitor.
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
            table.lock().janitor_ended();
        }
    }
}
