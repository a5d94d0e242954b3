//! A publish gets no answer and is tried again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use support::{Direction, RedisServer, TcpProxy, eventually};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::oracle::Faults;
use super::record::Outcome;
use super::scene::{Options, PATIENCE, Scene};

/// A Redis, and nodes that reach it through a proxy each, but for the last one.
struct Stage {
    redis: RedisServer,
    proxies: Vec<TcpProxy>,
    scene: Scene,
}

impl Stage {
    async fn new(proxies: usize, publish_timeout: Duration) -> Self {
        let redis = RedisServer::start().await;
        let proxies: Vec<_> = (0..proxies).map(|_| TcpProxy::start(redis.address())).collect();
        let mut urls: Vec<_> = proxies.iter().map(|proxy| redis.url_at(proxy.address())).collect();
        urls.push(redis.url());
        let scene = Scene::new(&urls, Options { publish_timeout, ..Options::default() }).await;
        Self { redis, proxies, scene }
    }

    /// The number of events in Redis.
    async fn length(&self) -> i64 {
        self.redis.command(&["XLEN", &format!("touka:{{{}}}:events", self.scene.name)]).await.number()
    }

    /// Publishes on a node whose proxy lets no answer through, and waits until Redis has the event.
    async fn publish_without_answer(&self, node: usize) -> JoinHandle<Outcome> {
        self.proxies[node].stall_one(Direction::ToClient);
        let before = self.length().await;
        let (record, topic) = (Arc::clone(&self.scene.record), self.scene.nodes[node].clone());
        let publish = tokio::spawn(async move { record.publish(node, &topic, 0).await });
        eventually(PATIENCE, "an event that is published", async || self.length().await > before).await;
        publish
    }

    /// Cuts the connections of a node, and lets it connect again.
    async fn reconnect(&mut self, node: usize) {
        self.proxies[node].cut().await;
        self.proxies[node].resume();
    }
}

/// An event whose answer is lost is found by the next attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_asked_for_again() {
    let mut stage = Stage::new(1, PATIENCE).await;
    stage.scene.add_clients(1).await;
    for _ in 0..3 {
        stage.scene.publish(0, 2).await;
        let publish = stage.publish_without_answer(0).await;
        stage.scene.publish(1, 2).await;
        stage.reconnect(0).await;
        assert!(matches!(publish.await, Ok(Outcome::Acknowledged(_))));
    }
    assert_eq!(stage.length().await, 15);
    stage.scene.finish(&stage.redis, Faults::LoseNothing).await;
}

/// A refusal of the next attempt says nothing about the first one, whose answer is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_retry_does_not_deny_the_first_attempt() {
    let mut stage = Stage::new(1, PATIENCE).await;
    stage.scene.add_clients(1).await;
    stage.scene.publish(0, 2).await;
    let publish = stage.publish_without_answer(0).await;
    stage.redis.command(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]).await;
    stage.reconnect(0).await;
    assert_eq!(publish.await.expect("no panic"), Outcome::Unknown);
    stage.redis.command(&["ACL", "SETUSER", "default", "+@all"]).await;
    stage.scene.finish(&stage.redis, Faults::LoseNothing).await;
}

/// A node that has published more than Redis remembers does not take the offset of its last event for a bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_rollback_doubles_nothing() {
    for is_active in [false, true] {
        let mut stage = Stage::new(1, PATIENCE).await;
        if is_active {
            stage.scene.add_clients(1).await;
        }
        stage.scene.publish(0, 3).await;
        let snapshot = stage.redis.save().await;
        stage.scene.publish(0, 10).await;
        let Stage { redis, scene, .. } = &mut stage;
        scene.record.losing(redis.roll_back(&snapshot)).await;
        stage.scene.publish(0, 1).await;
        let publish = stage.publish_without_answer(0).await;
        stage.reconnect(0).await;
        assert!(matches!(publish.await, Ok(Outcome::Acknowledged(_))));
        assert_eq!(stage.length().await, 5);
        stage.scene.finish(&stage.redis, Faults::Lose).await;
    }
}

/// Three events are lost in a rollback, and their publishers append them again in another order. The second one gets its
/// former offset, and a client that has seen it is told nevertheless: its predecessor is another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_appended_again_is_another_one() {
    let mut stage = Stage::new(3, PATIENCE).await;
    let client = stage.scene.client(3).await;
    // All nodes have a connection.
    for node in 0..3 {
        stage.scene.publish(node, 1).await;
    }
    let snapshot = stage.redis.save().await;
    let mut publishes = Vec::new();
    for node in 0..2 {
        publishes.push(stage.publish_without_answer(node).await);
    }
    eventually(PATIENCE, "a client that has two of them", async || client.at().is_some_and(|at| at.offset == 5)).await;
    client.leave().await;
    publishes.push(stage.publish_without_answer(2).await);
    for proxy in &mut stage.proxies {
        proxy.go_down().await;
    }
    let Stage { redis, scene, .. } = &mut stage;
    scene.record.losing(redis.roll_back(&snapshot)).await;
    for node in [2, 1, 0] {
        stage.proxies[node].resume();
        let before = stage.length().await;
        eventually(PATIENCE, "an event that is appended again", async || stage.length().await > before).await;
    }
    for outcome in join_all(publishes).await {
        assert!(matches!(outcome, Ok(Outcome::Acknowledged(_))), "{outcome:?}");
    }
    client.come(3);
    stage.scene.clients.push(client);
    stage.scene.finish(&stage.redis, Faults::Lose).await;
}

/// An attempt that is held up in the network arrives after the one that was made in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_arrives_late_doubles_nothing() {
    let mut stage = Stage::new(1, PATIENCE).await;
    stage.scene.add_clients(1).await;
    stage.scene.publish(0, 2).await;
    let connections = stage.proxies[0].open();
    stage.proxies[0].delay(Duration::from_secs(3));
    let (record, topic) = (Arc::clone(&stage.scene.record), stage.scene.nodes[0].clone());
    let publish = tokio::spawn(async move { record.publish(0, &topic, 0).await });
    // The node gives up its connection after two seconds. Then the proxy still holds the bytes of the first attempt.
    sleep(Duration::from_secs(1)).await;
    stage.proxies[0].delay(Duration::ZERO);
    assert!(matches!(publish.await, Ok(Outcome::Acknowledged(_))));
    let has_passed = async || stage.proxies[0].open() == connections;
    eventually(PATIENCE, "the end of the connection that was given up", has_passed).await;
    stage.scene.finish(&stage.redis, Faults::LoseNothing).await;
}
