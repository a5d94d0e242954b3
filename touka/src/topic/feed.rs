//! [`Fed`], a topic whose events come from one shared body.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::engine::Engine;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use super::topic::Topic;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::{Abort, Failure, HandlerError, Panic, catch, contained};

/// A body runs on for so long after its last subscriber has left: a page that is loaded anew does
/// not start everything anew.
const LINGER: Duration = Duration::from_secs(5);

/// The body of a feed, ready to start.
pub(super) struct Feed<T>(Box<dyn FnOnce(Topic<T>) -> Running + Send>);

/// The body of a feed, until it ends by itself.
type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl<T: Send + 'static> Feed<T> {
    pub(super) fn new<E, B>(body: impl FnOnce(Topic<T>) -> B + Send + 'static) -> Self
    where
        E: HandlerError,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        Self(Box::new(|topic| {
            let body = body(topic);
            Box::pin(async move { body.await.map_err(|error| Abort::Error(error).into_failure()) })
        }))
    }

    /// Runs the body on a task of its own, until it ends or nobody wants it any more. The caller
    /// has marked the topic as fed.
    pub(super) fn start(self, engine: &Engine, log: &Arc<SharedLog>) {
        let topic = Topic::new(engine.clone(), Arc::clone(log));
        let feeding = Feeding { log: Arc::clone(log), runs: true };
        let (task, _ended) = contained(async move {
            // Dropped after the body, whatever drops the task.
            let feeding = feeding;
            let log = Arc::clone(&feeding.log);
            // Made inside, where its panic is caught like those of its polls.
            let body = async move { (self.0)(topic).await };
            let mut body = pin!(body);
            let mut deserted = pin!(deserted(&log));
            let ended = poll_fn(|cx| {
                if deserted.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                // Not polled again after a panic, so what that left half done is only dropped.
                match catch(|| body.as_mut().poll(cx)) {
                    Ok(polled) => polled.map(Some),
                    Err(panic) => Poll::Ready(Some(Err(panicked(panic)))),
                }
            })
            .await;
            match ended {
                None => feeding.unmark(),
                Some(Ok(())) => feeding.end(CloseReason::Completed, None),
                Some(Err(failure)) => feeding.end(failure.reason, failure.event.map(|event| *event)),
            }
        });
        tokio::spawn(task);
    }
}

/// Keeps the topic marked as fed. Dropped while the body still runs, because the runtime has ended say,
/// it ends the subscribers' streams, and the next subscriber starts a body again.
struct Feeding {
    log: Arc<SharedLog>,
    runs: bool,
}

impl Feeding {
    /// The body has ended, and so do the streams of all subscribers.
    fn end(mut self, reason: CloseReason, last: Option<Event>) {
        self.runs = false;
        self.log.change(|state| {
            state.fed = false;
            state.log.end(reason, last);
        });
    }

    /// The topic is not marked any more.
    fn unmark(mut self) {
        self.runs = false;
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        if self.runs {
            self.log.change(|state| {
                state.fed = false;
                state.log.end(CloseReason::Shutdown, None);
            });
        }
    }
}

fn panicked(panic: Panic) -> Failure {
    Abort::<Infallible>::Panic(panic).into_failure()
}

/// Ready when there has been no subscriber for a while, or when the log was closed. The topic is not fed
/// from then on: the next subscriber finds it so.
async fn deserted(log: &SharedLog) {
    loop {
        log.deserted.notified().await;
        // Somebody may have come and left again meanwhile: then the time begins anew.
        while !log.is_closed() && timeout(LINGER, log.deserted.notified()).await.is_ok() {}
        let mut state = log.lock();
        if state.subscribers == 0 || state.log.is_closed() {
            state.fed = false;
            return;
        }
    }
}

/// A topic that is fed by one body for all its subscribers: [`Topic::fed_by`] makes it.
#[must_use = "the body runs when somebody subscribes"]
pub struct Fed<T = crate::Event> {
    pub(super) engine: Engine,
    pub(super) log: Arc<SharedLog>,
    pub(super) feed: Feed<T>,
}

impl<T> Fed<T> {
    /// Follows the topic, as [`Topic::subscribe`] does. Unless the body runs already, it is started.
    pub fn subscribe(self, from: impl Into<Option<EventId>>) -> Subscribe<T> {
        Subscribe::new(self.engine, vec![self.log], from.into(), Some(self.feed))
    }
}

impl<T> fmt::Debug for Fed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fed").field("topic", &self.log.name()).finish_non_exhaustive()
    }
}
