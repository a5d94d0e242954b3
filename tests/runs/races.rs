//! Two things at once, and shutdowns of all kinds.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use support::Folder;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use touka::response::StatusCode;
use touka::run::{Begun, OnDisconnect, RunStatus, stopping};
use touka::{Emitter, Event, EventStream, Hub};

use crate::scene::{all, follow, run, seen, settle, start_endless, start_short};

/// The end of a stream that must come.
async fn ends(stream: EventStream) -> Vec<String> {
    timeout(Duration::from_mins(1), all(stream)).await.expect("an end")
}

/// Starts, waits, forgets and starts again, while others do the same: a start that has joined has a run to follow, unless
/// another caller has forgotten that, and the body runs once for each start.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_forgotten_key_is_free_at_once() {
    let folder = Folder::new();
    for hub in [Hub::memory(), Hub::open(folder.path("events")).expect("no error")] {
        let rounds = 60;
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let run = run(&hub, &task.to_string());
                tokio::spawn(async move {
                    for _ in 0..rounds {
                        assert_eq!(start_short(&run, "x").await.expect("no error"), Begun::Started);
                        // A second viewer, whose waiting ends at the same time.
                        let (other, mine) = tokio::join!(run.wait(), ends(follow(&run).await));
                        assert_eq!((other.expect("no error"), mine.len()), (RunStatus::Done, 2));
                        run.forget().await.expect("no error");
                        assert!(run.status().await.expect_err("an error").is_unknown());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no error");
        }
    }
}

/// Many callers start, stop, follow, wait for and forget one key. Every stream ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn anything_at_once_ends() {
    let folder = Folder::new();
    for hub in [Hub::memory(), Hub::open(folder.path("events")).expect("no error")] {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (run, running, most) = (run(&hub, "a"), Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    for round in 0..40 {
                        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                        match (task + round) % 8 {
                            0..=2 => {
                                let begun = run.start_or_join(move |out: Emitter| async move {
                                    let _count = Count::new(running, &most);
                                    out.emit("x").await;
                                    tokio::task::yield_now().await;
                                    out.emit("y").await;
                                });
                                begun.await.expect("no error");
                            }
                            3 => drop(run.stop().await),
                            4 => drop(run.forget().await),
                            5 => drop(timeout(Duration::from_mins(1), run.wait()).await.expect("an end")),
                            _ => {
                                if let Ok(stream) = run.follow(None).await {
                                    ends(stream).await;
                                }
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no error");
        }
        assert_eq!(most.load(Ordering::Relaxed), 1, "two bodies ran at the same time");
        assert!(hub.stop_runs(Duration::from_secs(10)).await);
    }
}

/// Counts bodies that run.
struct Count(Arc<AtomicUsize>);

impl Count {
    fn new(running: Arc<AtomicUsize>, most: &AtomicUsize) -> Self {
        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        Self(running)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_same_breath_as_the_end_is_one_end() {
    for early in [false, true] {
        let hub = Hub::memory();
        let run = run(&hub, "a");
        let end = Arc::new(Notify::new());
        let ends = Arc::clone(&end);
        let begun = run.start_or_join(|out: Emitter| async move {
            out.emit("x").await;
            ends.notified().await;
        });
        begun.await.expect("no error");
        settle().await;
        if early {
            end.notify_one();
        }
        assert_eq!(run.stop().await.expect("no error"), StatusCode::ACCEPTED);
        end.notify_one();
        assert_eq!(seen(&run).await, ["x", r#"{"reason":"stopped"}"#]);
        assert_eq!(run.stop().await.expect("no error"), StatusCode::NO_CONTENT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_of_a_forgotten_run_ends() {
    let hub = Hub::memory();
    let run = run(&hub, "a");
    start_short(&run, "x").await.expect("no error");
    run.wait().await.expect("no error");
    let mut viewer = follow(&run).await;
    assert!(viewer.next().await.expect("no error").as_data().is_none());
    run.forget().await.expect("no error");
    ends(viewer).await;
    assert!(run.forget().await.expect_err("an error").is_unknown());
    assert_eq!(start_short(&run, "y").await.expect("no error"), Begun::Started);
    assert_eq!(seen(&run).await, ["y", "{}"]);
}

/// A caller that stops to poll, at every point of a start, leaves a run that has an end, or none.
#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_leaves_no_half_of_a_run() {
    for polls in 0..6 {
        let hub = Hub::memory();
        let run = run(&hub, "a").max_run(Duration::from_secs(100)).owner("alice");
        {
            let mut begun = Box::pin(run.start_or_join(|out: Emitter| async move {
                sleep(Duration::from_millis(500)).await;
                out.emit("x").await;
                Ok::<(), StatusCode>(())
            }));
            for _ in 0..polls {
                if begun.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if let Ok(status) = run.wait().await {
            assert_eq!(status, RunStatus::Done);
            assert_eq!(seen(&run).await, ["x", "{}"]);
        }
        sleep(Duration::from_secs(1)).await;
        let again = start_short(&run, "x").await.expect("no error");
        assert_eq!(again == Begun::Joined, run.wait().await.is_ok() && polls > 0, "{polls}");
        assert!(hub.stop_runs(Duration::ZERO).await);
    }
}

/// A viewer that comes and leaves while the body does not wait for anything counts.
#[tokio::test(start_paused = true)]
async fn a_short_visit_counts() {
    let hub = Hub::memory();
    let run = run(&hub, "a").on_disconnect(OnDisconnect::Cancel);
    start_endless(&run, "x").await.expect("no error");
    drop(follow(&run).await);
    assert_eq!(timeout(Duration::from_mins(1), run.clone().wait_unseen()).await.expect("an end"), RunStatus::Cancelled);
}

/// Waiting without being a viewer.
trait WaitUnseen {
    async fn wait_unseen(self) -> RunStatus;
}

impl WaitUnseen for touka::run::Run {
    async fn wait_unseen(self) -> RunStatus {
        loop {
            match self.status().await.expect("no error") {
                RunStatus::Running => sleep(Duration::from_millis(100)).await,
                over => return over,
            }
        }
    }
}

/// Closing a hub ends streams, and not the runs: they end by themselves, and none is started.
#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_its_runs_and_starts_none() {
    let hub = Hub::memory();
    let run_a = run(&hub, "a");
    let begun = run_a.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        sleep(Duration::from_secs(5)).await;
        out.emit("y").await;
    });
    begun.await.expect("no error");
    let viewer = follow(&run_a).await;
    settle().await;
    hub.close();
    ends(viewer).await;
    for _ in 0..2 {
        let refused = start_short(&run(&hub, "b"), "x").await;
        assert!(refused.expect_err("an error").is_shutting_down());
        assert!(run(&hub, "b").status().await.expect_err("an error").is_unknown());
    }
    assert_eq!(
        timeout(Duration::from_mins(1), run_a.wait()).await.expect("an end").expect("no error"),
        RunStatus::Done
    );
    assert_eq!(start_short(&run_a, "x").await.expect("no error"), Begun::Joined);
    assert!(hub.stop_runs(Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn runs_are_stopped_twice_and_during_a_start() {
    let hub = Hub::memory();
    let run_a = run(&hub, "a");
    let begun = run_a.start_or_join(|out: Emitter| async move {
        stopping().await;
        out.emit("stops").await;
        sleep(Duration::from_secs(2)).await;
        Ok::<(), StatusCode>(())
    });
    let stop = async {
        tokio::task::yield_now().await;
        let (one, two) = tokio::join!(hub.stop_runs(Duration::from_secs(10)), hub.stop_runs(Duration::from_secs(10)));
        assert!(one && two);
    };
    let (begun, ()) = tokio::join!(begun, stop);
    assert!(matches!(begun, Ok(Begun::Started)), "{begun:?}");
    assert_eq!(seen(&run_a).await, ["stops", r#"{"reason":"shutdown"}"#]);
    assert!(hub.stop_runs(Duration::MAX).await);
}

/// The time of `stop_runs` is over before a body ends.
#[tokio::test(start_paused = true)]
async fn stop_runs_does_not_wait_for_ever() {
    let hub = Hub::memory();
    let run = run(&hub, "a").stop_grace(Duration::MAX);
    start_endless(&run, "x").await.expect("no error");
    assert!(!hub.stop_runs(Duration::from_secs(10)).await);
    assert_eq!(run.status().await.expect("no error"), RunStatus::Running);
}

/// The runtime of the bodies shuts down while a viewer is in another one.
#[test]
fn a_runtime_that_shuts_down_loses_its_runs() {
    let folder = Folder::new();
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("no error");
    for (hub, owns) in
        [Hub::memory(), Hub::open(folder.path("events")).expect("no error")].into_iter().zip([false, true])
    {
        let (bodies, viewers) = (runtime(), runtime());
        let run = run(&hub, "a");
        let run = if owns { run.last_event(|status| Some(Event::data(status.as_str()))) } else { run };
        bodies.block_on(async {
            start_endless(&run, "x").await.expect("no error");
            // Starts that are not decided.
            for key in 0..20 {
                let run = hub.run(format!("b{key}")).expect("no error");
                let begun = run.start_or_join(|_: Emitter| async { Err::<(), StatusCode>(pending().await) });
                tokio::spawn(begun);
            }
        });
        // In a file, the event that is emitted is stored a moment later.
        let viewer = viewers.block_on(async {
            let mut viewer = follow(&run).await;
            while viewer.next().await.expect("an event").as_data() != Some("x") {}
            viewer
        });
        bodies.shutdown_timeout(Duration::from_mins(1));
        if owns {
            // In a file, the next caller that looks at the run finds it.
            assert_eq!(viewers.block_on(run.status()).expect("no error"), RunStatus::Lost);
        }
        let events = viewers.block_on(ends(viewer));
        assert_eq!(events, [if owns { "lost" } else { "{}" }]);
        viewers.block_on(async {
            assert_eq!(run.status().await.expect("no error"), RunStatus::Lost);
            for key in 0..20 {
                let run = hub.run(format!("b{key}")).expect("no error");
                match run.wait().await {
                    Ok(status) => assert_eq!(status, RunStatus::Lost),
                    Err(error) => assert!(error.is_unknown()),
                }
            }
            assert!(hub.stop_runs(Duration::from_secs(1)).await);
        });
    }
}

/// A run keeps its hub, so that its viewers get its end.
#[tokio::test(start_paused = true)]
async fn a_dropped_hub_does_not_end_its_runs() {
    let hub = Hub::memory();
    let run = run(&hub, "a");
    let begun = run.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        sleep(Duration::from_secs(5)).await;
        out.emit("y").await;
    });
    begun.await.expect("no error");
    let viewer = follow(&run).await;
    drop((hub, run));
    assert_eq!(ends(viewer).await, ["x", "y", "{}"]);
}
