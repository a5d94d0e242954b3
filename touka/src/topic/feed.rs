//! [`start_feed`], which runs one body that publishes to a topic for all its subscribers.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::engine::{Ended, HubEngine, Lead};
use super::error::HubError;
use super::feed_body::FeedBody;
use super::shared_log::SharedLog;
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Failure, contained};

/// The time that a body continues to run after its last subscriber has left, so that reloading a page does not
/// restart it.
const FEED_LINGER: Duration = Duration::from_secs(5);

/// The time after which a process that has lost its right asks for it again, so that an engine that gives rights which are
/// lost already does not keep a thread busy.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a body does not run any more, or has not started.
enum Stop {
    /// The body has ended by itself. The right is held until all processes know of the end: without it the end would not
    /// count.
    Ended(Result<(), Failure>, Lead),
    /// The topic has no subscriber, or the feed has ended on another node.
    Left,
    /// Another process has the right to run the feed. A body that has started is dropped.
    Lost,
    /// The engine has failed to give the right.
    NoLead(HubError),
    /// This process has the right, and no body: the last one was dropped when the right was lost.
    NoBody,
}

/// Runs a body on a task of its own, until it ends or has had no subscriber for [`FEED_LINGER`]. The caller has marked the
/// topic as fed by this number.
///
/// If processes share the engine, the body runs when no other of them runs one, and its end is that of all of their streams.
/// A process that loses the right to run its body waits for the right again, as long as it has subscribers: the next holder
/// may die. Its body cannot go on after the events of another one. So it then runs one of a later subscriber, if it has one,
/// or else ends the streams of its subscribers, which come back with bodies.
pub(super) fn start_feed(body: FeedBody, engine: &Arc<HubEngine>, log: &Arc<SharedLog>, number: u64) {
    let feeding = Feeding { log: Arc::clone(log), number, runs: true };
    let (engine, runtime) = (Arc::clone(engine), engine.runtime_for_task());
    let (task, _ended) = contained(async move {
        // Declared first, so that it is dropped after the body even if the task is cancelled.
        let feeding = feeding;
        let log = Arc::clone(&feeding.log);
        let mut left = pin!(left(&log, number));
        let mut body = Some(body);
        loop {
            match run(&mut body, &engine, &log, number, left.as_mut()).await {
                Stop::Ended(ended, lead) => {
                    let (reason, last) = match ended {
                        Ok(()) => (CloseReason::Completed, None),
                        Err(failure) => (failure.reason, failure.event.map(|event| *event)),
                    };
                    match end(&engine, &log, &lead, reason, last.as_ref()).await {
                        Ended::Everywhere => return feeding.unmark(),
                        Ended::Here => return feeding.end(reason, last),
                        Ended::Lost => {}
                    }
                }
                Stop::Left => return feeding.unmark(),
                Stop::Lost => {}
                Stop::NoLead(error) => {
                    tracing::error!(
                        target: "touka::topic",
                        topic = log.name(),
                        ?error,
                        "a feed cannot run, and the streams of its subscribers end"
                    );
                    return feeding.end(CloseReason::Shutdown, None);
                }
                Stop::NoBody => {
                    tracing::info!(
                        target: "touka::topic",
                        topic = log.name(),
                        "this process runs the feed again, and ends the streams of its subscribers, who bring another body"
                    );
                    return feeding.end(CloseReason::Shutdown, None);
                }
            }
            if unless(left.as_mut(), sleep(ASK_AGAIN_AFTER)).await.is_none() {
                return feeding.unmark();
            }
        }
    });
    if let Some(runtime) = runtime {
        runtime.spawn(task);
    } else {
        tracing::error!(target: "touka::topic", "a feed needs a tokio runtime: the streams of its subscribers end");
        drop(task);
    }
}

/// Keeps a body in reserve for the present feed of a topic, in place of an earlier one. One of the two is dropped: no lock may
/// be held, since its destructor is user code and may use this topic.
pub(super) fn keep_spare_body(log: &SharedLog, body: FeedBody) {
    // In statements of their own, so that the lock is released before a body is dropped.
    let feed = log.lock().feed();
    let Some(number) = feed else { return };
    let replaced = log.spare_body.put(number, body);
    let is_fed = log.lock().is_fed_by(number);
    // A feed that has ended meanwhile has looked for the body before it was here.
    let unused = if is_fed { None } else { log.spare_body.take(number) };
    drop((replaced, unused));
}

/// Ends the streams of all processes, because the body has ended.
async fn end(
    engine: &HubEngine,
    log: &Arc<SharedLog>,
    lead: &Lead,
    reason: CloseReason,
    last: Option<&Event>,
) -> Ended {
    engine.end_feed(log, lead, reason, last).await.unwrap_or_else(|error| {
        tracing::error!(
            target: "touka::topic",
            topic = log.name(),
            ?error,
            "a feed has ended, and streams of other processes may not be told"
        );
        Ended::Here
    })
}

