//! Redis drops the connections that hear events.

use std::collections::BTreeSet;
use std::time::Duration;

use support::{RedisServer, eventually};
use tokio::time::sleep;

use super::oracle::Faults;
use super::scene::{Options, PATIENCE, Scene};

/// Connections are killed again and again under load: nothing is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_listeners_miss_nothing() {
    for (kind, cached) in [("pubsub", 1000), ("pubsub", 3), ("normal", 1000)] {
        let redis = RedisServer::start().await;
        let scene = Scene::busy(&redis, Options { cached, ..Options::default() }).await;
        let publishers = scene.publishers(4, 5, 0);
        for _ in 0..8 {
            publishers.get_on(30).await;
            redis.command(&["CLIENT", "KILL", "TYPE", kind]).await;
            sleep(Duration::from_millis(20)).await;
        }
        publishers.get_on(30).await;
        publishers.stop().await;
        scene.finish(&redis, Faults::LoseNothing).await;
    }
}

/// Redis disconnects a node that does not take its messages fast enough: each large event is more than its limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_buffer_overflow_misses_nothing() {
    let redis = RedisServer::options().config("client-output-buffer-limit pubsub 64kb 0 0").start().await;
    let scene = Scene::busy(&redis, Options { cached: 5, ..Options::default() }).await;
    for _ in 0..6 {
        let before = listeners(&redis).await;
        scene.publish(0, 5).await;
        scene.record.publish(0, &scene.nodes[0], 300_000).await;
        scene.publish(1, 5).await;
        let are_replaced = async || {
            let now = listeners(&redis).await;
            now.len() == 3 && now.is_disjoint(&before)
        };
        eventually(PATIENCE, "connections that are replaced", are_replaced).await;
    }
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// The ids of the connections that hear events.
async fn listeners(redis: &RedisServer) -> BTreeSet<String> {
    let list = redis.command(&["CLIENT", "LIST", "TYPE", "PUBSUB"]).await;
    list.text().lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}
