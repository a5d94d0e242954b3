//! A cluster of Redis: slots move between its shards, and shards fail over.

use std::time::Duration;

use support::{Fsync, RedisCluster, RedisServer, eventually};
use tokio::time::sleep;
use touka::Hub;

use super::oracle::Faults;
use super::record::Outcome;
use super::scene::{Options, PATIENCE, Scene};

/// The names of the topics 1 to 3 differ in their last digit. That puts them into different quarters of the slots, and so
/// on two of three shards at least.
const TOPICS: usize = 4;

/// Less than the period in which nodes compare their logs with Redis.
const SOON: Duration = Duration::from_secs(10);

/// A topic of the first shard, on which the faults are, or of another one.
const VICTIM: usize = 0;

/// Three nodes, and clients of one topic and of all.
async fn stage(cluster: &RedisCluster, options: Options) -> Scene {
    let mut scene = Scene::new(&vec![cluster.url(); 3], Options { topics: TOPICS, ..options }).await;
    // A topic of the first shard, for the clients that follow one.
    scene.add_clients(1).await;
    scene.add_merged_clients(1).await;
    scene
}

fn key(topic: &str) -> String {
    format!("touka:{{{topic}}}:state")
}

/// The topics of a shard.
async fn topics_on(cluster: &RedisCluster, scene: &Scene, shard: usize) -> Vec<String> {
    let mut topics = Vec::new();
    for topic in &scene.topics {
        if cluster.owner(&key(topic)).await == shard {
            topics.push(topic.clone());
        }
    }
    topics
}

