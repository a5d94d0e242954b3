//! Runs of mixed faults, whose parts a seed decides.

use std::time::Instant;

use support::TcpProxy;
use tokio::time::sleep;

use super::contents::Keeper;
use super::oracle::Faults;
use super::random::{Random, seeds};
use super::scene::{Options, Publishers, Scene};

/// The number of steps of one run.
pub(super) const STEPS: usize = 12;

/// The runs of an ordinary test.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Runs a test for each of the [`seeds`].
pub(super) async fn for_each_seed(run: impl AsyncFn(u64)) {
    for seed in seeds(&SEEDS) {
        let start = Instant::now();
        // Shown when the test fails: the last line has the seed.
        println!("seed {seed}");
        run(seed).await;
        println!("seed {seed}: {:?}", start.elapsed());
    }
}

/// Nodes, clients and publishers of one run.
pub(super) struct Mixed {
    pub(super) proxies: Vec<TcpProxy>,
    pub(super) scene: Scene,
    pub(super) random: Random,
    publishers: Publishers,
}

impl Mixed {
    /// Three nodes at these URLs, which lead through the proxies, with clients of some kinds.
    pub(super) async fn new(proxies: Vec<TcpProxy>, urls: &[String], mut random: Random, seed: u64) -> Self {
        let options = Options {
            cached: [2, 5, 50, 1000][random.below(4)],
            publish_timeout: random.milliseconds(300, 6000),
            topics: 3,
            ..Options::default()
        };
        let mut scene = Scene::new(urls, options).await;
        scene.add_clients(seed).await;
        let kinds = random.below(3);
        if kinds != 0 {
            scene.add_merged_clients(seed).await;
        }
        if kinds != 1 {
            scene.add_http_clients(seed).await;
        }
        let publishers = scene.publishers(3 + random.below(4), seed, [0, 0, 2000, 6000][random.below(4)]);
        Self { proxies, scene, random, publishers }
    }

    /// Waits for some events before the next step.
    pub(super) async fn get_on(&mut self) {
        sleep(self.random.milliseconds(0, 60)).await;
        self.publishers.get_on(self.random.below(40)).await;
    }

    /// Ends the faults of the network and the publishers, and checks what the clients have seen.
    pub(super) async fn finish(mut self, engine: &impl Keeper, faults: Faults) {
        for proxy in &mut self.proxies {
            proxy.resume();
        }
        self.publishers.get_on(20).await;
        self.publishers.stop().await;
        // The proxies are there until all clients have caught up.
        self.scene.finish(engine, faults).await;
    }
}
