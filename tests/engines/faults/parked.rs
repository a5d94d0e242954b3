//! Clients over HTTP whose streams are parked, through faults.

use support::{Fsync, RedisServer, eventually};

use super::oracle::Faults;
use super::rounds::{cuts, rollbacks};
use super::scene::{Options, PATIENCE, Scene};

/// Padding with which a few events fill the buffers of a socket.
const LARGE: usize = 6000;

/// Three nodes with a server each, and HTTP clients of them. The streams of those that stay are parked.
async fn stage(urls: &[String], cached: usize) -> Scene {
    let mut scene = Scene::new(urls, Options { cached, topics: 2, ..Options::default() }).await;
    scene.add_http_clients(1).await;
    eventually(PATIENCE, "parked streams", async || scene.parked().iter().all(|parked| *parked > 0)).await;
    scene
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_clients_miss_nothing_when_connections_are_cut() {
    for (cached, padding) in [(1000, LARGE), (3, 0)] {
        cuts(async |urls: &[String]| stage(urls, cached).await, 17, padding).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_clients_miss_nothing_when_redis_restarts() {
    let mut redis = RedisServer::options().append_log(Fsync::Always).start().await;
    let scene = stage(&vec![redis.url(); 3], 1000).await;
    let publishers = scene.publishers(4, 18, LARGE);
    for _ in 0..2 {
        publishers.get_on(60).await;
        redis.kill();
        redis.start_again().await;
    }
    publishers.get_on(60).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// Clients whose streams are parked are told while they stay connected, before anything is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_clients_are_told_of_a_rollback() {
    let mut redis = RedisServer::start().await;
    let mut scene = Scene::new(&vec![redis.url(); 3], Options::default()).await;
    for node in 0..3 {
        let client = scene.http_client(node).await;
        scene.clients.push(client);
    }
    scene.publish(0, 10).await;
    let snapshot = redis.save().await;
    let last = scene.publish(1, 5).await;
    scene.all_reach(last).await;
    eventually(PATIENCE, "parked streams", async || scene.parked() == [1, 1, 1]).await;
    scene.record.losing(redis.roll_back(&snapshot)).await;
    for client in &scene.clients {
        eventually(PATIENCE, "a gap without a publish", async || !client.gaps().is_empty()).await;
        assert_eq!((client.gaps(), client.ends()), (vec!["future".to_owned()], 0), "{}", client.name);
    }
    assert_eq!(scene.parked(), [1, 1, 1]);
    scene.finish(&redis, Faults::Lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollbacks_under_load_are_told_to_parked_clients() {
    for (cached, padding) in [(1000, 0), (3, LARGE)] {
        rollbacks(async |urls: &[String]| stage(urls, cached).await, 19, padding).await;
    }
}
