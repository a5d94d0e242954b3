//! Rounds of one fault under load, for clients of several kinds.

use support::{RedisServer, TcpProxy};

use super::oracle::Faults;
use super::scene::Scene;

/// Cuts the connections of three nodes to Redis, one after another. Nothing is lost.
pub(super) async fn cuts(stage: impl AsyncFn(&[String]) -> Scene, seed: u64, padding: usize) {
    let redis = RedisServer::start().await;
    let proxies: Vec<_> = (0..3).map(|_| TcpProxy::start(redis.address())).collect();
    let urls: Vec<_> = proxies.iter().map(|proxy| redis.url_at(proxy.address())).collect();
    let scene = stage(&urls).await;
    let publishers = scene.publishers(5, seed, padding);
    for round in 0..9 {
        publishers.get_on(30).await;
        proxies[round % 3].cut().await;
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// Takes Redis back to an earlier state again and again, while three nodes are connected.
pub(super) async fn rollbacks(stage: impl AsyncFn(&[String]) -> Scene, seed: u64, padding: usize) {
    let mut redis = RedisServer::start().await;
    let scene = stage(&vec![redis.url(); 3]).await;
    let publishers = scene.publishers(4, seed, padding);
    for _ in 0..3 {
        publishers.get_on(60).await;
        let snapshot = redis.save().await;
        publishers.get_on(60).await;
        scene.record.losing(redis.roll_back(&snapshot)).await;
    }
    publishers.get_on(200).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::Lose).await;
}
