//! Nodes in processes of their own that are stopped for long.

use std::time::Duration;

use support::RedisServer;
use tokio::time::sleep;

use super::client::Way;
use super::nodes::mix;
use super::processes::SILENCE;
use super::stage::{FED, Stage, stage};

/// Longer than the time after which another node takes over a feed, and than that after which a node knows that it hears
/// nothing.
const LONG: Duration = Duration::from_secs(12);

/// A node is stopped for so long that another one takes over its feed. The new holder is killed. The subscribers of the first
/// node have stayed connected, and no other one has come: the first node feeds the topic again.
async fn a_feed_comes_back(clients: usize) {
    let mut stage = Stage::new(RedisServer::start().await, 2).await;
    for _ in 0..clients {
        stage.add_client(&[FED], Way::Stays(0), None).await;
    }
    stage.has_bodies(1).await;
    stage.nodes.signal(0, "STOP").await;
    stage.add_client(&[FED], Way::Stays(1), None).await;
    stage.has_bodies(2).await;
    stage.nodes.signal(0, "CONT").await;
    // The first node learns that it has lost the right.
    sleep(Duration::from_secs(4)).await;
    stage.goes_on().await;
    stage.nodes.kill(1).await;
    // Its client cannot come back, and has no part in the rest.
    stage.clients.pop();
    stage.has_bodies(3).await;
    if clients > 1 {
        // A body of a later one was left.
        assert!(stage.clients.iter().all(|client| client.ends() == 0), "no stream was ended");
    }
    stage.finish().await;
}

/// Nodes are stopped for longer than their right to run a feed, and than the time after which they take their connection for
/// deaf. Clients move to the other node and back. The bodies run one after the other.
async fn bodies_do_not_overlap() {
    let mut stage = Stage::new(RedisServer::start().await, 2).await;
    for way in [Way::Stays(0), Way::Stays(1), Way::Moves(1), Way::Moves(2)] {
        stage.add_client(&[FED], way, Some(SILENCE)).await;
    }
    // The node that runs the feed is not known, so each is stopped once.
    for node in 0..2 {
        stage.goes_on().await;
        stage.nodes.signal(node, "STOP").await;
        sleep(LONG).await;
        stage.nodes.signal(node, "CONT").await;
    }
    stage.has_bodies(2).await;
    stage.finish().await;
}

/// One node is stopped, and continued, and then the other. Their clients move to the node that runs, and back.
async fn clients_miss_nothing() {
    let stage = stage(2, 20).await;
    for node in [0, 1] {
        stage.get_on(100).await;
        stage.nodes.signal(node, "STOP").await;
        sleep(LONG).await;
        stage.nodes.signal(node, "CONT").await;
        stage.get_on(100).await;
    }
    stage.finish().await;
}

/// All of them at once: they wait nearly all the time, and the harness runs as many tests at a time as there are processors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_nodes_break_no_promise() {
    tokio::join!(a_feed_comes_back(1), a_feed_comes_back(3), bodies_do_not_overlap(), clients_miss_nothing(), mix(2));
}
