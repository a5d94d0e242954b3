//! [`listen`], the task that receives the events of active topics.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use redis::Cmd;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::connection::Connection;
use super::connector::Listening;
use super::end::End;
use super::fault::RedisFault;
use super::message::Heard;
use super::node::Node;
use super::pushes::{Push, Subscribed};
use crate::stream::spread;
use crate::topic::engine::Applied;
use crate::topic::engine::shared::active::Change;
use crate::topic::engine::shared::health::PROBE_INTERVAL;
use crate::topic::engine::shared::sync::request_sync;

/// The pause before a connection is opened again. It doubles with each failure up to [`MAX_PAUSE`], and is random, so that
/// nodes do not reconnect at the same time.
const PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The time in which each active topic is compared with Redis once: pub/sub may lose messages without notice.
const CHECK_PERIOD: Duration = Duration::from_secs(30);

/// The time between two groups of checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a change of subscriptions may take.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives events until the node is dropped. `first` is the connection that the hub was opened with, if any.
pub(super) async fn listen(node: Weak<Node>, first: Option<Listening>) {
    let (mut next, mut pause) = (first, PAUSE);
    loop {
        let Some(this) = node.upgrade() else { return };
        let listening = match next.take() {
            Some(listening) => Ok(listening),
            None => this.connector.listen().await,
        };
        drop(this);
        let fault = match listening {
            Ok(listening) => {
                let opened = Instant::now();
                let Some(fault) = hear(&node, listening).await else { return };
                if let Some(node) = node.upgrade() {
                    node.active.begin_anew();
                    node.health.lost();
                    node.connector.doubt();
                }
                if opened.elapsed() > MAX_PAUSE {
                    pause = PAUSE;
                }
                fault
            }
            Err(fault) => {
                if let Some(node) = node.upgrade() {
                    node.connector.doubt();
                }
                fault
            }
        };
        tracing::warn!(target: "touka::topic", ?fault, "the connection that receives events is lost, and is opened again");
        sleep(spread(pause / 2, pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

type Changing = Pin<Box<dyn Future<Output = Result<Changed, RedisFault>> + Send>>;

/// Receives events until the connection is lost. Returns `None` if the node is dropped.
async fn hear(weak: &Weak<Node>, listening: Listening) -> Option<RedisFault> {
    let Listening { connection, mut pushes } = listening;
    let (probe, changed, mut opened) = {
        let node = weak.upgrade()?;
        node.active.begin_anew();
        node.health.opened();
        let probe = match node.probe() {
            Ok(probe) => probe,
            Err(fault) => return Some(fault),
        };
        (probe, Arc::clone(&node.active), node.commands.opened())
    };
    let subscribed = pushes.subscribed();
    // Whether the server has refused a subscription just now. It is tried again after a pause.
    let mut is_refused = false;
    // The first change subscribes to the node's own channel.
    let mut changing: Option<Changing> =
        Some(Box::pin(change(connection.clone(), Change::Subscribe(vec![probe.as_str().into()]), subscribed.clone())));
    let mut checks = interval(CHECK_INTERVAL);
    let mut probes = interval(PROBE_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Messages come last, so that a flood of them does not keep the others from their turn. The others are rare.
        let (mut push, mut wanted) = (pin!(pushes.next()), pin!(changed.changed.notified()));
        let mut reopened = pin!(opened.changed());
        let event = poll_fn(|cx| {
            if let Some(change) = &mut changing
                && let Poll::Ready(change) = change.as_mut().poll(cx)
            {
                return Poll::Ready(Event::Changed(change));
            }
            if probes.poll_tick(cx).is_ready() {
                return Poll::Ready(Event::Probe);
            }
            if checks.poll_tick(cx).is_ready() {
                return Poll::Ready(Event::Check);
            }
            if changing.is_none() && wanted.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Wanted);
            }
            if let Poll::Ready(reopened) = reopened.as_mut().poll(cx) {
                // It fails when the node is dropped, which ends the loop.
                return Poll::Ready(if reopened.is_ok() { Event::Opened } else { Event::Wanted });
            }
            push.as_mut().poll(cx).map(Event::Push)
        })
        .await;
        if matches!(event, Event::Changed(_)) {
            changing = None;
        }
        let node = weak.upgrade()?;
        match event {
            Event::Push(Push::Lost(why)) => return Some(RedisFault::unreachable(connection.place(), why)),
            Event::Push(Push::Message { channel, payload }) => node.receive(&probe, &channel, &payload),
            Event::Changed(Err(fault)) => return Some(fault),
            Event::Changed(Ok(Changed { confirmed, refused })) => {
                node.gain(&confirmed);
                match node.lose(&probe, refused.iter().map(|channel| &**channel)) {
                    Ok(lost) => is_refused |= lost,
                    Err(fault) => return Some(fault),
                }
            }
            Event::Push(Push::Unsubscribed(channel)) => {
                let channel = str::from_utf8(&channel).unwrap_or_default();
                // Confirmations may be from before the topic was followed again.
                match node.lose(&probe, Some(channel).filter(|channel| !subscribed.has(channel))) {
                    Ok(lost) => is_refused |= lost,
                    Err(fault) => return Some(fault),
                }
            }
            Event::Wanted => is_refused = false,
            Event::Push(Push::Subscribed(_)) => {}
            Event::Opened => {
                for topic in node.active.all() {
                    topic.doubt();
                    request_sync(&node, &topic);
                }
            }
            Event::Probe if node.health.is_deaf() => {
                return Some(RedisFault::unreachable(
                    connection.place(),
                    "it does not send what this process publishes",
                ));
            }
            Event::Probe => node.send_probe(&probe),
            Event::Check => {
                is_refused = false;
                let parts = CHECK_PERIOD.as_secs() / CHECK_INTERVAL.as_secs();
                for topic in node.active.next_checks(usize::try_from(parts).unwrap_or(1)) {
                    request_sync(&node, &topic);
                }
            }
        }
        if changing.is_none()
            && !is_refused
            && let Some(next) = node.active.next_change()
        {
            changing = Some(Box::pin(change(connection.clone(), next, subscribed.clone())));
        }
    }
}

enum Event {
    Push(Push),
    Changed(Result<Changed, RedisFault>),
    Wanted,
    /// The connection for commands was opened again: the primary may be another one, or have restarted.
    Opened,
    Probe,
    Check,
}

/// The outcome of subscriptions.
#[derive(Default)]
struct Changed {
    confirmed: Vec<Arc<str>>,
    /// The channels that are on another shard of the cluster.
    refused: Vec<Arc<str>>,
}

/// Subscribes to channels, or unsubscribes from them.
async fn change(connection: Connection, change: Change, subscribed: Subscribed) -> Result<Changed, RedisFault> {
    let deadline = Instant::now() + CHANGE_TIMEOUT;
    let (done, channels) = match change {
        Change::Subscribe(channels) => {
            (connection.subscribe(channels.iter().map(|channel| &**channel), deadline).await, channels)
        }
        Change::Unsubscribe(channels) => {
            (connection.unsubscribe(channels.iter().map(|channel| &**channel), deadline).await, Vec::new())
        }
    };
    match done {
        Err(fault) if !subscribed.is_recorded() || !fault.is_elsewhere() => return Err(fault),
        _ => {}
    }
    let (confirmed, refused) = channels.into_iter().partition(|channel| subscribed.has(channel));
    Ok(Changed { confirmed, refused })
}

impl Node {
    /// Handles a message.
    fn receive(self: &Arc<Self>, probe: &str, channel: &[u8], payload: &[u8]) {
        let Ok(channel) = str::from_utf8(channel) else { return };
        if channel == probe {
            self.health.heard();
            return;
        }
        let Some(topic) = self.active.get(channel) else { return };
        match Heard::parse(payload) {
            Some(Heard::Event(message)) => {
                // The node that has published an event has it already.
                if topic.tail.has(message.position) {
                    return;
                }
                match topic.tail.apply_one(message.to_stored(&self.clock)) {
                    Applied::Done | Applied::Gone => {}
                    Applied::Hole | Applied::Forked => request_sync(self, &topic),
                }
            }
            Some(Heard::Removed(epoch)) => {
                if topic.tail.head().is_some_and(|head| head.epoch == epoch) {
                    topic.tail.remove();
                }
            }
            Some(Heard::Ended(End { epoch, end })) => {
                if topic.tail.head().is_some_and(|head| head.epoch == epoch) {
                    topic.tail.end_feed(end);
                } else {
                    // The log is of a topic that Redis has lost. It gets the end with the new one.
                    request_sync(self, &topic);
                }
            }
            Some(Heard::LeadFree) => topic.is_lead_free.notify_waiters(),
            None => tracing::warn!(target: "touka::topic", channel, "a message that is not an event is ignored"),
        }
    }

    /// Records that the server sends these channels from now on.
    fn gain(self: &Arc<Self>, channels: &[Arc<str>]) {
        for topic in channels.iter().filter_map(|channel| self.active.get(channel)) {
            topic.confirm();
            // A message that the right to run the feed is free may have come before: those that wait for it ask again.
            topic.is_lead_free.notify_waiters();
            // What was published before is read after the subscription, so that nothing is missed in between.
            request_sync(self, &topic);
        }
    }

    /// Marks channels that a server of a cluster does not send, because it has not their slots. Returns whether any of them
    /// has a topic.
    ///
    /// # Errors
    /// One of them is that of the probes.
    fn lose<'a>(&self, probe: &str, channels: impl IntoIterator<Item = &'a str>) -> Result<bool, RedisFault> {
        let channels: Vec<_> = channels.into_iter().collect();
        if channels.contains(&probe) {
            return Err(RedisFault::unreachable(self.connector.place(), "the slot of its probes has moved"));
        }
        let has_topics = self.active.subscribe_again(channels);
        if has_topics {
            self.connector.doubt();
        }
        Ok(has_topics)
    }

    /// Sends a probe to this node itself, on a task of its own.
    fn send_probe(self: &Arc<Self>, probe: &str) {
        let mut publish = Cmd::new();
        publish.arg("SPUBLISH").arg(probe).arg("");
        let node = Arc::downgrade(self);
        tokio::spawn(async move {
            if let Some(node) = node.upgrade() {
                let _ = node.commands.run(&publish, Instant::now() + PROBE_INTERVAL).await;
            }
        });
    }
}
