//! The list of an owner's runs: it has each run that there is, and is as long as these are many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use touka::response::StatusCode;
use touka::run::{Begun, Run, RunInfo};
use touka::topic::engine::{Draft, Engine, EngineFuture, EngineTopic, EventKeys, Lead, Lease, Position, Stored};
use touka::{Emitter, Hub};

use crate::scene::{run, start_short};
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

/// Nodes start runs of one owner at the same time. A run that has started is in the list of every node from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_that_is_replaced_loses_no_run() {
    let store = Store::default();
    let hubs = [(); 4].map(|()| Hub::builder().engine(store.clone()));
    let done = Arc::new(AtomicUsize::new(0));
    let starters = hubs.iter().enumerate().map(|(node, hub)| {
        let (hub, done) = (hub.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            for number in 0..100 {
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
            done.fetch_add(1, Ordering::SeqCst);
        })
    });
    let starters: Vec<_> = starters.collect();
    let reader = Hub::builder().engine(store.clone());
    let mut seen = 0;
    while done.load(Ordering::SeqCst) < hubs.len() && starters.iter().any(|starter| !starter.is_finished()) {
        let now = keys(&reader).await.len();
        assert!(now >= seen, "{now} runs after {seen}");
        seen = now;
        tokio::task::yield_now().await;
    }
    for starter in starters {
        starter.await.expect("no panic");
    }
    assert_eq!(keys(&reader).await.len(), 80);
    assert_eq!(store.events(SPARE), 0);
    let entries = store.events(LIST);
    assert!(entries < 400, "no list was replaced: {entries} entries");
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

/// An engine that needs a second to look a topic up.
#[derive(Clone, Debug, Default)]
struct Slow(Store);

impl Engine for Slow {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        self.0.activate(topic)
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        self.0.publish(topic, draft, keys)
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.0.remove(topic)
    }

    fn before<'a>(&'a self, topic: EngineTopic<'a>, from: u64, until: u64, bytes: usize) -> EngineFuture<'a, Vec<Stored>> {
        self.0.before(topic, from, until, bytes)
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.0.refresh(topic)
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move {
            sleep(Duration::from_secs(1)).await;
            self.0.has(name).await
        })
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        self.0.lead(topic)
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
    // The list and its spare, and three times sixteen runs.
    assert_eq!(begun.elapsed().as_secs(), 5);
}
