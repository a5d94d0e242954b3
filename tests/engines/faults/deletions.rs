//! Keys are deleted or expire, and events are trimmed.

use support::{RedisServer, eventually};

use super::oracle::Faults;
use super::scene::{Options, PATIENCE, Scene};

/// Runs a command under load, again and again.
async fn under_load(command: impl Fn(&str) -> Vec<String>, faults: Faults, cached: usize) {
    let redis = RedisServer::start().await;
    let scene = Scene::busy(&redis, Options { cached, ..Options::default() }).await;
    let command = command(&scene.name);
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    let publishers = scene.publishers(4, 3, 0);
    for _ in 0..4 {
        publishers.get_on(60).await;
        if faults == Faults::Lose {
            scene.record.losing(redis.command(&words)).await;
        } else {
            redis.command(&words).await;
        }
    }
    publishers.get_on(60).await;
    publishers.stop().await;
    scene.finish(&redis, faults).await;
}

fn key(topic: &str, kind: &str) -> String {
    format!("touka:{{{topic}}}:{kind}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_keys_are_deleted() {
    under_load(|_| vec!["FLUSHALL".into()], Faults::Lose, 1000).await;
    under_load(|_| vec!["FLUSHALL".into()], Faults::Lose, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_alone_is_deleted() {
    under_load(|topic| vec!["DEL".into(), key(topic, "events")], Faults::Trim, 1000).await;
    under_load(|topic| vec!["DEL".into(), key(topic, "events")], Faults::Trim, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_alone_is_deleted() {
    under_load(|topic| vec!["DEL".into(), key(topic, "state")], Faults::Lose, 1000).await;
    under_load(|topic| vec!["DEL".into(), key(topic, "state")], Faults::Lose, 3).await;
}

/// Clients of a quiet topic come back after its stream or its state is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_after_a_deletion() {
    for (kinds, faults, gap) in [
        (&["events"][..], Faults::Trim, "trimmed"),
        (&["state"], Faults::Lose, "foreign"),
        (&["events", "state"], Faults::Lose, "foreign"),
    ] {
        let redis = RedisServer::start().await;
        let mut scene = Scene::new(&vec![redis.url(); 2], Options::default()).await;
        let client = scene.client(0).await;
        let seen = scene.publish(0, 3).await;
        assert!(client.reaches(seen, PATIENCE).await);
        client.leave().await;
        scene.publish(0, 3).await;
        let keys = kinds.iter().map(|kind| key(&scene.name, kind));
        let delete = async {
            for key in keys {
                redis.command(&["DEL", &key]).await;
            }
        };
        scene.record.losing(delete).await;
        // The second node has nothing in memory.
        client.come(1);
        let is_told = async || client.gaps() == [gap];
        eventually(PATIENCE, "a gap", is_told).await;
        scene.clients.push(client);
        scene.finish(&redis, faults).await;
    }
}

/// A topic expires while no client uses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_expires_while_clients_are_away() {
    let redis = RedisServer::start().await;
    let mut scene = Scene::new(&vec![redis.url(); 2], Options::default()).await;
    let client = scene.client(0).await;
    let seen = scene.publish(0, 3).await;
    assert!(client.reaches(seen, PATIENCE).await);
    client.leave().await;
    let expire = async {
        for kind in ["events", "state"] {
            redis.command(&["PEXPIRE", &key(&scene.name, kind), "1"]).await;
        }
        let is_gone = async || redis.command(&["EXISTS", &key(&scene.name, "state")]).await.number() == 0;
        eventually(PATIENCE, "keys that expire", is_gone).await;
    };
    scene.record.losing(expire).await;
    client.come(1);
    eventually(PATIENCE, "a gap", async || client.gaps() == ["foreign"]).await;
    scene.clients.push(client);
    scene.finish(&redis, Faults::Lose).await;
}

/// Events are trimmed under load. A client that is away for long gets a gap, and one that is away for a moment does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_trimmed_while_clients_are_away() {
    for cached in [1000, 3] {
        let redis = RedisServer::start().await;
        let options = Options { cached, retained: 100, ..Options::default() };
        let mut scene = Scene::busy(&redis, options).await;
        let away = scene.client(0).await;
        away.leave().await;
        let publishers = scene.publishers(4, 4, 0);
        publishers.get_on(200).await;
        publishers.stop().await;
        away.come(1);
        eventually(PATIENCE, "a gap", async || away.gaps() == ["trimmed"]).await;
        scene.clients.push(away);
        scene.finish(&redis, Faults::Trim).await;
    }
}
