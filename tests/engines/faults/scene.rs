//! [`Scene`]: nodes that share an engine, and clients that follow topics on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{RedisServer, eventually};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use touka::topic::{Cache, Nats, Redis, Retention};
use touka::{Event, Hub, Topic};

use super::client::{Client, Way};
use super::connection::Access;
use super::contents::{Contents, Keeper};
use super::oracle::{Faults, check};
use super::position::Position;
use super::random::Random;
use super::record::{Outcome, Record};
use super::server::NodeServer;

/// The maximum time until something happens that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The time without progress after which a client has stopped. It is longer than the period in which nodes compare their
/// logs with the engine.
const STANDSTILL: Duration = Duration::from_secs(40);

/// The time after which the engine is asked again whether a client lacks events.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Nodes that share an engine, and clients that follow topics on them.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The name of the first topic.
    pub(crate) name: String,
    /// The names of all topics. The first one is that of [`name`](Self::name).
    pub(crate) topics: Vec<String>,
    /// The first topic, as each node has it.
    pub(crate) nodes: Vec<Topic>,
    hubs: Arc<[Hub]>,
    /// The servers of the nodes. Empty until there are clients over HTTP.
    servers: Vec<NodeServer>,
    pub(crate) record: Arc<Record>,
    pub(crate) clients: Vec<Client>,
}

/// How a test sees its nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How long a publish is tried.
    pub(crate) publish_timeout: Duration,
    /// The number of events that a node has in memory.
    pub(crate) cached: usize,
    /// The number of events that the engine keeps.
    pub(crate) retained: usize,
    /// The number of topics.
    pub(crate) topics: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { publish_timeout: Duration::from_secs(20), cached: 1000, retained: 1_000_000, topics: 1 }
    }
}

impl Scene {
    /// Nodes that reach Redis, or NATS, at these URLs, one each, and no client yet.
    pub(crate) async fn new(urls: &[String], options: Options) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("faults/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let retention = Retention::new().events(options.retained).bytes(256 << 20);
        let hubs = urls.iter().map(async |url| {
            let builder = Hub::builder().retention(retention).cache(Cache::new().events(options.cached));
            if url.starts_with("nats:") {
                let replicas = if url.contains(',') { 3 } else { 1 };
                let nats = Nats::new(url).replicas(replicas).publish_timeout(options.publish_timeout);
                // A server on a busy machine may take long to create the streams.
                loop {
                    match builder.clone().nats(nats.clone()).await {
                        Ok(hub) => return hub,
                        Err(error) => assert!(error.is_unavailable(), "{error:?}"),
                    }
                }
            }
            let redis = Redis::new(url).publish_timeout(options.publish_timeout);
            builder.redis(redis).await.expect("a Redis")
        });
        let hubs: Arc<[Hub]> = join_all(hubs).await.into();
        let nodes = hubs.iter().map(|hub| hub.topic::<Event>(&name).expect("a topic")).collect();
        let more = (1..options.topics).map(|number| format!("{name}/{number}"));
        let topics = std::iter::once(name.clone()).chain(more).collect();
        Self { name, topics, nodes, hubs, servers: Vec::new(), record: Arc::default(), clients: Vec::new() }
    }

    /// Three nodes, a client that stays on each, and two that move between them.
    pub(crate) async fn busy(redis: &RedisServer, options: Options) -> Self {
        Self::busy_at(&vec![redis.url(); 3], options).await
    }

    /// Nodes at these URLs, a client that stays on each, and two that move between them.
    pub(crate) async fn busy_at(urls: &[String], options: Options) -> Self {
        let mut scene = Self::new(urls, options).await;
        scene.add_clients(1).await;
        scene
    }

    /// Adds a client that stays on each node, and two that move, and waits until all of them are connected.
    pub(crate) async fn add_clients(&mut self, seed: u64) {
        let access = Access::Hubs(Arc::clone(&self.hubs));
        let ways = (0..self.nodes.len()).map(Way::Stays).chain([2 * seed, 2 * seed + 1].map(Way::Moves));
        let topics = self.topics.clone();
        self.add(&access, &topics[..1], ways).await;
    }

