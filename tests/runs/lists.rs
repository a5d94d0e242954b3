//! The list of an owner's runs: it has each run that there is, and is as long as these are many.

use std::time::Duration;

use support::{Folder, NatsServer, RedisServer};
use tokio::time::Instant;
use touka::response::StatusCode;
use touka::run::{Begun, Run, RunInfo};
use touka::{Emitter, Hub};

use crate::scene::{run, start_short};
use crate::slow::Slow;
use crate::store::Store;

/// The topics of the list of Alice's runs.
const LIST: &str = "\0own/alice";
const SPARE: &str = "\0ow2/alice";

/// The number of entries up to which a list is left as it is, whatever they are.
const FEW: usize = 64;

fn of_alice(hub: &Hub, key: &str) -> Run {
    run(hub, key).owner("alice")
}

async fn keys(hub: &Hub) -> Vec<String> {
    let runs = hub.runs("alice").await.expect("a list");
    runs.iter().map(RunInfo::key).map(str::to_owned).collect()
}

async fn refused(run: &Run) {
    let refused = run.start_or_join(|_: Emitter| async { Err::<(), _>(StatusCode::CONFLICT) }).await;
    assert!(refused.expect_err("an error").is_refused());
}

/// Starts that are refused, and runs that are forgotten, leave no entries behind. Runs that are kept stay in the list.
#[tokio::test(start_paused = true)]
async fn a_list_does_not_grow_with_starts_that_are_over() {
    let store = Store::default();
    let hubs = [(); 2].map(|()| Hub::builder().engine(store.clone()));
    let mut kept = Vec::new();
    for number in 0..1_000 {
        let hub = &hubs[number % 2];
        let run = of_alice(hub, &number.to_string());
        if number % 100 == 50 {
            assert_eq!(start_short(&run, "x").await.expect("no error"), Begun::Started);
            kept.insert(0, number.to_string());
            // Two runs have no common millisecond, and are in the order of their starts.
            std::thread::sleep(Duration::from_millis(2));
        } else if number % 2 == 0 {
            refused(&run).await;
        } else {
            start_short(&run, "x").await.expect("no error");
            run.wait().await.expect("an end");
            run.forget().await.expect("no error");
        }
        assert!(store.events(LIST) <= FEW + 2 * kept.len(), "{} of {}", store.events(LIST), kept.len());
        assert_eq!(store.events(SPARE), 0);
    }
    for hub in &hubs {
        assert_eq!(keys(hub).await, kept);
    }
}

/// A list has no bound but the number of runs: each run that is kept is in it.
#[tokio::test(start_paused = true)]
async fn a_list_has_all_runs_that_are_kept() {
    let store = Store::default();
    let hubs = [(); 2].map(|()| Hub::builder().engine(store.clone()));
    for number in 0..700 {
        start_short(&of_alice(&hubs[number % 2], &number.to_string()), "x").await.expect("no error");
    }
    for hub in &hubs {
        assert_eq!(keys(hub).await.len(), 700);
    }
}

/// Hubs start runs of one owner at the same time. A run that has started is in the list of every hub from then on.
async fn no_run_is_lost(hubs: &[Hub], runs: usize) {
    let starters = hubs.iter().enumerate().map(|(node, hub)| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..runs {
                let run = of_alice(&hub, &format!("{node}/{number}"));
                if number % 5 == 0 {
                    start_short(&run, "x").await.expect("no error");
                    let keys = keys(&hub).await;
                    for earlier in (0..=number).step_by(5) {
                        let key = format!("{node}/{earlier}");
                        assert!(keys.contains(&key), "{key} is not among {keys:?}");
                    }
                } else {
                    refused(&run).await;
                }
            }
        })
    });
    let starters: Vec<_> = starters.collect();
    let mut seen = 0;
    while starters.iter().any(|starter| !starter.is_finished()) {
        let is_kept = |key: &&String| {
            let number = key.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
            number.is_some_and(|number| number.is_multiple_of(5))
        };
        // A start that is about to be refused may be among the others.
        let now = keys(&hubs[0]).await.iter().filter(is_kept).count();
        assert!(now >= seen, "{now} runs after {seen}");
        seen = now;
        tokio::task::yield_now().await;
    }
    for starter in starters {
        starter.await.expect("no panic");
    }
    for hub in hubs {
        assert_eq!(keys(hub).await.len(), hubs.len() * runs / 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_that_is_replaced_loses_no_run() {
    let store = Store::default();
    let hubs = [(); 4].map(|()| Hub::builder().engine(store.clone()));
    no_run_is_lost(&hubs, 100).await;
    assert_eq!(store.events(SPARE), 0);
    let entries = store.events(LIST);
    assert!(entries < 400, "no list was replaced: {entries} entries");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_that_is_replaced_in_this_process_loses_no_run() {
    let hub = Hub::memory();
    no_run_is_lost(&[(); 4].map(|()| hub.clone()), 100).await;
    let folder = Folder::new();
    let hub = Hub::open(folder.path("events")).expect("a file");
    no_run_is_lost(&[hub.clone(), hub], 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_replaced_on_a_server_loses_no_run() {
    let (redis, nats) = (RedisServer::start().await, NatsServer::start().await);
    let on_redis = [Hub::redis(redis.url()).await, Hub::redis(redis.url()).await];
    let on_nats = [Hub::nats(nats.url()).await, Hub::nats(nats.url()).await];
    for hubs in [on_redis, on_nats] {
        no_run_is_lost(&hubs.map(|hub| hub.expect("a server")), 60).await;
    }
}

/// A node has died while it replaced a list: after it closed it, or after it removed it.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_half_replaced_is_whole() {
    for is_removed in [false, true] {
        let store = Store::default();
        let hubs = [(); 2].map(|()| Hub::builder().engine(store.clone()));
        for key in ["a", "b"] {
            start_short(&of_alice(&hubs[0], key), "x").await.expect("no error");
        }
        if is_removed {
            // With the entries of the list in its place.
            store.rename(LIST, SPARE);
        } else {
            store.append_stray(LIST, b"\x01data: {}\n\n");
        }
        let hub = if is_removed { Hub::builder().engine(store.clone()) } else { hubs[1].clone() };
        assert_eq!(keys(&hub).await.len(), 2);
        for key in ["c", "d"] {
            start_short(&of_alice(&hub, key), "x").await.expect("no error");
        }
        assert_eq!(keys(&hub).await.len(), 4);
        for number in 0..100 {
            refused(&of_alice(&hub, &number.to_string())).await;
        }
        let mut now = keys(&hub).await;
        now.sort_unstable();
        assert_eq!(now, ["a", "b", "c", "d"]);
        assert_eq!(store.events(SPARE), 0);
        assert!(store.events(LIST) <= FEW + 8, "{}", store.events(LIST));
    }
}

/// The runs of a list are looked up at the same time, and not one after the other.
#[tokio::test(start_paused = true)]
async fn the_runs_of_a_list_are_looked_up_together() {
    let engine = Slow::default();
    let hub = Hub::builder().engine(engine.clone());
    for number in 0..48 {
        start_short(&of_alice(&hub, &number.to_string()), "x").await.expect("no error");
    }
    let other = Hub::builder().engine(engine);
    let begun = Instant::now();
    assert_eq!(keys(&other).await.len(), 48);
    // The list and its spare, and three times sixteen runs: each is looked up and loaded.
    assert!(begun.elapsed().as_secs() < 12, "{:?}", begun.elapsed());
}
