//! Nodes in processes of their own that are replaced, and all faults of nodes, mixed by a seed.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::client::Way;
use super::processes::SILENCE;
use super::random::{Random, seeds};
use super::stage::{FED, Stage, stage};

/// The number of steps of one run.
const STEPS: usize = 8;

/// Nodes are replaced one after the other, several times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_misses_nothing() {
    let mut stage = stage(3, 21).await;
    for round in 0..3 {
        for node in 0..3 {
            stage.get_on(40).await;
            if round == 1 {
                stage.nodes.kill(node).await;
            } else {
                stage.nodes.end(node).await;
            }
            stage.get_on(20).await;
            stage.nodes.start_again(node).await;
        }
    }
    stage.finish().await;
}

/// Mixes faults of nodes and of Redis by the seeds of the environment. An ordinary run has one among the tests of
/// [`stopped`](super::stopped).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults_of_nodes() {
    for seed in seeds(&[]) {
        let start = Instant::now();
        mix(seed).await;
        println!("seed {seed}: {:?}", start.elapsed());
    }
}

/// Mixes faults of nodes and of Redis by a seed, with a topic that is fed.
pub(crate) async fn mix(seed: u64) {
    // Shown when the test fails: the last seed is the one that has failed.
    println!("seed {seed}");
    let mut stage = stage(3, seed).await;
    for way in [Way::Stays(0), Way::Stays(1), Way::Stays(2), Way::Moves(seed)] {
        stage.add_client(&[FED], way, Some(SILENCE)).await;
    }
    let mut random = Random::new(seed);
    for _ in 0..STEPS {
        stage.get_on(random.below(80)).await;
        step(&mut stage, &mut random).await;
    }
    stage.finish().await;
}

async fn step(stage: &mut Stage, random: &mut Random) {
    let (node, step) = (random.below(3), random.below(8));
    println!("step {step}, node {node}");
    match step {
        0 => stage.goes_on().await,
        1 | 2 => {
            stage.nodes.signal(node, "STOP").await;
            sleep(Duration::from_millis([300, 2000, 4500, 9000, 12_000][random.below(5)])).await;
            stage.nodes.signal(node, "CONT").await;
        }
        3 => {
            stage.nodes.kill(node).await;
            stage.get_on(random.below(80)).await;
            stage.nodes.start_again(node).await;
        }
        4 => {
            stage.nodes.end(node).await;
            stage.get_on(random.below(80)).await;
            stage.nodes.start_again(node).await;
        }
        5 => {
            for node in 0..3 {
                stage.nodes.kill(node).await;
            }
            for node in 0..3 {
                stage.nodes.start_again(node).await;
            }
        }
        6 => {
            stage.redis.kill();
            stage.redis.start_again().await;
        }
        _ => {
            stage.redis.pause().await;
            sleep(random.milliseconds(10, 1500)).await;
            stage.redis.resume().await;
        }
    }
}
