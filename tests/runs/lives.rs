//! The scenarios of the [`model`](crate::model), on every engine.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Folder, NatsServer, RedisServer};
use tokio::runtime::{Builder, Runtime};
use touka::Hub;

use crate::model::{Powers, SMALL, World, check, steps};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Runs scenarios on these hubs, one after the other.
fn check_all(runtime: &Runtime, hubs: &[Hub], cases: u32, most: usize) {
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let checked = TestRunner::new(config).run(&steps(hubs.len(), most, Powers::None), |steps| {
        runtime.block_on(check(World::of(hubs), steps));
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

proptest! {
    // `PROPTEST_CASES` sets another number of them.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_memory(steps in steps(1, 40, Powers::Time)) {
        paused().block_on(async { check(World::in_memory(), steps).await });
    }

    #[test]
    fn on_nodes_that_die(steps in steps(3, 50, Powers::Death)) {
        paused().block_on(async { check(World::of_nodes(3), steps).await });
    }
}

#[test]
fn in_a_file() {
    let folder = Folder::new();
    let hub = Hub::builder().cache(SMALL).open(folder.path("events")).expect("a file");
    check_all(&threads(), &[hub], 20, 30);
}

#[test]
fn on_redis() {
    let runtime = threads();
    let (_redis, hubs) = runtime.block_on(async {
        let redis = RedisServer::start().await;
        let one = Hub::redis(redis.url()).await.expect("a Redis");
        let two = Hub::builder().cache(SMALL).redis(redis.url()).await.expect("a Redis");
        (redis, [one, two])
    });
    check_all(&runtime, &hubs, 12, 25);
}

#[test]
fn on_nats() {
    let runtime = threads();
    let (_nats, hubs) = runtime.block_on(async {
        let nats = NatsServer::start().await;
        let one = Hub::nats(nats.url()).await.expect("a NATS");
        let two = Hub::builder().cache(SMALL).nats(nats.url()).await.expect("a NATS");
        (nats, [one, two])
    });
    check_all(&runtime, &hubs, 12, 25);
}
