//! [`DiskEngine`], a file and the thread that writes to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::fault::Fault;
use super::writer::{Job, Publish, Writer};
use crate::topic::disk::Disk;
use crate::topic::encoded::Draft;
use crate::topic::error::HubError;
use crate::topic::position::Position;
use crate::topic::shared_log::SharedLog;

/// Keeps the events of a hub in a file. One thread reads it and writes it: publishes that come
/// together are written together, and a disk that is slow makes nobody's task wait but theirs.
pub(crate) struct DiskEngine {
    path: PathBuf,
    /// There until it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl DiskEngine {
    pub(crate) fn open(disk: Disk) -> Result<Self, HubError> {
        let path = disk.path.clone();
        let writer = Writer::open(disk)?;
        let (jobs, queue) = channel();
        let thread = thread::Builder::new()
            .name("touka-disk".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| Fault::thread(&path, &error))?;
        Ok(Self { path, jobs: Some(jobs), thread: Some(thread) })
    }

    pub(crate) async fn load(&self, log: &Arc<SharedLog>) -> Result<(), HubError> {
        self.ask(|answer| Job::Load { log: Arc::clone(log), answer }).await
    }

    pub(crate) async fn publish(
        &self,
        log: &Arc<SharedLog>,
        draft: Draft,
        key: Option<&str>,
    ) -> Result<Position, HubError> {
        let (log, key) = (Arc::clone(log), key.map(Into::into));
        self.ask(|answer| Job::Publish(Publish { log, draft, key, answer })).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Fault>>) -> Job) -> Result<T, HubError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job(answer)).is_ok());
        let answer = if sent { answered.await.ok() } else { None };
        Ok(answer.unwrap_or_else(|| Err(Fault::ended(&self.path)))?)
    }
}

impl Drop for DiskEngine {
    /// Waits until all is written: else the end of the process could come first, and whoever opens
    /// the file again would find it in use.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for DiskEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.path).finish()
    }
}
