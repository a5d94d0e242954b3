//! Redis is killed, and comes back with all events, with some, or with none.

use std::time::Duration;

use support::{Fsync, RedisServer, TcpProxy, eventually};
use tokio::time::sleep;

use super::client::Client;
use super::oracle::Faults;
use super::rounds::rollbacks;
use super::scene::{Options, PATIENCE, Scene};

/// With an append log that is flushed before each reply, a kill loses nothing, and no client gets a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_with_an_append_log_loses_nothing() {
    let mut redis = RedisServer::options().append_log(Fsync::Always).start().await;
    let scene = Scene::busy(&redis, Options::default()).await;
    let publishers = scene.publishers(4, 1, 0);
    for _ in 0..4 {
        publishers.get_on(60).await;
        redis.kill();
        redis.start_again().await;
    }
    publishers.get_on(60).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// Without any file, the log begins anew: each client gets a `foreign` gap, and then everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_without_files_begins_a_log_anew() {
    let mut redis = RedisServer::start().await;
    let scene = Scene::busy(&redis, Options::default()).await;
    let last = scene.publish(0, 10).await;
    scene.all_reach(last).await;
    scene
        .record
        .losing(async {
            redis.kill();
            redis.start_again().await;
        })
        .await;
    let last = scene.publish(1, 3).await;
    scene.all_reach(last).await;
    for client in &scene.clients {
        assert_eq!(client.gaps(), ["foreign"], "{}", client.name);
    }
    scene.finish(&redis, Faults::Lose).await;
}

/// A snapshot that is older than what clients have seen: they get a `future` gap, live, before anything is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_is_told_to_connected_clients() {
    let mut redis = RedisServer::start().await;
    let scene = Scene::busy(&redis, Options::default()).await;
    scene.publish(0, 10).await;
    let snapshot = redis.save().await;
    let last = scene.publish(1, 5).await;
    scene.all_reach(last).await;
    scene.record.losing(redis.roll_back(&snapshot)).await;
    for client in &scene.clients {
        let is_told = async || !client.gaps().is_empty();
        eventually(PATIENCE, "a gap without a publish", is_told).await;
        assert_eq!(client.gaps(), ["future"], "{}", client.name);
    }
    scene.finish(&redis, Faults::Lose).await;
}

/// Clients are away at a rollback, and come back when the new history is shorter than theirs, as long, and longer.
async fn clients_come_back_after_a_rollback(more: usize, gap: &str, cached: usize) {
    let mut redis = RedisServer::start().await;
    let options = Options { cached, ..Options::default() };
    let mut scene = Scene::new(&vec![redis.url(); 2], options).await;
    let (before, common, lost) = (scene.client(0).await, scene.client(0).await, scene.client(1).await);
    let leaves = async |client: &Client, at| {
        assert!(client.reaches(at, PATIENCE).await, "{} is at {:?}", client.name, client.at());
        client.leave().await;
    };
    leaves(&before, scene.publish(0, 5).await).await;
    leaves(&common, scene.publish(1, 5).await).await;
    let snapshot = redis.save().await;
    leaves(&lost, scene.publish(0, 10).await).await;
    scene.record.losing(redis.roll_back(&snapshot)).await;
    let last = scene.publish(1, more).await;
    for (client, gaps) in [(before, vec![]), (common, vec![]), (lost, vec![gap])] {
        client.come(1);
        assert!(client.reaches(last, PATIENCE).await, "{} is at {:?}", client.name, client.at());
        assert_eq!(client.gaps(), gaps, "{}", client.name);
        scene.clients.push(client);
    }
    scene.finish(&redis, Faults::Lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_to_a_shorter_history() {
    clients_come_back_after_a_rollback(3, "future", 1000).await;
    clients_come_back_after_a_rollback(3, "future", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_to_another_history_of_same_length() {
    clients_come_back_after_a_rollback(10, "forked", 1000).await;
    clients_come_back_after_a_rollback(10, "forked", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_to_a_longer_history() {
    clients_come_back_after_a_rollback(25, "forked", 1000).await;
    clients_come_back_after_a_rollback(25, "forked", 2).await;
}

/// A client that was told of a rollback comes to a node that cannot know of it yet, and gets none of the lost events again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_learns_of_a_rollback_later_asks_first() {
    let mut redis = RedisServer::start().await;
    let mut proxy = TcpProxy::start(redis.address());
    let mut scene = Scene::new(&[redis.url(), redis.url_at(proxy.address())], Options::default()).await;
    let (stays, moves) = (scene.client(1).await, scene.client(0).await);
    scene.publish(0, 5).await;
    let snapshot = redis.save().await;
    let last = scene.publish(0, 20).await;
    for client in [&stays, &moves] {
        assert!(client.reaches(last, PATIENCE).await, "{} is at {:?}", client.name, client.at());
    }
    // No byte and no end of a connection passes.
    proxy.stall();
    scene.record.losing(redis.roll_back(&snapshot)).await;
    eventually(PATIENCE, "a gap", async || !moves.gaps().is_empty()).await;
    moves.leave().await;
    moves.come(1);
    sleep(Duration::from_millis(300)).await;
    proxy.resume();
    let last = scene.publish(0, 3).await;
    for client in [stays, moves] {
        assert!(client.reaches(last, PATIENCE).await, "{} is at {:?}", client.name, client.at());
        assert_eq!(client.gaps(), ["future"], "{}", client.name);
        scene.clients.push(client);
    }
    scene.finish(&redis, Faults::Lose).await;
}

/// Clients stay connected through rollbacks under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollbacks_under_load_are_told() {
    for cached in [1000, 3] {
        let stage = async |urls: &[String]| Scene::busy_at(urls, Options { cached, ..Options::default() }).await;
        rollbacks(stage, 2, 0).await;
    }
}
