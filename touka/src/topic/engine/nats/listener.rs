//! [`listen`], the task that keeps the subscriptions of a node.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use async_nats::Subscriber;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::fault::NatsFault;
use super::node::{Node, UNPREPARED};
use super::requests::next;
use super::streams::stream_info;
use crate::topic::engine::shared::active::Change;
use crate::topic::engine::shared::health::PROBE_INTERVAL;
use crate::topic::engine::shared::sync::request_sync;

/// The time in which each active topic is compared with NATS once: messages may be lost without notice.
const CHECK_PERIOD: Duration = Duration::from_secs(30);

/// The time between two groups of checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a change of subscriptions may take, and the first requests on a new connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before the streams are checked again: after an error that may pass, and after another one.
const RETRY: Duration = Duration::from_millis(200);
const LASTING_RETRY: Duration = Duration::from_secs(10);

/// A step that takes time, such as subscribing to topics.
type Step = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Done {
    Subscribed(Vec<(Arc<str>, Subscriber)>),
    Failed(NatsFault),
    /// The streams exist, on a connection with this number.
    Prepared(u64),
    Checked,
}

enum Event {
    Done(Done),
    Probe,
    Check,
    Wanted,
    Connection,
    Heard,
    /// The node or its client has ended.
    Ended,
}

/// Keeps the subscriptions of a node until it is dropped. `probed` receives the node's own probes.
pub(super) async fn listen(weak: Weak<Node>, mut probed: Subscriber) {
    let Some((active, mut connection)) = weak.upgrade().map(|node| {
        node.health.opened();
        (Arc::clone(&node.active), node.requests.link.changes())
    }) else {
        return;
    };
    let mut followed = Followed::default();
    let mut step: Option<Step> = None;
    let (mut checks, mut probes) = (interval(CHECK_INTERVAL), interval(PROBE_INTERVAL));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0_u64;
    loop {
        let mut wanted = pin!(active.changed.notified());
        let mut changed = pin!(connection.changed());
        let mut heard = pin!(next(&mut probed));
        let event = poll_fn(|cx| {
            if let Some(running) = &mut step
                && let Poll::Ready(done) = running.as_mut().poll(cx)
            {
                return Poll::Ready(Event::Done(done));
            }
            if let Poll::Ready(changed) = changed.as_mut().poll(cx) {
                return Poll::Ready(if changed.is_ok() { Event::Connection } else { Event::Ended });
            }
            if probes.poll_tick(cx).is_ready() {
                return Poll::Ready(Event::Probe);
            }
            if checks.poll_tick(cx).is_ready() {
                return Poll::Ready(Event::Check);
            }
            if step.is_none() && wanted.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Wanted);
            }
            heard.as_mut().poll(cx).map(|message| message.map_or(Event::Ended, |_| Event::Heard))
        })
        .await;
        if matches!(event, Event::Done(_)) {
            step = None;
        }
        let Some(node) = weak.upgrade() else { return };
        match event {
            Event::Ended => return,
            Event::Heard => node.health.heard(),
            Event::Done(Done::Subscribed(subscribers)) => followed.add(&weak, &node, subscribers),
            Event::Done(Done::Prepared(connects)) => {
                // What was published while there was no connection is read. Until then, messages are not taken at their word:
                // their numbers may fit although NATS has lost events.
                node.active.begin_anew();
                node.connects.store(connects, Ordering::Release);
            }
            Event::Done(Done::Failed(fault)) => {
                tracing::debug!(target: "touka::topic", ?fault, "a request of the node has failed, and is repeated");
            }
            Event::Done(Done::Checked) | Event::Wanted => {}
            Event::Connection => node.lose_connection(),
            Event::Probe if node.health.is_deaf() => {
                tracing::warn!(target: "touka::topic", "NATS does not send what this process publishes; the connection is replaced");
                node.health.opened();
                let _ = node.requests.link.client().force_reconnect().await;
            }
            Event::Probe => node.send_probe(),
            Event::Check => {
                ticks += 1;
                let parts = CHECK_PERIOD.as_secs() / CHECK_INTERVAL.as_secs();
                for topic in node.active.next_checks(usize::try_from(parts).unwrap_or(1)) {
                    request_sync(&node, &topic);
                }
                if step.is_none() && ticks.is_multiple_of(parts) {
                    step = Some(Box::pin(check_stream(Arc::downgrade(&node))));
                }
            }
        }
        if step.is_none() {
            step = next_step(&node, &mut followed);
        }
    }
}