/// Publishes were retried until they were acknowledged.
fn all_are_acknowledged(scene: &Scene) {
    let mut published = scene.record.all().into_values();
    let open = published.find(|event| !matches!(event.outcome, Outcome::Acknowledged(_)));
    assert!(open.is_none(), "{open:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_slots_miss_nothing() {
    for cached in [1000, 3] {
        let cluster = RedisCluster::start().await;
        let scene = stage(&cluster, Options { cached, ..Options::default() }).await;
        let publishers = scene.publishers(4, 17, 0);
        for round in 0..6 {
            publishers.get_on(40).await;
            // The topic of the clients that follow one, and another one.
            for topic in [&scene.topics[0], &scene.topics[1 + round % 3]] {
                let key = key(topic);
                let owner = cluster.owner(&key).await;
                cluster.move_slot(&key, (owner + 1 + round % 2) % 3).await;
            }
        }
        publishers.get_on(100).await;
        publishers.stop().await;
        all_are_acknowledged(&scene);
        scene.finish(&cluster, Faults::LoseNothing).await;
    }
}

/// A node that only listens is told by the server that the slot is on another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_without_publishes_is_moved() {
    let cluster = RedisCluster::start().await;
    let mut scene = Scene::new(&vec![cluster.url(); 2], Options::default()).await;
    let client = scene.client(1).await;
    // With few topics, a node compares each of them with Redis every second.
    let mut others = Vec::new();
    for number in 0..100 {
        let stream = scene.topic(1, &format!("{}/other/{number}", scene.name)).subscribe(None).await;
        others.push(stream.expect("a stream"));
    }
    for round in 1..3 {
        let last = scene.publish(0, 5).await;
        assert!(client.reaches_in(&scene.name, last, PATIENCE).await, "{} is at {:?}", client.name, client.at());
        let owner = cluster.owner(&key(&scene.name)).await;
        cluster.move_slot(&key(&scene.name), (owner + round) % 3).await;
        let last = scene.publish(0, 1).await;
        assert!(client.reaches_in(&scene.name, last, SOON).await, "{} has not been moved", client.name);
    }
    scene.clients.push(client);
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// An operator gives slots to servers whose epochs are lower than those of the former owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_are_moved_by_hand_miss_nothing() {
    let cluster = RedisCluster::start().await;
    let scene = stage(&cluster, Options::default()).await;
    let publishers = scene.publishers(4, 23, 0);
    let key = key(&scene.topics[VICTIM]);
    // The epochs of the servers grow with their number. A move of the usual kind gives its target a greater one.
    if cluster.owner(&key).await < 2 {
        cluster.move_slot(&key, 2).await;
    }
    for target in [1, 0] {
        publishers.get_on(60).await;
        cluster.move_slot_by_hand(&key, target).await;
    }
    publishers.get_on(100).await;
    publishers.stop().await;
    all_are_acknowledged(&scene);
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// The primary of one shard is killed. Topics of the others go on meanwhile, and those of this one when its replica is
/// promoted, which has everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_fails_over_concerns_its_topics_alone() {
    let mut cluster = RedisCluster::start_with(&RedisServer::options(), 3, 3).await;
    let scene = stage(&cluster, Options::default()).await;
    for topic in &scene.topics {
        let last = scene.publish_to(0, topic, 5).await;
        scene.all_reach_in(topic, last).await;
    }
    let shard = cluster.owner(&key(&scene.topics[VICTIM])).await;
    let concerned = topics_on(&cluster, &scene, shard).await;
    let others: Vec<_> = scene.topics.iter().filter(|topic| !concerned.contains(topic)).cloned().collect();
    assert!(!others.is_empty(), "all topics are on one shard: {concerned:?}");
    cluster.servers[3 + shard].catches_up_with(&cluster.servers[shard]).await;
    cluster.servers[shard].kill();
    for round in 0..5 {
        for topic in &others {
            let last = scene.publish_to(round % 3, topic, 3).await;
            scene.all_reach_in(topic, last).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
    cluster.alert().await;
    cluster.promoted(3 + shard).await;
    cluster.calm().await;
    for topic in &scene.topics {
        let last = scene.publish_to(1, topic, 5).await;
        scene.all_reach_in(topic, last).await;
    }
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// A replica that lags is promoted, under load. Clients that have seen what it has not are told, and clients of topics on
/// other shards get no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_loses_events_tells_its_clients_alone() {
    for cached in [1000, 3] {
        let mut cluster = RedisCluster::start_with(&RedisServer::options(), 3, 3).await;
        let scene = stage(&cluster, Options { cached, ..Options::default() }).await;
        let publishers = scene.publishers(4, 18, 0);
        publishers.get_on(60).await;
        let shard = cluster.owner(&key(&scene.topics[VICTIM])).await;
        let concerned = topics_on(&cluster, &scene, shard).await;
        cluster.servers[3 + shard].lag().await;
        publishers.get_on(60).await;
        let fail_over = async {
            cluster.servers[shard].kill();
            let replica = &cluster.servers[3 + shard];
            // With its connection to the primary the replica drops what it has not applied.
            replica.command(&["CLIENT", "KILL", "TYPE", "master"]).await;
            replica.unlag().await;
            cluster.alert().await;
            cluster.promoted(3 + shard).await;
            cluster.calm().await;
        };
        scene.record.losing(fail_over).await;
        publishers.get_on(200).await;
        publishers.stop().await;
        let faults = |topic: &str| {
            if concerned.iter().any(|concerned| concerned == topic) { Faults::Lose } else { Faults::LoseNothing }
        };
        scene.finish_each(&cluster, faults).await;
    }
}

/// A replica takes over from its primary when an operator asks for it, under load: nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_hand_misses_nothing() {
    let cluster = RedisCluster::start_with(&RedisServer::options(), 3, 3).await;
    let scene = stage(&cluster, Options::default()).await;
    let publishers = scene.publishers(4, 20, 0);
    let shard = cluster.owner(&key(&scene.topics[VICTIM])).await;
    // There and back. The others vote for one replica of a primary only in twice the timeout of the cluster.
    for (replica, primary) in [(3 + shard, shard), (shard, 3 + shard)] {
        publishers.get_on(60).await;
        cluster.fail_over(primary, replica).await;
    }
    publishers.get_on(100).await;
    publishers.stop().await;
    all_are_acknowledged(&scene);
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// A primary stops without a sign on its connections. Its replica is promoted, and later it comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_stops_is_replaced() {
    let cluster = RedisCluster::start_with(&RedisServer::options(), 3, 3).await;
    let scene = stage(&cluster, Options { publish_timeout: Duration::from_secs(3), ..Options::default() }).await;
    let publishers = scene.publishers(4, 21, 0);
    publishers.get_on(60).await;
    let shard = cluster.owner(&key(&scene.topics[VICTIM])).await;
    let concerned = topics_on(&cluster, &scene, shard).await;
    let fail_over = async {
        cluster.servers[3 + shard].lag().await;
        publishers.get_on(20).await;
        cluster.servers[shard].pause().await;
        cluster.servers[3 + shard].command(&["CLIENT", "KILL", "TYPE", "master"]).await;
        cluster.servers[3 + shard].unlag().await;
        cluster.alert().await;
        cluster.promoted(3 + shard).await;
        cluster.calm().await;
        publishers.get_on(100).await;
        cluster.servers[shard].resume().await;
        cluster.servers[shard].catches_up_with(&cluster.servers[3 + shard]).await;
        // What was sent to the former primary has its answer by now.
        sleep(Duration::from_millis(100)).await;
    };
    scene.record.losing(fail_over).await;
    publishers.get_on(60).await;
    publishers.stop().await;
    let faults = |topic: &str| {
        if concerned.iter().any(|concerned| concerned == topic) { Faults::Lose } else { Faults::LoseNothing }
    };
    scene.finish_each(&cluster, faults).await;
}

/// Valkey moves a slot as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_valkey_moves_miss_nothing() {
    let cluster = RedisCluster::start_with(&RedisServer::options().valkey(), 3, 0).await;
    let scene = stage(&cluster, Options::default()).await;
    let publishers = scene.publishers(4, 22, 0);
    for round in 0..6 {
        publishers.get_on(40).await;
        let key = key(&scene.topics[round % TOPICS]);
        let (slot, from) = (cluster.slot(&key).await, cluster.owner(&key).await);
        let to = (from + 1 + round % 2) % 3;
        let id = cluster.servers[to].command(&["CLUSTER", "MYID"]).await;
        let moves = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &slot, &slot, "NODE", id.text()];
        cluster.servers[from].command(&moves).await;
        eventually(PATIENCE, "a slot that has moved", async || cluster.owner(&key).await == to).await;
    }
    publishers.get_on(100).await;
    publishers.stop().await;
    all_are_acknowledged(&scene);
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// A primary restarts with its data before its replica takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_restarts_misses_nothing() {
    let mut cluster = RedisCluster::start_with(&RedisServer::options().append_log(Fsync::Always), 3, 0).await;
    let scene = stage(&cluster, Options::default()).await;
    let publishers = scene.publishers(4, 19, 0);
    for round in 0..3 {
        publishers.get_on(60).await;
        cluster.servers[round].kill();
        sleep(Duration::from_millis(200)).await;
        cluster.servers[round].start_again().await;
    }
    publishers.get_on(100).await;
    publishers.stop().await;
    all_are_acknowledged(&scene);
    scene.finish(&cluster, Faults::LoseNothing).await;
}

/// A URL of one server is enough, even of a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_leads_to_all_shards() {
    let cluster = RedisCluster::start_with(&RedisServer::options(), 3, 1).await;
    for seed in [0, 3] {
        let hub = Hub::redis(cluster.servers[seed].url()).await.expect("a cluster");
        for number in 0..8 {
            let topic = hub.topic::<touka::Event>(format!("seeds/{number}")).expect("a topic");
            topic.publish("1").await.expect("published");
        }
    }
}
