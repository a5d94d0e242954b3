//! Jobs: what they do, what they have done so far, and where to find them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;
use touka::{Event, IntoEvent};

/// What a job does, and how many steps that takes.
pub(crate) const STAGES: [(&str, u64); 4] =
    [("Reading the files", 12), ("Checking them", 20), ("Building the archive", 40), ("Uploading it", 28)];

/// How long one step takes.
pub(crate) const STEP: Duration = Duration::from_millis(70);

/// The steps of all stages.
pub(crate) const STEPS: u64 = 100;

/// How many jobs are remembered. The oldest is forgotten first: without a bound, memory would grow
/// with each job for as long as the server runs.
pub(crate) const REMEMBERED: usize = 100;

/// One thing that a job tells: one event.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Counts the updates of this job from 1. It is the event's id.
    pub(crate) number: u64,
    pub(crate) news: News,
}

impl Update {
    /// Whether the job has nothing more to tell.
    pub(crate) const fn is_last(&self) -> bool {
        matches!(self.news, News::Archive { .. })
    }
}

/// What there is to tell. Without a tag: the name of the event already says which it is.
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

/// The jobs of this server. Clones are the same jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    latest: u64,
    jobs: BTreeMap<u64, watch::Receiver<Log>>,
}

/// All updates of a job so far. A client is a position in it, so it does not matter when it comes
/// or how often it was cut off.
pub(crate) type Log = Vec<Update>;

impl Jobs {
    /// Starts a job, and gives its number. It runs in a task of its own: it is the server's work,
    /// and goes on whether or not someone watches.
    pub(crate) fn start(&self) -> u64 {
        let (log, watch) = watch::channel(Log::new());
        tokio::spawn(run(log));
        let mut shelf = self.lock();
        shelf.latest += 1;
        let id = shelf.latest;
        shelf.jobs.insert(id, watch);
        if shelf.jobs.len() > REMEMBERED {
            shelf.jobs.pop_first();
        }
        id
    }

    pub(crate) fn find(&self, id: u64) -> Option<watch::Receiver<Log>> {
        self.lock().jobs.get(&id).cloned()
    }

    /// There was such a job, and it is forgotten.
    pub(crate) fn has_forgotten(&self, id: u64) -> bool {
        let shelf = self.lock();
        (1..=shelf.latest).contains(&id) && !shelf.jobs.contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work. A real one would compress files here; this one sleeps.
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
    async fn the_oldest_job_is_forgotten() {
        let jobs = Jobs::default();
        for _ in 0..=REMEMBERED {
            jobs.start();
        }
        assert!(jobs.find(1).is_none() && jobs.find(2).is_some());
    }
}