    /// Adds clients that follow all topics on one stream: one that stays on each node, and two that move, and waits until
    /// all of them are connected.
    pub(crate) async fn add_merged_clients(&mut self, seed: u64) {
        let access = Access::Hubs(Arc::clone(&self.hubs));
        let mut topics = self.topics.clone();
        self.add(&access, &topics, (0..self.nodes.len()).map(Way::Stays)).await;
        // The positions in an id have the order of the topics.
        topics.reverse();
        self.add(&access, &topics, [2 * seed, 2 * seed + 1].map(Way::Moves)).await;
    }

    /// Adds clients over HTTP, most of them of one topic: one that stays on each node and three that move, of which two
    /// pause again and again. Waits until all of them are connected.
    pub(crate) async fn add_http_clients(&mut self, seed: u64) {
        let access = self.servers().await;
        let ways = [Way::Moves(3 * seed), Way::Dawdles(3 * seed + 1)];
        let topics = self.topics.clone();
        self.add(&access, &topics[..1], (0..self.nodes.len()).map(Way::Stays).chain(ways)).await;
        self.add(&access, &topics, [Way::Dawdles(3 * seed + 2)]).await;
    }

    /// A client over HTTP that stays on a node, and has connected.
    pub(crate) async fn http_client(&mut self, node: usize) -> Client {
        let access = self.servers().await;
        let client = Client::start(&self.record, &access, &self.topics[..1], Way::Stays(node));
        eventually(PATIENCE, "a client that is connected", async || client.at().is_some()).await;
        client
    }

    /// Starts a server on each node, unless they run.
    async fn servers(&mut self) -> Access {
        if self.servers.is_empty() {
            self.servers = join_all(self.hubs.iter().map(NodeServer::start)).await;
        }
        let nodes = self.servers.iter().map(|server| server.running.address).collect();
        Access::Servers { nodes, path: "/follow", silence: None }
    }

    /// The number of parked streams of each node.
    pub(crate) fn parked(&self) -> Vec<usize> {
        self.servers.iter().map(NodeServer::parked).collect()
    }

    async fn add(&mut self, access: &Access, topics: &[String], ways: impl IntoIterator<Item = Way>) {
        self.clients.extend(ways.into_iter().map(|way| Client::start(&self.record, access, topics, way)));
        let all_are_connected = async || self.clients.iter().all(|client| client.at().is_some());
        eventually(PATIENCE, "clients that are connected", all_are_connected).await;
    }

    /// A client that stays on a node, and has connected.
    pub(crate) async fn client(&self, node: usize) -> Client {
        self.client_of(node, &self.topics[..1]).await
    }

    /// A client that follows topics on a node, and has connected.
    pub(crate) async fn client_of(&self, node: usize, topics: &[String]) -> Client {
        let client = Client::start(&self.record, &Access::Hubs(Arc::clone(&self.hubs)), topics, Way::Stays(node));
        eventually(PATIENCE, "a client that is connected", async || client.at().is_some()).await;
        client
    }

    /// Publishes events on a node, each of which must be acknowledged. Returns the position of the last one.
    pub(crate) async fn publish(&self, node: usize, count: usize) -> Position {
        self.publish_to(node, &self.name, count).await
    }

    /// Like [`publish`](Self::publish), to one of the topics.
    pub(crate) async fn publish_to(&self, node: usize, topic: &str, count: usize) -> Position {
        let (topic, mut last) = (self.topic(node, topic), None);
        for _ in 0..count {
            match self.record.publish(node, &topic, 0).await {
                Outcome::Acknowledged(at) => last = Some(at),
                other => panic!("not acknowledged: {other:?}"),
            }
        }
        last.expect("at least one event")
    }

    /// Waits until all clients have an event.
    pub(crate) async fn all_reach(&self, position: Position) {
        self.all_reach_in(&self.name, position).await;
    }

    /// Waits until all clients of a topic have an event.
    pub(crate) async fn all_reach_in(&self, topic: &str, position: Position) {
        for client in self.clients.iter().filter(|client| client.follows(topic)) {
            let reached = client.reaches_in(topic, position, PATIENCE).await;
            assert!(reached, "{} is at {:?}, not at {position:?}", client.name, client.at_in(topic));
        }
    }

