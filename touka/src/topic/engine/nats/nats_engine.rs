//! [`NatsEngine`], which keeps the events of topics on NATS servers that many nodes share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::api::{Stream, Which};
use super::fault::NatsFault;
use super::known_epochs::KnownEpochs;
use super::link::Link;
use super::listener::listen;
use super::node::Node;
use super::options::Nats;
use super::requests::Requests;
use super::subjects::Subjects;
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::random;
use crate::sync::Mutex;
use crate::topic::cache::Cache;
use crate::topic::encoded::Draft;
use crate::topic::engine::shared::active::ActiveTopics;
use crate::topic::engine::shared::attempts::MAX_PUBLISHES;
use crate::topic::engine::shared::clock::Clock;
use crate::topic::engine::shared::epoch_names::EpochNames;
use crate::topic::engine::shared::health::Health;
use crate::topic::engine::shared::leading::lead;
use crate::topic::engine::shared::sync::{MAX_SYNCS, Source as _, ensure_in_step, sync, sync_on_task};
use crate::topic::engine::{Ended, Engine, EngineFuture, EngineTopic, FeedEnd, Lead, Lease};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position};
use crate::topic::retention::Retention;
use crate::topic::stored::{Stored, unix_time};

/// The time that a client waits for an answer of NATS if the log may have events that NATS has lost.
const IN_STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time after which the name of a topic is written again.
const REWRITE_NAME_AFTER: Duration = Duration::from_hours(6);

/// Keeps the events of topics on NATS servers that many nodes share.
pub(crate) struct NatsEngine {
    node: Arc<Node>,
    listener: AbortHandle,
}

impl NatsEngine {
    /// Connects, and creates the streams if they do not exist.
    pub(crate) async fn connect(options: Nats, cache: Cache, retention: Retention) -> Result<Self, HubError> {
        let deadline = Instant::now() + options.connect_timeout;
        let requests = Requests::open(Link::open(&options).await?, deadline).await?;
        let subjects = Subjects::new(&options.prefix);
        let removals = requests.link.subscribe(subjects.live_removals(), deadline).await?;
        let node = Node {
            id: random(),
            retention,
            events: Stream::new(subjects.stream()),
            leases: Stream::new(subjects.leads_stream()),
            leads: AtomicU64::new(0),
            info: Mutex::default(),
            highest: AtomicU64::new(0),
            connects: AtomicU64::new(requests.link.connects()),
            noticed: AtomicU64::new(0),
            active: Arc::new(ActiveTopics::default()),
            names: EpochNames::new(REWRITE_NAME_AFTER.min(options.forget_after / 4)),
            epochs: KnownEpochs::default(),
            removals: Mutex::new(removals),
            held: Mutex::default(),
            clock: Clock::default(),
            health: Health::new(&options.prefix),
            syncs: Semaphore::new(MAX_SYNCS),
            publishes: Arc::new(Semaphore::new(MAX_PUBLISHES)),
            cache,
            subjects,
            requests,
            options,
        };
        node.prepare(deadline).await?;
        let probed = node.requests.link.subscribe(node.subjects.probe(node.id), deadline).await?;
        let node = Arc::new(node);
        let listener = tokio::spawn(listen(Arc::downgrade(&node), probed)).abort_handle();
        Ok(Self { node, listener })
    }

    async fn subscribe(&self, topic: EngineTopic<'_>) -> Result<Lease, NatsFault> {
        let node = &self.node;
        let deadline = Instant::now() + node.options.connect_timeout;
        let activation = node.active.add(node.subjects.live(topic.name()), topic.tail());
        let mut heard = activation.topic.is_heard.subscribe();
        // The subscription comes before the read, so that no event is missed between the two.
        match timeout_at(deadline, heard.wait_for(|heard| *heard)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Err(node.away()),
        }
        drop(heard);
        sync(&**node, &activation.topic, deadline).await?;
        Ok(Lease::new(activation))
    }

    async fn find_name(&self, epoch: Epoch) -> Result<Option<String>, NatsFault> {
        let (node, deadline) = (&self.node, self.deadline());
        let subject = node.subjects.name(epoch);
        let Some(message) = node.events.get(&node.requests, &subject, Which::Last, deadline).await? else {
            return Ok(None);
        };
        let Ok(name) = String::from_utf8(message.data.to_vec()) else { return Ok(None) };
        // The topic may have been removed and created anew since.
        let latest = node.find(&name, deadline).await?;
        Ok(latest.filter(|latest| latest.position.epoch == epoch).map(|_| name))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.node.options.connect_timeout
    }
}

impl Engine for NatsEngine {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(async move { Ok(self.subscribe(topic).await?) })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(async move { self.node.publish(topic, &draft, keys).await })
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        EngineFuture::new(async move { Ok(lead(&self.node, topic.name()).await) })
    }

    fn end_feed<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        lead: &'a Lead,
        reason: CloseReason,
        last: Option<&'a Event>,
    ) -> EngineFuture<'a, Ended> {
        EngineFuture::new(async move {
            // A time: NATS may have lost the last ends, and their sequences are used again.
            let known = topic.log.lock().log.engine_ends().map_or(0, |known| known.saturating_add(1));
            let end = FeedEnd { number: known.max(unix_time()), at: 0, reason, last: last.cloned() };
            let Some((epoch, end)) = self.node.end_feed(topic.name(), lead.holder(), end).await? else {
                return Ok(Ended::Lost);
            };
            let tail = topic.tail();
            if tail.head().is_some_and(|head| head.epoch == epoch) {
                tail.end_feed(end);
            } else {
                // NATS has lost the topic. The log gets the new one, and its end.
                if let Err(error) = self.refresh(topic).await {
                    // The end is kept. The log gets it with its next comparison.
                    tracing::debug!(target: "touka::topic", topic = topic.name(), ?error, "streams end a little later");
                }
            }
            Ok(Ended::Everywhere)
        })
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move {
            self.node.remove_topic(topic.name()).await?;
            topic.tail().remove();
            Ok(())
        })
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move {
            let Some(active) = self.node.active.get(&self.node.subjects.live(topic.name())) else { return Ok(()) };
            Ok(sync_on_task(&self.node, &active, self.deadline()).await?)
        })
    }

    fn ensure_in_step<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        // The listener may not have been told yet.
        self.node.notice_connection();
        let Some(active) = self.node.active.get(&self.node.subjects.live(topic.name())) else {
            return EngineFuture::ready(Ok(()));
        };
        EngineFuture::new(async move {
            let deadline = Instant::now() + self.node.options.connect_timeout.min(IN_STEP_TIMEOUT);
            Ok(ensure_in_step(&self.node, &active, deadline).await?)
        })
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        EngineFuture::new(async move {
            let (tail, deadline) = (topic.tail(), self.deadline());
            let read = self.node.read_before(&tail, from, until, bytes, deadline);
            Ok(self.node.on_one_connection(read, deadline).await?)
        })
    }

    fn is_ready(&self) -> bool {
        self.node.health.is_ready() && self.node.is_prepared()
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move {
            Ok(self.node.find(name, self.deadline()).await?.is_some_and(|latest| latest.is_event))
        })
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        EngineFuture::new(async move { Ok(self.find_name(epoch).await?) })
    }
}

impl Drop for NatsEngine {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for NatsEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nats").field(&self.node.requests).finish()
    }
}
