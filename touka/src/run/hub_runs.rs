//! The runs of a [`Hub`].

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::RunError;
use super::list::{self, RunInfo};
use super::record::topic_of;
use super::run::Run;
use super::table::Runs;
use crate::topic::Hub;

/// How long [`Hub::stop_runs`] waits for ends to be written, in addition to the grace.
const WRITING: Duration = Duration::from_secs(5);

impl Hub {
    /// The run with this key, whether there is one or not: [`Run`] has an example. A key has at most 250 bytes.
    ///
    /// # Errors
    /// The key is empty or too long ([`RunError::is_key`]).
    pub fn run(&self, key: impl AsRef<str>) -> Result<Run, RunError> {
        topic_of(key.as_ref())?;
        Ok(Run::new(self.clone(), key.as_ref()))
    }

    /// The runs of an owner that are under way or kept, on all nodes. The one that was started last comes first.
    ///
    /// ```
    /// use touka::Hub;
    /// use touka::run::RunError;
    ///
    /// async fn are_any_running(hub: &Hub, user: &str) -> Result<bool, RunError> {
    ///     Ok(hub.runs(user).await?.iter().any(|run| !run.status().is_over()))
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # assert!(!are_any_running(&Hub::memory(), "alice").await.unwrap());
    /// # });
    /// ```
    ///
    /// # Errors
    /// The owner is empty or too long ([`RunError::is_key`]); or the hub's engine fails ([`RunError::is_hub`]).
    pub async fn runs(&self, owner: impl AsRef<str>) -> Result<Vec<RunInfo>, RunError> {
        list::read(self, owner.as_ref()).await
    }

    /// Sets how many runs may be under way in this process, 10,000 by default. Runs beyond a lower number go on.
    pub fn set_max_runs(&self, most: usize) {
        Runs::of(self).set_max(most);
    }

    /// Sets how many runs of one owner may be under way in this process. By default there is no limit. Runs without an owner
    /// are not counted.
    pub fn set_max_runs_per_owner(&self, most: usize) {
        Runs::of(self).set_max_per_owner(most);
    }

    /// Stops all runs whose bodies are in this process, for its shutdown, and starts none any more
    /// ([`RunError::is_shutting_down`]). Each body [is to stop](super::stopping), and has its own `stop_grace` for that; those
    /// that have not ended after `grace` are dropped when the process ends, and are [lost](super::RunStatus::Lost). Runs that
    /// are stopped end as [`Cancelled`](super::RunStatus::Cancelled), with the reason `shutdown`. Returns whether all have ended.
    ///
    /// Call this before the server shuts down, so that viewers get the ends.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use touka::{Hub, Router};
    ///
    /// # async fn run(router: Router, hub: Hub) -> touka::Result<()> {
    /// // Instead of the server's own signal handlers, which would not wait for the runs.
    /// let server = touka::Server::new().shutdown_on(async move {
    ///     tokio::signal::ctrl_c().await.expect("a signal handler");
    ///     hub.stop_runs(Duration::from_secs(20)).await;
    /// });
    /// server.serve("0.0.0.0:3000", router).await
    /// # }
    /// ```
    pub async fn stop_runs(&self, grace: Duration) -> bool {
        let runs = Runs::of(self);
        runs.close();
        let Some(until) = Instant::now().checked_add(grace.saturating_add(WRITING)) else {
            return ended(&runs).await;
        };
        timeout_at(until, ended(&runs)).await.is_ok()
    }
}

/// Waits until no run is in this process any more.
async fn ended(runs: &Runs) -> bool {
    while !runs.is_empty() {
        runs.changed(Runs::is_empty).await;
    }
    true
}
