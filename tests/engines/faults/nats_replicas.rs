//! The leader of a replicated stream is killed, under load.

use std::time::Duration;

use support::{NatsCluster, NatsRelease, eventually};
use touka::Hub;
use touka::topic::Nats;

use super::oracle::Faults;
use super::scene::{Options, PATIENCE, Scene};

/// Servers that have elected a leader and have the streams of a hub.
pub(crate) async fn cluster(release: NatsRelease) -> NatsCluster {
    let cluster = NatsCluster::of(release).await;
    let nats = Nats::new(cluster.url()).replicas(3);
    eventually(PATIENCE, "a hub on three servers", async || Hub::nats(nats.clone()).await.is_ok()).await;
    cluster
}

/// Each event that was acknowledged is there, and no client gets a gap: two servers of three have each event.
///
/// The servers of nats-server 2.9.10 and 2.10.26 end up with different sequences of the same messages in some runs on a busy
/// machine. Those of 2.12.8 and 2.15.1 did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_loses_nothing() {
    let mut cluster = cluster(NatsRelease::Newest).await;
    let options = Options { publish_timeout: Duration::from_secs(40), ..Options::default() };
    let mut scene = Scene::new(&vec![cluster.url(); 3], options).await;
    scene.add_clients(1).await;
    let publishers = scene.publishers(4, 5, 0);
    let mut running = 0;
    for _ in 0..2 {
        publishers.get_on(60).await;
        let leads = async || cluster.leader("touka", running).await.is_some();
        eventually(PATIENCE, "a leader", leads).await;
        let leader = cluster.leader("touka", running).await.expect("a leader");
        running = (leader + 1) % 3;
        cluster.servers[leader].kill();
        publishers.get_on(60).await;
        cluster.servers[leader].start_again().await;
    }
    publishers.get_on(60).await;
    publishers.stop().await;
    scene.finish(&cluster, Faults::LoseNothing).await;
}
