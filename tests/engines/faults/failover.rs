//! Sentinels promote a replica.

use std::time::Duration;

use support::Sentinels;
use tokio::time::sleep;

use super::oracle::Faults;
use super::scene::{Options, Scene};

async fn stage(sentinels: &Sentinels, options: Options) -> Scene {
    let hosts = sentinels.addresses().map(|address| address.to_string()).join(",");
    let url = format!("redis+sentinel://{hosts}/{}", Sentinels::NAME);
    let mut scene = Scene::new(&vec![url; 3], options).await;
    scene.add_clients(1).await;
    scene
}

/// A replica that has everything is promoted: nothing is lost, and no client gets a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_replica_continues_the_log() {
    let mut sentinels = Sentinels::start().await;
    let scene = stage(&sentinels, Options::default()).await;
    let last = scene.publish(0, 20).await;
    scene.all_reach(last).await;
    sentinels.replica().catches_up_with(sentinels.primary()).await;
    sentinels.fail_over().await;
    scene.publish(1, 20).await;
    scene.finish(sentinels.primary(), Faults::LoseNothing).await;
}

/// A replica that lags is promoted, under load. Clients that have seen what it has not are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lags_is_promoted() {
    for cached in [1000, 3] {
        let mut sentinels = Sentinels::start().await;
        let scene = stage(&sentinels, Options { cached, ..Options::default() }).await;
        let publishers = scene.publishers(4, 13, 0);
        publishers.get_on(50).await;
        sentinels.lag().await;
        publishers.get_on(50).await;
        scene.record.losing(sentinels.fail_over()).await;
        publishers.get_on(100).await;
        publishers.stop().await;
        scene.finish(sentinels.primary(), Faults::Lose).await;
    }
}

/// The primary stops without a sign on its connections. Its replica is promoted, and later it comes back as a second
/// primary, until it is demoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_stops_is_replaced() {
    let mut sentinels = Sentinels::start().await;
    let scene = stage(&sentinels, Options { publish_timeout: Duration::from_secs(3), ..Options::default() }).await;
    let publishers = scene.publishers(4, 14, 0);
    publishers.get_on(50).await;
    let fail_over = async {
        sentinels.lag().await;
        publishers.get_on(20).await;
        sentinels.pause_primary().await;
        sentinels.promoted().await;
        publishers.get_on(30).await;
        sentinels.replica().resume().await;
        sentinels.rejoined().await;
        // What was sent to the former primary has its answer by now.
        sleep(Duration::from_millis(100)).await;
    };
    scene.record.losing(fail_over).await;
    publishers.get_on(50).await;
    publishers.stop().await;
    scene.finish(sentinels.primary(), Faults::Lose).await;
}
