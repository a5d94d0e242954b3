//! All faults of NATS, mixed by a seed.

use std::time::{Duration, Instant};

use support::{Direction, NatsRelease, NatsServer, NatsStore, TcpProxy};
use tokio::time::sleep;

use super::oracle::Faults;
use super::random::{Random, seeds};
use super::scene::{Options, Scene};

/// The number of steps of one run.
const STEPS: usize = 12;

/// The runs of an ordinary test.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Mixes faults by [`seeds`].
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults_of_nats() {
    mix(NatsRelease::Debian).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults_of_the_newest_nats() {
    mix(NatsRelease::Newest).await;
}

async fn mix(release: NatsRelease) {
    for seed in seeds(&SEEDS) {
        let start = Instant::now();
        // Shown when the test fails: the last line has the seed.
        println!("seed {seed}");
        run(seed, release).await;
        println!("seed {seed}: {:?}", start.elapsed());
    }
}

struct Run {
    nats: NatsServer,
    proxies: Vec<TcpProxy>,
    release: NatsRelease,
    scene: Scene,
    random: Random,
    /// Whether the server may lose messages.
    loses: bool,
    /// The store of the beginning, unless the stream was lost since. A later copy would bring lost events back.
    store: Option<NatsStore>,
}

async fn run(seed: u64, release: NatsRelease) {
    let mut random = Random::new(seed);
    let mut nats = NatsServer::of(release).await;
    let mut proxies: Vec<_> = (0..3).map(|_| TcpProxy::start(nats.address())).collect();
    let urls: Vec<_> = proxies.iter().map(|proxy| format!("nats://{}", proxy.address())).collect();
    let options = Options {
        cached: [2, 5, 50, 1000][random.below(4)],
        publish_timeout: random.milliseconds(300, 6000),
        topics: 3,
        ..Options::default()
    };
    let loses = random.below(3) > 0;
    let mut scene = Scene::new(&urls, options).await;
    scene.add_clients(seed).await;
    let kinds = random.below(3);
    if kinds != 0 {
        scene.add_merged_clients(seed).await;
    }
    if kinds != 1 {
        scene.add_http_clients(seed).await;
    }
    let publishers = scene.publishers(3 + random.below(4), seed, [0, 0, 2000, 6000][random.below(4)]);
    let store = Some(save(&mut nats, &mut proxies).await);
    let mut run = Run { nats, proxies, release, scene, random, loses, store };
    for _ in 0..STEPS {
        publishers.get_on(run.random.below(40)).await;
        run.step().await;
        sleep(run.random.milliseconds(0, 60)).await;
    }
    for proxy in &mut run.proxies {
        proxy.resume();
    }
    publishers.get_on(20).await;
    publishers.stop().await;
    run.scene.finish(&run.nats, if loses { Faults::Lose } else { Faults::LoseNothing }).await;
}

/// Copies the store while no client can publish.
async fn save(nats: &mut NatsServer, proxies: &mut [TcpProxy]) -> NatsStore {
    for proxy in &mut *proxies {
        proxy.go_down().await;
    }
    // What was sent before has arrived.
    sleep(Duration::from_millis(100)).await;
    let store = nats.save().await;
    for proxy in proxies {
        proxy.resume();
    }
    store
}

impl Run {
    async fn step(&mut self) {
        let Self { nats, proxies, release, scene, random, loses, store } = self;
        let node = random.below(3);
        let step = match (*loses, *release) {
            (false, _) => random.below(10),
            // A stream of nats-server 2.9.10 that is created while the former one of its name is being deleted may lose its
            // files, and takes no message then.
            (true, NatsRelease::Debian) => random.below(13),
            (true, NatsRelease::Newest) => random.below(14),
        };
        println!("step {step}, node {node}");
        match step {
            0 | 1 => {
                nats.kill();
                sleep(random.milliseconds(0, 200)).await;
                nats.start_again().await;
            }
            2 | 3 => {
                nats.pause().await;
                sleep(random.milliseconds(10, 800)).await;
                nats.resume().await;
            }
            4 | 5 => proxies[node].cut().await,
            6 | 7 => {
                proxies[node].stall_one([Direction::ToClient, Direction::ToServer][random.below(2)]);
                // An attempt of a publish takes up to two seconds.
                let most = [800, 3000][random.below(2)];
                sleep(random.milliseconds(10, most)).await;
                if random.below(2) == 0 {
                    proxies[node].cut().await;
                }
                proxies[node].resume();
            }
            8 => proxies[node].delay(Duration::from_millis([0, 5, 40][random.below(3)])),
            9..=11 => match store {
                Some(store) if step > 9 => scene.record.losing(nats.roll_back(store)).await,
                _ => {
                    nats.kill();
                    nats.start_again().await;
                }
            },
            12 => {
                *store = None;
                scene.record.losing(nats.lose_store()).await;
            }
            _ => {
                *store = None;
                scene.record.losing(nats.request("$JS.API.STREAM.DELETE.touka", "")).await;
            }
        }
    }
}
