//! All faults of NATS, mixed by a seed.

use std::time::Duration;

use support::{Direction, NatsRelease, NatsServer, NatsStore, TcpProxy};
use tokio::time::sleep;

use super::mixed::{Mixed, STEPS, for_each_seed};
use super::oracle::Faults;
use super::random::Random;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults_of_nats() {
    for_each_seed(async |seed| run(seed, NatsRelease::Debian).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults_of_the_newest_nats() {
    for_each_seed(async |seed| run(seed, NatsRelease::Newest).await).await;
}

struct Run {
    nats: NatsServer,
    release: NatsRelease,
    mixed: Mixed,
    /// Whether the server may lose messages.
    loses: bool,
    /// The store of the beginning, unless the stream was lost since. A later copy would bring lost events back.
    store: Option<NatsStore>,
}

async fn run(seed: u64, release: NatsRelease) {
    let mut random = Random::new(seed);
    let loses = random.below(3) > 0;
    let mut nats = NatsServer::of(release).await;
    let proxies: Vec<_> = (0..3).map(|_| TcpProxy::start(nats.address())).collect();
    let urls: Vec<_> = proxies.iter().map(|proxy| format!("nats://{}", proxy.address())).collect();
    let mut mixed = Mixed::new(proxies, &urls, random, seed).await;
    let store = Some(save(&mut nats, &mut mixed.proxies).await);
    let mut run = Run { nats, release, mixed, loses, store };
    for _ in 0..STEPS {
        run.mixed.get_on().await;
        run.step().await;
    }
    run.mixed.finish(&run.nats, if loses { Faults::Lose } else { Faults::LoseNothing }).await;
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
        let Self { nats, release, mixed: Mixed { proxies, scene, random, .. }, loses, store } = self;
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
