//! Runs on several nodes that share an engine in memory.

use std::future::{IntoFuture as _, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use touka::run::{Begun, OnDisconnect, RunStatus, stopping};
use touka::testing::{TestCluster, TestNode};
use touka::topic::Cache;
use touka::{Emitter, Event, EventStream, Hub};

use crate::life::all;

/// Counts to a million, one each second.
async fn count(out: Emitter) {
    for number in 0..1_000_000 {
        out.emit(Event::data(number.to_string())).await;
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_followed_and_stopped_from_another_node() {
    let cluster = TestCluster::new();
    let (first, second) = (cluster.start(), cluster.start());
    let run = first.hub().run("a").unwrap().owner("alice");
    run.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        stopping().await;
        out.emit("y").await;
    })
    .await
    .unwrap();
    let elsewhere = second.hub().run("a").unwrap().owner("alice");
    let joined = elsewhere
        .start_or_join(|out: Emitter| async move {
            out.emit("twice").await;
        })
        .await
        .unwrap();
    assert_eq!(joined, Begun::Joined);
    let viewer: EventStream = elsewhere.follow(None).await.unwrap();
    assert_eq!(elsewhere.status().await.unwrap(), RunStatus::Running);
    assert_eq!(second.hub().runs("alice").await.unwrap().len(), 1);
    let begun = Instant::now();
    elsewhere.stop().await.unwrap();
    elsewhere.stop().await.unwrap();
    let end = r#"{"reason":"stopped"}"#;
    assert_eq!(all(viewer).await, ["x", "y", end]);
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["x", "y", end]);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(elsewhere.status().await.unwrap(), RunStatus::Cancelled);
    elsewhere.forget().await.unwrap();
    assert!(run.status().await.unwrap_err().is_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_node_dies_is_lost_within_the_lease() {
    let cluster = TestCluster::new();
    let (first, second) = (cluster.start(), cluster.start());
    first.hub().run("a").unwrap().start_or_join(count).await.unwrap();
    first.hub().run("b").unwrap().start_or_join(count).await.unwrap();
    let mut viewer: EventStream = second.hub().run("a").unwrap().follow(None).await.unwrap();
    while viewer.next().await.unwrap().as_data() != Some("5") {}
    first.crash();
    let begun = Instant::now();
    let rest = all(viewer).await;
    assert_eq!(rest.last().unwrap(), "{}");
    assert!(rest.len() <= 2, "{rest:?}");
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    // No viewer was there: the next one finds out.
    sleep(Duration::from_mins(1)).await;
    assert_eq!(second.hub().run("b").unwrap().wait().await.unwrap(), RunStatus::Lost);
    let events: Vec<Event> = second.hub().run("a").unwrap().follow(None).await.unwrap().collect().await;
    assert_eq!(events.last().unwrap().as_event().unwrap(), "lost");
}

#[tokio::test(start_paused = true)]
async fn many_nodes_start_one_body() {
    let cluster = TestCluster::new();
    let nodes: Vec<_> = (0..5).map(|_| cluster.start()).collect();
    let started = Arc::new(AtomicUsize::new(0));
    let starts = nodes.iter().cycle().take(40).map(|node| {
        let started = Arc::clone(&started);
        let run = node.hub().run("a").unwrap();
        async move {
            let body = move |out: Emitter| async move {
                started.fetch_add(1, Ordering::Relaxed);
                out.emit("x").await;
                sleep(Duration::from_secs(5)).await;
            };
            run.start_or_join(body).await.unwrap();
            all(run.follow(None).await.unwrap()).await
        }
    });
    for events in join_all(starts).await {
        assert_eq!(events, ["x", "{}"]);
    }
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn viewers_on_other_nodes_count() {
    let cluster = TestCluster::new();
    let (first, second) = (cluster.start(), cluster.start());
    let run = first.hub().run("a").unwrap().on_disconnect(OnDisconnect::CancelAfter(Duration::from_secs(20)));
    run.stop_grace(Duration::ZERO)
        .start_or_join(|out: Emitter| async move {
            out.emit("x").await;
            pending::<()>().await;
        })
        .await
        .unwrap();
    let here: EventStream = first.hub().run("a").unwrap().follow(None).await.unwrap();
    let elsewhere: EventStream = second.hub().run("a").unwrap().follow(None).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    drop(here);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(first.hub().run("a").unwrap().status().await.unwrap(), RunStatus::Running);
    drop(elsewhere);
    let begun = Instant::now();
    assert_eq!(first.hub().run("a").unwrap().owner("").status().await.unwrap_err().to_string(), "there is no such run");
    sleep(Duration::from_secs(19)).await;
    assert_eq!(first.hub().run("a").unwrap().status().await.unwrap(), RunStatus::Running);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(first.hub().run("a").unwrap().status().await.unwrap(), RunStatus::Cancelled, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_finds_its_runs_lost() {
    let cluster = TestCluster::with_lease(Duration::ZERO);
    let node = cluster.start();
    node.hub().run("a").unwrap().start_or_join(count).await.unwrap();
    sleep(Duration::from_millis(2500)).await;
    node.crash();
    let again = cluster.start();
    let run = again.hub().run("a").unwrap();
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["0", "1", "2", "{}"]);
    let begun = run.start_or_join(count).await.unwrap();
    assert_eq!(begun, Begun::Joined);
    run.forget().await.unwrap();
    assert_eq!(run.start_or_join(count).await.unwrap(), Begun::Started);
}

/// A viewer that lags waits for events that its node has to read. They never come when the node has died.
#[tokio::test(start_paused = true)]
async fn the_stream_of_a_slow_viewer_ends_with_its_node() {
    let cluster = TestCluster::new();
    let small = Hub::builder().cache(Cache::new().events(2));
    let (first, second) = (cluster.start(), cluster.start_with(small));
    let viewer = |node: &TestNode| node.hub().run("a").unwrap().follow::<Event>(None).into_future();
    first.hub().run("a").unwrap().start_or_join(count).await.unwrap();
    let (mut slow, late) = (viewer(&second).await.unwrap(), viewer(&second).await.unwrap());
    assert_eq!(slow.next().await.unwrap().as_data(), None);
    assert_eq!(slow.next().await.unwrap().as_data(), Some("0"));
    sleep(Duration::from_secs(9)).await;
    second.crash();
    let begun = Instant::now();
    for viewer in [slow, late] {
        assert_eq!(timeout(Duration::from_mins(1), all(viewer)).await.expect("an end"), [""; 0]);
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

/// A look at a run is followed by a time of watching, also if the run is watched already because of an earlier look.
#[tokio::test(start_paused = true)]
async fn a_run_is_lost_within_the_lease_after_a_second_look() {
    let cluster = TestCluster::new();
    let (first, second) = (cluster.start(), cluster.start());
    first.hub().run("a").unwrap().start_or_join(count).await.unwrap();
    let run = second.hub().run("a").unwrap();
    assert_eq!(run.status().await.unwrap(), RunStatus::Running);
    sleep(Duration::from_secs(6)).await;
    first.crash();
    assert_eq!(run.status().await.unwrap(), RunStatus::Running);
    sleep(Duration::from_secs(12)).await;
    assert_eq!(run.status().await.unwrap(), RunStatus::Lost);
}

/// The age of a run is that of the test's clock, also for a node that has not seen its end.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_late_knows_the_age_of_a_run() {
    let cluster = TestCluster::new();
    let first = cluster.start();
    let run = first.hub().run("a").unwrap().keep_for(Duration::from_mins(1));
    let begun = run.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
    });
    assert_eq!(begun.await.unwrap(), Begun::Started);
    assert_eq!(run.wait().await.unwrap(), RunStatus::Done);
    sleep(Duration::from_secs(40)).await;
    first.crash();
    let second = cluster.start();
    let run = second.hub().run("a").unwrap();
    assert_eq!(run.status().await.unwrap(), RunStatus::Done);
    sleep(Duration::from_secs(25)).await;
    assert!(run.status().await.unwrap_err().is_unknown());
}
