//! All faults, mixed by a seed.

use std::time::Duration;

use support::{Direction, Fsync, RedisServer, RedisSnapshot, TcpProxy};
use tokio::time::sleep;

use super::mixed::{Mixed, STEPS, for_each_seed};
use super::oracle::Faults;
use super::random::Random;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_faults() {
    for_each_seed(run).await;
}

struct Run {
    redis: RedisServer,
    mixed: Mixed,
    has_log: bool,
    /// The newest snapshot. No event that was lost is in it: events that come back would be new to some clients and old to
    /// others.
    snapshot: RedisSnapshot,
}

async fn run(seed: u64) {
    let mut random = Random::new(seed);
    let has_log = random.below(2) == 0;
    let options = RedisServer::options();
    let redis = if has_log { options.append_log(Fsync::Always).start().await } else { options.start().await };
    let proxies: Vec<_> = (0..3).map(|_| TcpProxy::start(redis.address())).collect();
    let urls: Vec<_> = proxies.iter().map(|proxy| redis.url_at(proxy.address())).collect();
    let mixed = Mixed::new(proxies, &urls, random, seed).await;
    let snapshot = redis.save().await;
    let mut run = Run { redis, mixed, has_log, snapshot };
    for _ in 0..STEPS {
        run.mixed.get_on().await;
        run.step().await;
    }
    run.mixed.finish(&run.redis, Faults::Lose).await;
}

impl Run {
    async fn step(&mut self) {
        let Self { redis, mixed: Mixed { proxies, scene, random, .. }, has_log, snapshot } = self;
        let node = random.below(3);
        let topic = &scene.topics[random.below(scene.topics.len())];
        let key = |kind: &str| format!("touka:{{{topic}}}:{kind}");
        let step = random.below(14);
        println!("step {step}, node {node}, topic {topic}");
        match step {
            0 | 1 => *snapshot = redis.save().await,
            2 => scene.record.losing(redis.roll_back(snapshot)).await,
            3 if *has_log => {
                redis.kill();
                sleep(random.milliseconds(0, 200)).await;
                redis.start_again().await;
            }
            // Without an append log, Redis comes back with the newest snapshot.
            3 => {
                let restart = async {
                    redis.kill();
                    redis.start_again().await;
                };
                scene.record.losing(restart).await;
            }
            4 => {
                let delete = async {
                    redis.command(&["FLUSHALL"]).await;
                    *snapshot = redis.save().await;
                };
                scene.record.losing(delete).await;
            }
            5 => {
                let delete = async {
                    redis.command(&["DEL", &key("state")]).await;
                    *snapshot = redis.save().await;
                };
                scene.record.losing(delete).await;
            }
            6 => {
                let delete = async {
                    redis.command(&["DEL", &key("events")]).await;
                    *snapshot = redis.save().await;
                };
                scene.record.losing(delete).await;
            }
            7 => drop(redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await),
            8 => drop(redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).await),
            9 => {
                let milliseconds = (50 + random.below(700)).to_string();
                redis.command(&["CLIENT", "PAUSE", &milliseconds, ["WRITE", "ALL"][random.below(2)]]).await;
            }
            10 => {
                redis.pause().await;
                sleep(random.milliseconds(10, 800)).await;
                redis.resume().await;
            }
            11 => proxies[node].cut().await,
            12 => {
                proxies[node].stall_one([Direction::ToClient, Direction::ToServer][random.below(2)]);
                sleep(random.milliseconds(10, 1500)).await;
                if random.below(2) == 0 {
                    proxies[node].cut().await;
                }
                proxies[node].resume();
            }
            _ => proxies[node].delay(Duration::from_millis([0, 5, 40][random.below(3)])),
        }
    }
}