    /// Publishers on all nodes, which publish until they are stopped.
    pub(crate) fn publishers(&self, count: usize, seed: u64, max_padding: usize) -> Publishers {
        let stopped = Arc::new(AtomicBool::new(false));
        let publisher = |index: usize| {
            let (record, stopped) = (Arc::clone(&self.record), Arc::clone(&stopped));
            let topics: Vec<_> = self.topics.iter().map(|topic| self.topic(index % self.nodes.len(), topic)).collect();
            let mut random = Random::new(seed * 100 + index as u64);
            tokio::spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    let topic = &topics[random.below(topics.len())];
                    record.publish(100 + index, topic, random.below(max_padding + 1)).await;
                    sleep(random.milliseconds(0, 6)).await;
                }
            })
        };
        let tasks = (0..count).map(publisher).collect();
        Publishers { stopped, tasks, record: Arc::clone(&self.record) }
    }

    /// A topic, as a node has it.
    pub(crate) fn topic(&self, node: usize, name: &str) -> Topic {
        self.hubs[node].topic(name).expect("a topic")
    }

    /// Heals: publishes on each node until it works, waits until all clients have everything, and checks all promises.
    pub(crate) async fn finish(self, keeper: &impl Keeper, faults: Faults) {
        self.finish_each(keeper, |_| faults).await;
    }

    /// Like [`finish`](Self::finish), with faults that differ between the topics.
    pub(crate) async fn finish_each(self, keeper: &impl Keeper, faults: impl Fn(&str) -> Faults) {
        for node in 0..self.nodes.len() {
            for topic in self.topics.iter().map(|topic| self.topic(node, topic)) {
                let works = async || matches!(self.record.publish(node, &topic, 0).await, Outcome::Acknowledged(_));
                eventually(PATIENCE, "a publish that works", works).await;
            }
        }
        check_all(&self.topics, &self.record, &self.clients, keeper, faults).await;
    }
}

/// Waits until all clients have everything, and checks all promises.
pub(crate) async fn check_all(
    topics: &[String],
    record: &Record,
    clients: &[Client],
    keeper: &impl Keeper,
    faults: impl Fn(&str) -> Faults,
) {
    let read = || join_all(topics.iter().map(|topic| Contents::read(keeper, topic)));
    let contents = loop {
        let contents = read().await;
        for (topic, contents) in topics.iter().zip(&contents) {
            all_have(topic, clients, contents.head().expect("events"), keeper).await;
        }
        // An attempt of an earlier publish may have arrived.
        let now = read().await;
        if now.iter().zip(&contents).all(|(now, before)| now.head() == before.head()) {
            break now;
        }
    };
    for (topic, contents) in topics.iter().zip(&contents) {
        check(topic, record, clients, contents, faults(topic));
    }
}

/// Waits until all clients of a topic are at its end, or have stopped, or until it has more events.
async fn all_have(topic: &str, clients: &[Client], head: Position, keeper: &impl Keeper) {
    for client in clients.iter().filter(|client| client.follows(topic)) {
        let (mut before, mut since) = (client.at_in(topic), Instant::now());
        while !client.reaches_in(topic, head, LOOK_AGAIN).await {
            if Contents::read(keeper, topic).await.head() != Some(head) {
                return;
            }
            let now = client.at_in(topic);
            if now != before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > STANDSTILL {
                let items = client.items(topic);
                let last: Vec<_> = items.iter().rev().take(4).map(|seen| &seen.item).collect();
                eprintln!(
                    "{} has stopped at {now:?} of {topic}; the engine is at {head:?}; last: {last:?}",
                    client.name
                );
                break;
            }
        }
    }
}

/// Publishers that run until they are stopped.
#[derive(Debug)]
pub(crate) struct Publishers {
    stopped: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
    record: Arc<Record>,
}

impl Publishers {
    /// Waits until this number of events more is acknowledged.
    pub(crate) async fn get_on(&self, count: usize) {
        let end = self.record.acknowledged() + count;
        eventually(PATIENCE, "publishers that get on", async || self.record.acknowledged() >= end).await;
    }

    /// Stops the publishers, after the publishes that are under way.
    pub(crate) async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a publisher that does not panic");
        }
    }
}
