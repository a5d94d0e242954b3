//! Redis does not answer for some time.

use std::time::Duration;

use support::{RedisServer, eventually};
use tokio::time::sleep;

use super::oracle::Faults;
use super::record::Outcome;
use super::scene::{Options, PATIENCE, Scene};

/// A pause that is shorter than the timeout: each publish is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_pause_delays_publishes() {
    let redis = RedisServer::start().await;
    let scene = Scene::busy(&redis, Options::default()).await;
    let publishers = scene.publishers(4, 6, 0);
    for kind in ["WRITE", "ALL", "ALL"] {
        publishers.get_on(30).await;
        redis.command(&["CLIENT", "PAUSE", "400", kind]).await;
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    assert!(scene.record.all().values().all(|event| matches!(event.outcome, Outcome::Acknowledged(_))));
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// A pause that is longer than the timeout: the outcome is unknown, and attempts that arrive later publish each event at
/// most once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_pause_doubles_nothing() {
    let redis = RedisServer::start().await;
    let options = Options { publish_timeout: Duration::from_millis(500), ..Options::default() };
    let scene = Scene::busy(&redis, options).await;
    let publishers = scene.publishers(6, 7, 0);
    // A pause of all commands cannot be ended early.
    for (kind, milliseconds) in [("WRITE", "60000"), ("ALL", "2500")] {
        publishers.get_on(30).await;
        let before = unknown(&scene);
        redis.command(&["CLIENT", "PAUSE", milliseconds, kind]).await;
        let has_unknown = async || unknown(&scene) >= before + 6;
        eventually(PATIENCE, "publishes with an unknown outcome", has_unknown).await;
        redis.command(&["CLIENT", "UNPAUSE"]).await;
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// A process that is stopped and continued, for shorter than an attempt, for longer, and for longer than the timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_process_doubles_nothing() {
    let redis = RedisServer::start().await;
    let options = Options { publish_timeout: Duration::from_secs(3), ..Options::default() };
    let scene = Scene::busy(&redis, options).await;
    let publishers = scene.publishers(6, 8, 0);
    for milliseconds in [300, 2300, 4000] {
        publishers.get_on(30).await;
        redis.pause().await;
        sleep(Duration::from_millis(milliseconds)).await;
        redis.resume().await;
    }
    publishers.get_on(30).await;
    publishers.stop().await;
    scene.finish(&redis, Faults::LoseNothing).await;
}

/// The number of publishes that have no known outcome, those that are under way included.
fn unknown(scene: &Scene) -> usize {
    scene.record.all().values().filter(|event| event.outcome == Outcome::Unknown).count()
}
