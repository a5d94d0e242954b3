//! Jobs: their work, their log so far, and where to find them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;
use touka::{Event, IntoEvent};

/// The stages of a job, and the number of steps of each.
pub(crate) const STAGES: [(&str, u64); 4] =
    [("Reading the files", 12), ("Checking them", 20), ("Building the archive", 40), ("Uploading it", 28)];

/// The duration of one step.
pub(crate) const STEP: Duration = Duration::from_millis(70);

/// The steps of all stages.
pub(crate) const STEPS: u64 = 100;

/// The number of jobs that are kept. The oldest is removed first: without a bound, memory would grow with
/// each job for as long as the server runs.
pub(crate) const MAX_JOBS: usize = 100;

/// One update of a job, which is one event.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Counts the updates of this job from 1. Sent as the event's id.
    pub(crate) number: u64,
    pub(crate) news: News,
}

impl Update {
    /// Whether the job has no further update.
    pub(crate) const fn is_last(&self) -> bool {
        matches!(self.news, News::Archive { .. })
    }
}

/// The content of an update. Untagged: the event's name already says which it is.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum News {
    /// A stage begins.
    Stage { name: &'static str, number: usize, of: usize },
    /// The bar moves.
    Step { done: u64, of: u64 },
    /// The job is done.
    Archive { files: u64, bytes: u64 },
}

impl IntoEvent for Update {
    fn into_event(self) -> touka::Result<Event> {
        let name = match self.news {
            News::Stage { .. } => "stage",
            News::Step { .. } => "step",
            News::Archive { .. } => "archive",
        };
        Ok(Event::json(&self.news)?.event(name).id(self.number))
    }
}

/// The jobs of this server. Clones share the same jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    latest: u64,
    jobs: BTreeMap<u64, watch::Receiver<Log>>,
}

/// All updates of a job so far. A client is a position in it, so it may connect at any time and be cut off
/// any number of times.
pub(crate) type Log = Vec<Update>;

impl Jobs {
    /// Starts a job, and returns its number. The job runs in a task of its own: it is the server's work, and
    /// goes on with or without a client.
    pub(crate) fn start(&self) -> u64 {
        let (log, watch) = watch::channel(Log::new());
        tokio::spawn(run(log));
        let mut inner = self.lock();
        inner.latest += 1;
        let id = inner.latest;
        inner.jobs.insert(id, watch);
        if inner.jobs.len() > MAX_JOBS {
            inner.jobs.pop_first();
        }
        id
    }

    pub(crate) fn find(&self, id: u64) -> Option<watch::Receiver<Log>> {
        self.lock().jobs.get(&id).cloned()
    }

    /// Whether there was such a job that has been removed.
    pub(crate) fn has_removed(&self, id: u64) -> bool {
        let inner = self.lock();
        (1..=inner.latest).contains(&id) && !inner.jobs.contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work. A real job would compress files here; this one sleeps.
async fn run(log: watch::Sender<Log>) {
    let tell = |news| {
        log.send_modify(|log| {
            let number = log.len() as u64 + 1;
            log.push(Update { number, news });
        });
    };
    let mut done = 0;
    for (number, (name, steps)) in (1..).zip(STAGES) {
        tell(News::Stage { name, number, of: STAGES.len() });
        for _ in 0..steps {
            sleep(STEP).await;
            done += 1;
            tell(News::Step { done, of: STEPS });
        }
    }
    tell(News::Archive { files: 128, bytes: 41_943_040 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_have_all_the_steps() {
        assert_eq!(STAGES.iter().map(|(_, steps)| steps).sum::<u64>(), STEPS);
    }

    #[tokio::test]
    async fn the_oldest_job_is_removed() {
        let jobs = Jobs::default();
        for _ in 0..=MAX_JOBS {
            jobs.start();
        }
        assert!(jobs.find(1).is_none() && jobs.find(2).is_some());
    }
}
