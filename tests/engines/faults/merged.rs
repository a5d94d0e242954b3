//! Clients that follow several topics on one stream, through faults.

use support::{RedisServer, eventually};

use super::oracle::Faults;
use super::rounds::{cuts, rollbacks};
use super::scene::{Options, PATIENCE, Scene};

/// Three nodes, three topics, and clients of one of them and of all.
async fn stage(urls: &[String], cached: usize) -> Scene {
    let mut scene = Scene::new(urls, Options { cached, topics: 3, ..Options::default() }).await;
    scene.add_clients(1).await;
    scene.add_merged_clients(1).await;
    scene
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_several_topics_miss_nothing() {
    for cached in [1000, 3] {
        cuts(async |urls: &[String]| stage(urls, cached).await, 15, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollbacks_are_told_to_clients_of_several_topics() {
    for cached in [1000, 3] {
        rollbacks(async |urls: &[String]| stage(urls, cached).await, 16, 0).await;
    }
}

/// One of the topics is lost. Clients that are connected and clients that come back are told of this one alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_names_the_topic_that_has_it() {
    let redis = RedisServer::start().await;
    let mut scene = stage(&vec![redis.url(); 3], 1000).await;
    let away = scene.client_of(0, &scene.topics).await;
    for topic in scene.topics.clone() {
        let last = scene.publish_to(0, &topic, 3).await;
        scene.all_reach_in(&topic, last).await;
        assert!(away.reaches_in(&topic, last, PATIENCE).await);
    }
    away.leave().await;
    let lost = scene.topics[1].clone();
    let delete = async {
        for kind in ["events", "state"] {
            redis.command(&["DEL", &format!("touka:{{{lost}}}:{kind}")]).await;
        }
    };
    scene.record.losing(delete).await;
    for topic in scene.topics.clone() {
        scene.publish_to(1, &topic, 2).await;
    }
    away.come(2);
    scene.clients.push(away);
    for client in scene.clients.iter().filter(|client| client.follows(&lost)) {
        eventually(PATIENCE, "a gap", async || !client.gaps_in(&lost).is_empty()).await;
        let gaps: Vec<_> = scene.topics.iter().map(|topic| client.gaps_in(topic)).collect();
        assert_eq!(gaps, [vec![], vec!["foreign".to_owned()], vec![]], "{}", client.name);
    }
    scene.finish(&redis, Faults::Lose).await;
}
