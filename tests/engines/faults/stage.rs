//! [`Stage`]: a Redis, nodes in processes of their own, and clients and publishers of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use support::{Fsync, RedisServer, eventually};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::client::{Client, Way};
use super::contents::Contents;
use super::oracle::Faults;
use super::processes::{Processes, SILENCE};
use super::random::Random;
use super::record::{Outcome, Record};
use super::scene::{PATIENCE, check_all};

/// The topics to which publishers publish. Each test has a Redis of its own.
pub(crate) const TOPICS: [&str; 2] = ["one", "two"];

/// The topic with a feed.
pub(crate) const FED: &str = "fed";

/// The events of a body have numbers from this many times the body's number on.
const NUMBERS: u64 = 1_000_000;

/// A Redis, nodes in processes of their own, and clients and publishers of them.
pub(crate) struct Stage {
    pub(crate) redis: RedisServer,
    pub(crate) nodes: Processes,
    pub(crate) clients: Vec<Client>,
    record: Arc<Record>,
    publishers: Vec<JoinHandle<()>>,
}

impl Stage {
    pub(crate) async fn new(redis: RedisServer, nodes: usize) -> Self {
        let nodes = Processes::start(&redis, nodes).await;
        Self { redis, nodes, clients: Vec::new(), record: Arc::default(), publishers: Vec::new() }
    }

    /// Adds a client that follows topics, and moves on after this time of silence. A client of [`FED`] brings a feed.
    pub(crate) async fn add_client(&mut self, topics: &[&str], way: Way, silence: Option<Duration>) {
        let access = self.nodes.access(if topics == [FED] { "/fed" } else { "/follow" }, silence);
        let topics: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let client = Client::start(&self.record, &access, &topics, way);
        eventually(PATIENCE, "a client that is connected", async || client.at().is_some()).await;
        self.clients.push(client);
    }

    /// Adds publishers, which publish to all topics until the end of the test.
    pub(crate) fn add_publishers(&mut self, count: usize, seed: u64) {
        for index in 0..count {
            let (record, publisher) = (Arc::clone(&self.record), self.nodes.publisher(index));
            let mut random = Random::new(seed * 100 + index as u64);
            self.publishers.push(tokio::spawn(async move {
                while !record.is_over() {
                    publisher.publish(&record, TOPICS[random.below(TOPICS.len())]).await;
                    sleep(random.milliseconds(0, 10)).await;
                }
            }));
        }
    }

    /// Waits until this number of events more is acknowledged.
    pub(crate) async fn get_on(&self, count: usize) {
        let end = self.record.acknowledged() + count;
        eventually(PATIENCE, "publishers that get on", async || self.record.acknowledged() >= end).await;
    }

    /// The numbers of the bodies of the feed, in the order of their events. No body goes on after another one has begun, but
    /// for one event: its publish may have been under way when its node was stopped.
    async fn bodies(&self) -> Vec<u64> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut late = HashSet::new();
        for number in Contents::read(&self.redis, FED).await.events.iter().map(|event| event.number) {
            let (body, tick) = (number / NUMBERS, number % NUMBERS);
            let newest = runs.len();
            match runs.iter_mut().enumerate().find(|(_, (known, _))| *known == body) {
                None => {
                    assert_eq!(tick, 0, "the body {body} begins in its middle");
                    runs.push((body, tick));
                }
                Some((at, (_, last))) => {
                    assert_eq!(tick, *last + 1, "the body {body} has a hole");
                    *last = tick;
                    let is_late = at + 1 < newest;
                    assert!(!is_late || late.insert(body), "the body {body} goes on at {tick} after another one");
                }
            }
        }
        runs.into_iter().map(|(body, _)| body).collect()
    }

    /// Waits until this many bodies have published something.
    pub(crate) async fn has_bodies(&self, count: usize) {
        eventually(PATIENCE, "another body", async || self.bodies().await.len() >= count).await;
    }

    /// Waits until the feed goes on.
    pub(crate) async fn goes_on(&self) {
        let read = async || Contents::read(&self.redis, FED).await.events.len();
        let end = read().await + 20;
        eventually(PATIENCE, "a feed that goes on", async || read().await >= end).await;
    }

    /// Stops the publishers and the feed, waits until all clients have everything, and checks all promises.
    pub(crate) async fn finish(self) {
        let mut topics = Vec::new();
        if self.clients.iter().any(|client| client.follows(FED)) {
            self.goes_on().await;
            self.nodes.pause_feeds().await;
            self.bodies().await;
            topics.push(FED.to_owned());
        }
        if !self.publishers.is_empty() {
            self.get_on(50).await;
            self.record.end();
            for publisher in self.publishers {
                publisher.await.expect("a publisher that does not panic");
            }
            let is_open = |outcome: &Outcome| !matches!(outcome, Outcome::Acknowledged(_));
            let open = self.record.all().into_values().filter(|event| is_open(&event.outcome)).count();
            assert_eq!(open, 0, "each event is published in the end");
            topics.extend(TOPICS.map(ToOwned::to_owned));
        }
        // What a feed had under way is published by now.
        sleep(Duration::from_millis(500)).await;
        for event in Contents::read(&self.redis, FED).await.events {
            let body = usize::try_from(event.number / NUMBERS).expect("a small number");
            self.record.add_of_feed(body, event.number, FED, event.at);
        }
        check_all(&topics, &self.record, &self.clients, &self.redis, |_| Faults::LoseNothing).await;
    }
}

/// Nodes with clients that stay on each and clients that move, and publishers that try another node when one fails.
pub(crate) async fn stage(nodes: usize, seed: u64) -> Stage {
    let redis = RedisServer::options().append_log(Fsync::Always).start().await;
    let mut stage = Stage::new(redis, nodes).await;
    for (topics, way) in [
        (&TOPICS[..1], Way::Stays(0)),
        (&TOPICS[..1], Way::Stays(1)),
        (&TOPICS[..1], Way::Moves(2 * seed)),
        (&TOPICS[..1], Way::Dawdles(2 * seed + 1)),
        (&TOPICS, Way::Stays(0)),
        (&TOPICS, Way::Moves(2 * seed + 1)),
    ] {
        stage.add_client(topics, way, Some(SILENCE)).await;
    }
    stage.add_publishers(4, seed);
    stage
}
