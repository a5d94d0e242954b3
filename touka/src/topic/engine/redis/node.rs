//! [`Node`], one process among those that share a server.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::answer::Read;
use super::connector::Connector;
use super::fault::RedisFault;
use super::keys::Keys;
use super::options::Redis;
use super::reconnect::Commands;
use super::script::READ;
use super::shards::Shards;
use super::target::Address;
use crate::stream::random;
use crate::topic::cache::Cache;
use crate::topic::engine::Tail;
use crate::topic::engine::shared::active::ActiveTopics;
use crate::topic::engine::shared::attempts::MAX_PUBLISHES;
use crate::topic::engine::shared::clock::Clock;
use crate::topic::engine::shared::epoch_names::EpochNames;
use crate::topic::engine::shared::health::Health;
use crate::topic::engine::shared::sync::MAX_SYNCS;
use crate::topic::position::Epoch;
use crate::topic::retention::Retention;

/// One process among those that share a server: its connection for commands, and its active topics. In a cluster, a process
/// has a node for each primary that it uses.
#[derive(Debug)]
pub(super) struct Node {
    /// A random number that no other node has.
    pub(super) id: u64,
    pub(super) options: Redis,
    pub(super) keys: Keys,
    pub(super) connector: Arc<Connector>,
    pub(super) commands: Commands,
    pub(super) active: Arc<ActiveTopics>,
    pub(super) names: Arc<EpochNames>,
    pub(super) clock: Clock,
    pub(super) health: Health,
    pub(super) syncs: Semaphore,
    /// The turns of publishes.
    pub(super) publishes: Arc<Semaphore>,
    /// The bounds of the events that are read when a topic is activated.
    pub(super) cache: Cache,
    /// The place of the server in a cluster. `None` if it has all keys.
    pub(super) shard: Option<Shard>,
}

/// The place of a server in a cluster.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) shards: Arc<Shards>,
    pub(super) address: Address,
}

/// The time after which the name of a topic is written again. Redis keeps it for longer.
const REWRITE_NAME_AFTER: Duration = Duration::from_mins(5);

/// How long an operation waits until the name of its topic is written. In a cluster, the name may be on a shard that is away,
/// and must not hold up topics of the others.
const MAX_NAME_WAIT: Duration = Duration::from_millis(250);

/// The time for which Redis keeps a topic that has neither readers nor events within its retention.
const UNUSED_LIFETIME: Duration = Duration::from_mins(10);

impl Node {
    pub(super) fn new(
        options: Redis,
        cache: Cache,
        commands: Commands,
        names: Arc<EpochNames>,
        shard: Option<Shard>,
    ) -> Self {
        let connector = Arc::clone(commands.connector());
        let health = if shard.is_some() { Health::of_shard() } else { Health::new(&options.prefix) };
        Self {
            id: random(),
            keys: Keys::new(&options.prefix, connector.database()),
            connector,
            commands,
            active: Arc::default(),
            names,
            clock: Clock::default(),
            health,
            options,
            syncs: Semaphore::new(MAX_SYNCS),
            publishes: Arc::new(Semaphore::new(MAX_PUBLISHES)),
            cache,
            shard,
        }
    }

    /// The names of topics that a process has written.
    pub(super) fn new_names() -> Arc<EpochNames> {
        Arc::new(EpochNames::new(REWRITE_NAME_AFTER))
    }

    /// The channel of this node's probes.
    ///
    /// # Errors
    /// The server has no slot of the cluster.
    pub(super) fn probe(&self) -> Result<String, RedisFault> {
        let Some(Shard { shards, address }) = &self.shard else { return Ok(self.keys.probe(self.id, None)) };
        let tag = shards.tag_on(address);
        let tag =
            tag.ok_or_else(|| RedisFault::unreachable(self.connector.place(), "it has no slot of its cluster"))?;
        Ok(self.keys.probe(self.id, Some(&tag)))
    }

    /// Reads events: those after an offset, up to another one, or the newest ones, the newest first. Creates the topic
    /// if it does not exist, unless `until` is given: then it only reads what is there.
    pub(super) async fn read(
        &self,
        tail: &Tail,
        after: Option<u64>,
        until: Option<u64>,
        events: usize,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Read, RedisFault> {
        let topic = tail.topic();
        let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let creates = until.is_none();
        let epoch = text(creates.then(|| Epoch::from_bits(random()).bits()));
        let lifetime = text(tail.retention().filter(|_| creates).map(lifetime));
        let (after, until) = (text(after), text(until));
        let (events, bytes) = (events.to_string(), bytes.to_string());
        let arguments = [&epoch, &after, &until, &events, &bytes, &lifetime].map(String::as_bytes);
        let (stream, state) = (self.keys.events(topic), self.keys.state(topic));
        let answer = READ.run(&self.commands, &[&stream, &state], &arguments, deadline).await?;
        let read = Read::parse(&answer, &self.clock).ok_or_else(|| RedisFault::answer(self.connector.place()))?;
        if let Some(head) = read.head.filter(|_| creates) {
            self.write_name(topic, head.epoch, tail.retention(), deadline).await;
        }
        Ok(read)
    }

    /// Writes the name of a topic under its epoch, if that is due, so that the topic is found by its ids as long as it exists.
    /// The scripts do not write it, because the key is on another shard than those of the topic.
    pub(super) async fn write_name(&self, topic: &str, epoch: Epoch, retention: Option<Retention>, deadline: Instant) {
        if !self.names.is_due(epoch) {
            return;
        }
        let key = self.keys.epoch(epoch);
        let mut set = Cmd::new();
        set.arg("SET").arg(&key).arg(topic);
        match retention.map_or(0, lifetime) {
            0 => {}
            lifetime => drop(set.arg("PX").arg(lifetime)),
        }
        let Some(Shard { shards, .. }) = &self.shard else {
            warn_of_name(topic, self.commands.run(&set, deadline).await);
            return;
        };
        let commands = match shards.commands_of(&key) {
            Ok(commands) => commands,
            Err(fault) => return warn_of_name(topic, Err(fault)),
        };
        let topic = topic.to_owned();
        let writing = tokio::spawn(async move { warn_of_name(&topic, commands.run(&set, deadline).await) });
        let _ = timeout(MAX_NAME_WAIT, writing).await;
    }
}

fn warn_of_name(topic: &str, written: Result<Value, RedisFault>) {
    if let Err(fault) = written {
        tracing::debug!(target: "touka::topic", topic, ?fault, "the topic is not found by its ids for some minutes");
    }
}

/// The time for which Redis keeps a topic that is not used, in milliseconds; 0 for no limit.
pub(super) fn lifetime(retention: Retention) -> u64 {
    let lifetime = retention.age.checked_add(UNUSED_LIFETIME).map(|lifetime| lifetime.as_millis());
    // Redis refuses times that overflow its clock.
    lifetime.and_then(|lifetime| u64::try_from(lifetime).ok()).filter(|&lifetime| lifetime < 1 << 50).unwrap_or(0)
}

/// The maximum age of events in milliseconds; 0 for unlimited.
pub(super) fn max_age(retention: Retention) -> u64 {
    // An age of zero keeps only the newest event.
    u64::try_from(retention.age.as_millis()).ok().filter(|&age| age < 1 << 50).map_or(0, |age| age.max(1))
}
