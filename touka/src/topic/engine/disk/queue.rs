//! [`Queue`], the jobs of a thread, each of which is dropped with the future of its caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::stream::drop_guarded;
use crate::sync::Mutex;

/// The queue to a thread.
///
/// It has no capacity to wait for. A queued job is the memory of its caller's future, which takes it back when it is
/// dropped. So callers that leave cost nothing, and a caller whose future is not polled any more delays no other.
pub(super) struct Queue<J> {
    /// `None` only while this is dropped.
    sender: Option<JobSender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Queue<J> {
    /// Starts a thread with this name, which takes the jobs.
    pub(super) fn start(name: &str, work: impl FnOnce(&JobReceiver<J>) + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = jobs();
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(&receiver))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Queues a job, and waits for its answer. `None` if the thread has ended.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> J) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let _queued = self.sender.as_ref()?.send(job(answer))?;
        answered.await.ok()
    }
}

impl<J> Drop for Queue<J> {
    /// Waits until all jobs are done. Otherwise the process could end first, and a hub that opens the file again would
    /// find it in use.
    fn drop(&mut self) {
        drop(self.sender.take());
        // A waker may own the last handle of the hub and be dropped by this thread, which cannot join itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// A queue without its thread.
pub(super) fn jobs<J>() -> (JobSender<J>, JobReceiver<J>) {
    // One message is enough: the receiver takes all jobs before it waits for the next one.
    let (bell, rung) = sync_channel(1);
    let jobs = Arc::new(Jobs(Mutex::new(State { queued: BTreeMap::new(), next: 0, is_closed: false })));
    (JobSender { jobs: Arc::clone(&jobs), bell }, JobReceiver { jobs, rung })
}

struct Jobs<J>(Mutex<State<J>>);

struct State<J> {
    /// The jobs that the thread has not taken yet, by their numbers.
    queued: BTreeMap<u64, J>,
    /// The number of the next job.
    next: u64,
    /// Whether the thread has ended.
    is_closed: bool,
}

pub(super) struct JobSender<J> {
    jobs: Arc<Jobs<J>>,
    /// Wakes the thread.
    bell: SyncSender<()>,
}

impl<J> JobSender<J> {
    /// Queues a job until the guard is dropped. `None` if the thread has ended.
    pub(super) fn send(&self, job: J) -> Option<Queued<J>> {
        let mut state = self.jobs.0.lock();
        if state.is_closed {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.queued.insert(number, job);
        drop(state);
        // If there is a message already, the thread has yet to look for jobs.
        let _ = self.bell.try_send(());
        Some(Queued { jobs: Arc::clone(&self.jobs), number })
    }
}

/// Guard of a job. Dropping it takes the job out of the queue, if the thread has not taken it.
pub(super) struct Queued<J> {
    jobs: Arc<Jobs<J>>,
    number: u64,
}

impl<J> Drop for Queued<J> {
    fn drop(&mut self) {
        // In a statement of its own, so that the job is dropped after the lock is released.
        let job = self.jobs.0.lock().queued.remove(&self.number);
        drop(job);
    }
}

/// The end of the queue from which the thread takes its jobs.
pub(super) struct JobReceiver<J> {
    jobs: Arc<Jobs<J>>,
    rung: Receiver<()>,
}

impl<J> JobReceiver<J> {
    /// The oldest job. `None` if there is none now.
    pub(super) fn try_recv(&self) -> Option<J> {
        let (_, job) = self.jobs.0.lock().queued.pop_first()?;
        Some(job)
    }

    /// Waits for a job.
    ///
    /// # Errors
    /// There is none at this time, or there is none and the queue is dropped.
    pub(super) fn recv(&self, until: Option<Instant>) -> Result<J, RecvTimeoutError> {
        loop {
            if let Some(job) = self.try_recv() {
                return Ok(job);
            }
            match until {
                None => self.rung.recv().map_err(|_| RecvTimeoutError::Disconnected)?,
                Some(at) => self.rung.recv_timeout(at.saturating_duration_since(Instant::now()))?,
            }
        }
    }
}

impl<J> Drop for JobReceiver<J> {
    /// However the thread ends, no task may wait for an answer after that.
    fn drop(&mut self) {
        let mut state = self.jobs.0.lock();
        state.is_closed = true;
        let left = std::mem::take(&mut state.queued);
        drop(state);
        for job in left.into_values() {
            // It wakes its caller's task. A waker that panics must not keep the others from being woken.
            drop_guarded(job);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_job_is_dropped_with_its_guard() {
        let (sender, receiver) = jobs();
        let [first, second, third] = ["first", "second", "third"].map(|job| sender.send(job).unwrap());
        drop(second);
        assert_eq!(receiver.recv(None), Ok("first"));
        assert_eq!(receiver.recv(None), Ok("third"));
        assert_eq!(receiver.try_recv(), None);
        drop((first, third));
        assert_eq!(receiver.recv(Some(Instant::now() + Duration::from_millis(1))), Err(RecvTimeoutError::Timeout));
        drop(sender);
        assert_eq!(receiver.recv(None), Err(RecvTimeoutError::Disconnected));
    }

    /// A caller learns that the thread has ended, whether its job was queued before or after that.
    #[tokio::test]
    async fn no_caller_waits_for_a_thread_that_has_ended() {
        let (end, ended) = sync_channel::<()>(0);
        let queue = Queue::start("test", move |jobs: &JobReceiver<oneshot::Sender<()>>| {
            let _taken = jobs.recv(None);
            let _ = ended.recv();
        });
        let queue = queue.unwrap();
        let mut asked = [(); 2].map(|()| Box::pin(queue.ask(|answer| answer)));
        assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()));
        drop(end);
        for asked in asked {
            assert_eq!(asked.await, None);
        }
        assert_eq!(queue.ask(|answer| answer).await, None);
    }
}
