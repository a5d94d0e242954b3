//! Viewers that come and go, on other nodes and before the first event.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use touka::extract::State;
use touka::response::StatusCode;
use touka::run::{OnDisconnect, Run, RunStatus};
use touka::testing::TestApp;
use touka::{Emitter, EventStream, Hub, Router, route, routes, sse_handler};

use crate::scene::{follow, run, settle, start_endless};
use crate::slow::Slow;
use crate::store::Store;

/// A handler whose response waits for the first event, which comes after half a second.
#[sse_handler(detached = "held/{id}", on_disconnect = cancel, stop_grace = "0s")]
#[route(POST, "/held/{id}")]
async fn held(id: String) -> Result<EventStream, StatusCode> {
    sleep(Duration::from_millis(500)).await;
    emit!(id);
    pending::<()>().await;
}

/// [`held`] for runs of an owner.
#[sse_handler(detached = "held/{id}", owner = "{owner}", on_disconnect = cancel, stop_grace = "0s")]
#[route(POST, "/of/{owner}/held/{id}")]
async fn owned(owner: String, id: String) -> Result<EventStream, StatusCode> {
    sleep(Duration::from_millis(500)).await;
    emit!(id);
    pending::<()>().await;
}

/// Starts the run of a client that is about to come, and does not wait for it.
#[route(POST, "/prepared/{id}")]
async fn prepare(State(hub): State<Hub>, id: String) -> StatusCode {
    let run = run(&hub, &format!("held/{id}")).owner("alice").on_disconnect(OnDisconnect::Cancel);
    tokio::spawn(run.start_or_join(|out: Emitter| async move {
        sleep(Duration::from_millis(500)).await;
        out.emit("x").await;
        Err::<(), StatusCode>(pending().await)
    }));
    StatusCode::ACCEPTED
}

fn app(hub: Hub) -> (Hub, TestApp) {
    let router: Router = Router::new().mount(routes![held, owned, prepare]).with_state(hub.clone());
    (hub, TestApp::new(router))
}

async fn leaves(app: &TestApp, path: &str, after: Duration) {
    let left = timeout(after, app.post(path).events()).await;
    assert!(left.is_err(), "the response has come");
}

async fn is_cancelled_within(run: &Run, time: Duration) -> bool {
    sleep(time).await;
    run.status().await.expect("a run") == RunStatus::Cancelled
}

/// The client that starts a run leaves before the response: no client watches the run.
#[tokio::test(start_paused = true)]
async fn a_starter_that_leaves_early_is_a_viewer_that_left() {
    for patience in [1, 300] {
        let (hub, app) = app(Hub::memory());
        leaves(&app, "/held/a", Duration::from_millis(patience)).await;
        assert!(is_cancelled_within(&run(&hub, "held/a"), Duration::from_millis(10)).await, "{patience} ms");
    }
    // Before it is decided whether there is a run.
    let (hub, app) = app(Hub::builder().engine(Slow::default()));
    leaves(&app, "/held/a", Duration::from_millis(500)).await;
    assert!(is_cancelled_within(&run(&hub, "held/a"), Duration::from_millis(600)).await);
}

/// One of two clients that wait for the response leaves: the other one is a viewer.
#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_run_keeps_it() {
    let (hub, app) = app(Hub::memory());
    let (one, two) = (app.clone(), app.clone());
    let first = tokio::spawn(async move { leaves(&one, "/held/a", Duration::from_millis(100)).await });
    let second = tokio::spawn(async move { two.post("/held/a").events().await });
    first.await.expect("no panic");
    let mut events = second.await.expect("no panic");
    assert_eq!(events.next_event().await.expect("an event").data, "a");
    let run = run(&hub, "held/a");
    assert!(!is_cancelled_within(&run, Duration::from_secs(10)).await);
    events.disconnect();
    assert!(is_cancelled_within(&run, Duration::from_millis(10)).await);
}

