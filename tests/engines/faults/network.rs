//! The network between the nodes and Redis fails, and Redis is well.

use std::time::Duration;

use support::{Direction, RedisServer, TcpProxy, eventually};
use tokio::time::sleep;

use super::oracle::Faults;
use super::rounds::cuts;
use super::scene::{Options, PATIENCE, Scene};

/// A Redis, and three nodes that reach it through a proxy each.
async fn stage(options: Options) -> (RedisServer, Vec<TcpProxy>, Scene) {
    let redis = RedisServer::start().await;
    let proxies: Vec<_> = (0..3).map(|_| TcpProxy::start(redis.address())).collect();
    let urls: Vec<_> = proxies.iter().map(|proxy| redis.url_at(proxy.address())).collect();
    let scene = Scene::busy_at(&urls, options).await;
    (redis, proxies, scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_miss_nothing() {
    for cached in [1000, 3] {
        let stage = async |urls: &[String]| Scene::busy_at(urls, Options { cached, ..Options::default() }).await;
        cuts(stage, 9, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delayed_connections_miss_nothing() {
    let (redis, mut proxies, scene) = stage(Options::default()).await;
    let publishers = scene.publishers(6, 10, 0);
    for (proxy, milliseconds) in proxies.iter().zip([0, 30, 150]) {
        proxy.delay(Duration::from_millis(milliseconds));
    }
    publishers.get_on(200).await;
    for proxy in &mut proxies {
        proxy.resume();
    }
    publishers.get_on(60).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// One direction stalls for some time, under load: for shorter than an attempt, and for longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_connections_miss_nothing() {
    let (redis, mut proxies, scene) = stage(Options { cached: 3, ..Options::default() }).await;
    let publishers = scene.publishers(6, 11, 0);
    for (node, direction, milliseconds) in [
        (0, Direction::ToClient, 300),
        (1, Direction::ToServer, 300),
        (2, Direction::ToClient, 3000),
        (0, Direction::ToServer, 3000),
    ] {
        publishers.get_on(30).await;
        proxies[node].stall_one(direction);
        sleep(Duration::from_millis(milliseconds)).await;
        proxies[node].resume();
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// A node that hears nothing, though its connection is open, finds out and opens another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hears_nothing_reconnects() {
    let (redis, mut proxies, scene) = stage(Options::default()).await;
    let last = scene.publish(1, 5).await;
    scene.all_reach(last).await;
    proxies[0].stall_one(Direction::ToClient);
    scene.publish(1, 5).await;
    // The new connections are stalled as well, so they are counted where they begin.
    let before = proxies[0].accepted();
    eventually(PATIENCE, "a node that reconnects", async || proxies[0].accepted() > before).await;
    proxies[0].resume();
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// Redis is away for some time. Subscribers stay connected, and new ones get what the node has in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_stay_connected_while_redis_is_away() {
    let (redis, mut proxies, mut scene) = stage(Options::default()).await;
    let last = scene.publish(0, 20).await;
    scene.all_reach(last).await;
    for proxy in &mut proxies {
        proxy.go_down().await;
    }
    let publishers = scene.publishers(3, 12, 0);
    let late = scene.client(0).await;
    assert_eq!(late.at(), Some(last));
    scene.clients.push(late);
    sleep(Duration::from_secs(1)).await;
    for proxy in &mut proxies {
        proxy.resume();
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}