/// The next step that is due.
fn next_step(node: &Arc<Node>, followed: &mut Followed) -> Option<Step> {
    // The topics are confirmed on the next connection.
    if !node.requests.link.is_connected() {
        return None;
    }
    let connects = node.requests.link.connects();
    let known = node.connects.load(Ordering::Acquire);
    if known != connects {
        if known == UNPREPARED {
            node.epochs.clear();
        } else {
            node.lose_connection();
        }
        return Some(Box::pin(prepare(Arc::downgrade(node), connects)));
    }
    loop {
        match node.active.next_change()? {
            Change::Unsubscribe(subjects) => followed.remove(&subjects),
            Change::Subscribe(subjects) => {
                let new: Vec<_> = subjects.iter().filter(|subject| !followed.has(subject)).cloned().collect();
                // The client has subscribed again to the others.
                for topic in subjects.iter().filter(|subject| followed.has(subject)) {
                    Followed::confirm(node, topic);
                }
                if !new.is_empty() {
                    return Some(Box::pin(subscribe(Arc::downgrade(node), new)));
                }
            }
        }
    }
}

async fn subscribe(node: Weak<Node>, subjects: Vec<Arc<str>>) -> Done {
    let mut subscribers = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let Some(node) = node.upgrade() else { break };
        match node.requests.link.subscribe(subject.to_string(), Instant::now() + TIMEOUT).await {
            Ok(subscriber) => subscribers.push((subject, subscriber)),
            Err(fault) => {
                tracing::warn!(target: "touka::topic", ?fault, "cannot subscribe to {subject}");
                // The topic is wanted again once there is a connection.
                node.doubt_streams();
                break;
            }
        }
    }
    Done::Subscribed(subscribers)
}

async fn prepare(node: Weak<Node>, connects: u64) -> Done {
    let Some(node) = node.upgrade() else { return Done::Checked };
    match node.prepare(Instant::now() + TIMEOUT).await {
        Ok(()) => Done::Prepared(connects),
        Err(fault) => {
            if !fault.is_passing() {
                tracing::warn!(target: "touka::topic", %fault, "events of other processes do not arrive");
            }
            // An operator has to change something before it can work.
            sleep(if fault.is_passing() { RETRY } else { LASTING_RETRY }).await;
            Done::Failed(fault)
        }
    }
}

/// Finds out whether the stream was made anew, or has lost messages, behind an intact connection.
async fn check_stream(node: Weak<Node>) -> Done {
    let Some(node) = node.upgrade() else { return Done::Checked };
    let known = node.info.lock().clone();
    match stream_info(&node.requests, &node.events, Instant::now() + TIMEOUT).await {
        Ok(found) if found.created == known.created && found.last >= known.last => {
            *node.info.lock() = found;
            Done::Checked
        }
        // The streams are prepared, and all topics read, as after a reconnect.
        Ok(_) => {
            node.doubt_streams();
            Done::Checked
        }
        Err(fault) => {
            node.doubt_streams();
            Done::Failed(fault)
        }
    }
}

/// The tasks that receive the messages of topics.
#[derive(Default)]
struct Followed(HashMap<Arc<str>, AbortHandle>);

impl Followed {
    fn has(&self, subject: &str) -> bool {
        self.0.get(subject).is_some_and(|task| !task.is_finished())
    }

    fn add(&mut self, weak: &Weak<Node>, node: &Arc<Node>, subscribers: Vec<(Arc<str>, Subscriber)>) {
        for (subject, subscriber) in subscribers {
            let task = tokio::spawn(follow(weak.clone(), Arc::clone(&subject), subscriber)).abort_handle();
            if let Some(earlier) = self.0.insert(Arc::clone(&subject), task) {
                earlier.abort();
            }
            Self::confirm(node, &subject);
        }
    }

    /// Reads what was published before: the requests of a read follow the subscription on the same connection, so nothing is
    /// missed in between.
    fn confirm(node: &Arc<Node>, subject: &str) {
        if let Some(topic) = node.active.get(subject) {
            topic.confirm();
            request_sync(node, &topic);
        }
    }

    fn remove(&mut self, subjects: &[Arc<str>]) {
        for subject in subjects {
            if let Some(task) = self.0.remove(subject) {
                task.abort();
            }
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        for task in self.0.values() {
            task.abort();
        }
    }
}

async fn follow(node: Weak<Node>, subject: Arc<str>, mut messages: Subscriber) {
    while let Some(message) = next(&mut messages).await {
        let Some(node) = node.upgrade() else { return };
        if let Some(topic) = node.active.get(&subject) {
            node.receive(&topic, &message);
        }
    }
}

impl Node {
    /// Ends what depends on a connection that is lost.
    fn lose_connection(&self) {
        self.notice_connection();
        self.requests.fail_all();
        self.epochs.clear();
        if self.requests.link.is_connected() { self.health.opened() } else { self.health.lost() }
    }

    /// Sends a probe to this node itself, on a task of its own.
    fn send_probe(self: &Arc<Self>) {
        let node = Arc::downgrade(self);
        tokio::spawn(async move {
            if let Some(node) = node.upgrade() {
                let subject = node.subjects.probe(node.id);
                let _ = node.requests.link.send(subject, Vec::new(), Instant::now() + PROBE_INTERVAL).await;
            }
        });
    }
}