/// Waits for the right to run the feed, and runs the body. Without one, runs that of a later subscriber. A body that is left
/// has not started.
async fn run(
    body: &mut Option<FeedBody>,
    engine: &HubEngine,
    log: &Arc<SharedLog>,
    number: u64,
    mut left: Pin<&mut impl Future<Output = ()>>,
) -> Stop {
    let lead = match unless(left.as_mut(), engine.lead(log)).await {
        Some(Ok(lead)) => lead,
        Some(Err(error)) => return Stop::NoLead(error),
        None => return Stop::Left,
    };
    // The feed may have ended on another node, whose message is still on its way: then it is over here, too.
    if engine.kind().is_shared() {
        match unless(left.as_mut(), engine.refresh(log)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::debug!(
                    target: "touka::topic",
                    topic = log.name(),
                    ?error,
                    "a feed starts, and this process may learn later that the one before has ended"
                );
            }
            None => return Stop::Left,
        }
        if lead.is_lost() {
            return Stop::Lost;
        }
        // The wait for the right may have been longer than the visit of the last client.
        if !is_wanted(log, number) {
            return Stop::Left;
        }
    }
    let Some(mut body) = body.take().or_else(|| log.spare_body.take(number)) else { return Stop::NoBody };
    loop {
        // Before the check, so that no change is missed between the two.
        let mut changes = lead.changes();
        if lead.is_lost() {
            return Stop::Lost;
        }
        let mut changed = pin!(changes.next());
        let step = poll_fn(|cx| {
            if left.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(None));
            }
            if changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            if !lead.is_held() {
                return Poll::Pending;
            }
            body.poll(cx).map(|ended| Some(Some(ended)))
        });
        match step.await {
            None => {}
            Some(None) => return Stop::Left,
            Some(Some(ended)) => return Stop::Ended(ended, lead),
        }
    }
}

/// The output of a future. `None` if the subscribers leave first.
async fn unless<T>(mut left: Pin<&mut impl Future<Output = ()>>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if left.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Whether the topic has a subscriber, and this feed. Without a subscriber, the feed is over.
fn is_wanted(log: &SharedLog, number: u64) -> bool {
    let mut state = log.lock();
    let is_fed = state.is_fed_by(number);
    if is_fed && state.subscribers == 0 {
        state.stop_feed();
    }
    is_fed && state.subscribers > 0
}

/// Guard that keeps the topic marked as fed.
///
/// If it is dropped while the body still runs, for example because the runtime shuts down, it ends the subscribers'
/// streams, and the next subscriber starts a body again.
struct Feeding {
    log: Arc<SharedLog>,
    /// The number of the feed. Another one may have started since.
    number: u64,
    runs: bool,
}

impl Feeding {
    /// Ends the streams of all subscribers, because the body has ended.
    fn end(mut self, reason: CloseReason, last: Option<Event>) {
        self.stop(Some((reason, last)));
    }

    /// The topic is no longer marked as fed.
    fn unmark(mut self) {
        self.stop(None);
    }

    fn stop(&mut self, end: Option<(CloseReason, Option<Event>)>) {
        let number = self.number;
        if std::mem::replace(&mut self.runs, false) {
            self.log.change_if(|state| {
                let is_current = state.is_fed_by(number);
                if !is_current {
                    return ((), false);
                }
                state.stop_feed();
                let ends = end.is_some();
                if let Some((reason, last)) = end {
                    state.log.end(reason, last);
                }
                ((), ends)
            });
        }
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.stop(Some((CloseReason::Shutdown, None)));
        // After the topic is unmarked: later bodies are not kept for this feed.
        drop(self.log.spare_body.take(self.number));
    }
}

/// Completes when there has been no subscriber for [`FEED_LINGER`], when the log is closed, or when the feed has ended on
/// another node. The topic is then no longer marked as fed, so the next subscriber starts a body.
async fn left(log: &SharedLog, number: u64) {
    loop {
        let mut changed = pin!(log.feed_changed.notified());
        // Before the check, so that no change is missed between the two.
        changed.as_mut().enable();
        let has_subscribers = {
            let mut state = log.lock();
            if !state.is_fed_by(number) {
                return;
            }
            if state.log.is_closed() {
                state.stop_feed();
                return;
            }
            state.subscribers > 0
        };
        if has_subscribers {
            changed.await;
            continue;
        }
        // A change within the time may mean that a subscriber has come and left again: the time starts anew.
        if timeout(FEED_LINGER, changed).await.is_err() && !is_wanted(log, number) {
            return;
        }
    }
}