/// A client for which the run does not exist is no viewer: neither while it waits nor when it leaves.
#[tokio::test(start_paused = true)]
async fn a_client_that_may_not_see_a_run_does_not_end_it() {
    let (hub, app) = app(Hub::builder().engine(Slow::default()));
    assert_eq!(app.post("/prepared/a").send().await.status(), 202);
    sleep(Duration::from_millis(100)).await;
    // While it is not decided yet whether there is a run, and before its first event.
    leaves(&app, "/held/a", Duration::from_millis(500)).await;
    leaves(&app, "/of/bob/held/a", Duration::from_millis(100)).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(app.post("/of/bob/held/a").send().await.status(), 404);
    let run = run(&hub, "held/a").owner("alice");
    assert!(!is_cancelled_within(&run, Duration::from_secs(10)).await);
    drop(follow(&run).await);
    assert!(is_cancelled_within(&run, Duration::from_secs(6)).await);
}

/// Two nodes, and a run of the first one that is stopped when it has no viewers.
async fn nodes(store: &Store, then: OnDisconnect) -> [Run; 2] {
    let runs = [(); 2].map(|()| {
        let hub = Hub::builder().engine(store.clone());
        run(&hub, "a").on_disconnect(then).stop_grace(Duration::ZERO).max_run(Duration::from_hours(20))
    });
    start_endless(&runs[0], "x").await.expect("no error");
    runs
}

/// The entries of the run's log.
fn entries(store: &Store) -> usize {
    store.events("\0run/a")
}

/// The last viewer of a node leaves, and the run has no other one: it is stopped at once.
#[tokio::test(start_paused = true)]
async fn a_viewer_of_another_node_that_leaves_stops_the_run() {
    for visits in 1..=4 {
        let store = Store::default();
        let [here, elsewhere] = nodes(&store, OnDisconnect::Cancel).await;
        let stays = follow(&here).await;
        for _ in 1..visits {
            let viewer = follow(&elsewhere).await;
            settle().await;
            drop(viewer);
            settle().await;
        }
        let viewer = follow(&elsewhere).await;
        settle().await;
        drop(stays);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(here.status().await.expect("a run"), RunStatus::Running);
        drop(viewer);
        assert!(is_cancelled_within(&here, Duration::from_millis(2)).await, "{visits} visits");
    }
}

/// Viewers of another node that come and go quickly do not fill the log of the run.
#[tokio::test(start_paused = true)]
async fn visits_in_quick_succession_do_not_fill_the_log() {
    for then in [OnDisconnect::Cancel, OnDisconnect::CancelAfter(Duration::from_secs(30))] {
        let store = Store::default();
        let [here, elsewhere] = nodes(&store, then).await;
        let stays = follow(&here).await;
        let (before, begun) = (entries(&store), Instant::now());
        for _ in 0..5_000 {
            let viewer = follow(&elsewhere).await;
            settle().await;
            drop(viewer);
            settle().await;
        }
        let seconds = usize::try_from(begun.elapsed().as_secs()).expect("a few seconds");
        let notes = entries(&store) - before;
        assert!((8..=2 * (4 + seconds / 5 + 1)).contains(&notes), "{notes} notes in {seconds} s");
        assert_eq!(here.status().await.expect("a run"), RunStatus::Running);

        // The last of them is gone soon, and a viewer that is there counts at once.
        let viewer = follow(&elsewhere).await;
        settle().await;
        drop(stays);
        sleep(Duration::from_hours(1)).await;
        assert_eq!(here.status().await.expect("a run"), RunStatus::Running);
        let last = follow(&elsewhere).await;
        drop(viewer);
        settle().await;
        drop(last);
        let patience = if then == OnDisconnect::Cancel { 0 } else { 30 };
        assert!(is_cancelled_within(&here, Duration::from_secs(patience + 6)).await);
    }
}

/// After visits in quick succession the departure of the last viewer is told within five seconds.
#[tokio::test(start_paused = true)]
async fn a_departure_after_many_visits_is_told_within_five_seconds() {
    let store = Store::default();
    let [here, elsewhere] = nodes(&store, OnDisconnect::Cancel).await;
    let stays = follow(&here).await;
    for _ in 0..100 {
        let viewer = follow(&elsewhere).await;
        settle().await;
        drop(viewer);
        settle().await;
    }
    let viewer = follow(&elsewhere).await;
    settle().await;
    drop(stays);
    settle().await;
    drop(viewer);
    assert_eq!(here.status().await.expect("a run"), RunStatus::Running);
    assert!(is_cancelled_within(&here, Duration::from_millis(5_010)).await);
}
