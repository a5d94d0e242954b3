//! Limits: their exact values, and what happens at them.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use touka::response::{IntoResponse as _, StatusCode};
use touka::run::{Begun, OnDisconnect, RunStatus};
use touka::{Emitter, Event, Hub};

use crate::scene::{follow, run, seen, settle, start_endless, start_short};

/// A client that comes back to a run that has ended is served, however many others are under way.
#[tokio::test(start_paused = true)]
async fn a_full_hub_joins_the_runs_that_there_are() {
    let hub = Hub::memory();
    let (old, other, new) = (run(&hub, "old"), run(&hub, "other"), run(&hub, "new"));
    assert_eq!(start_short(&old, "x").await.expect("no error"), Begun::Started);
    old.wait().await.expect("no error");
    hub.set_max_runs(1);
    assert_eq!(start_endless(&other, "x").await.expect("no error"), Begun::Started);
    assert_eq!(start_short(&old, "y").await.expect("no error"), Begun::Joined);
    assert_eq!(start_short(&other, "y").await.expect("no error"), Begun::Joined);
    let refused = start_short(&new, "x").await.expect_err("an error");
    assert!(refused.is_too_many());
    assert_eq!(refused.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(new.status().await.expect_err("an error").is_unknown());
    assert!(hub.stop_runs(Duration::from_secs(10)).await);
    assert_eq!(start_short(&old, "y").await.expect("no error"), Begun::Joined);
    assert_eq!(start_short(&other, "y").await.expect("no error"), Begun::Joined);
    assert!(start_short(&new, "x").await.expect_err("an error").is_shutting_down());
    assert_eq!(seen(&old).await, ["x", "{}"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_are_exact_for_starts_at_the_same_time() {
    for owner in [None, Some("alice")] {
        let hub = Hub::memory();
        match owner {
            Some(_) => hub.set_max_runs_per_owner(7),
            None => hub.set_max_runs(7),
        }
        let (started, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let starts: Vec<_> = (0..60)
            .map(|number| {
                let (mut run, started, end) = (run(&hub, &number.to_string()), Arc::clone(&started), Arc::clone(&end));
                if let Some(owner) = owner {
                    run = run.owner(owner);
                }
                tokio::spawn(async move {
                    let begun = run.start_or_join(move |out: Emitter| async move {
                        started.fetch_add(1, Ordering::Relaxed);
                        out.emit("x").await;
                        end.notified().await;
                    });
                    begun.await.map(|_| run)
                })
            })
            .collect();
        let (mut running, mut refused) = (Vec::new(), 0);
        for start in starts {
            match start.await.expect("no error") {
                Ok(run) => running.push(run),
                Err(error) => {
                    assert!(error.is_too_many());
                    let status = if owner.is_some() { 429 } else { 503 };
                    assert_eq!(error.into_response().status().as_u16(), status);
                    refused += 1;
                }
            }
        }
        assert_eq!((running.len(), refused), (7, 53));
        for run in &running {
            end.notify_one();
            let _ = run;
        }
        for run in &running {
            run.wait().await.expect("no error");
            run.forget().await.expect("no error");
        }
        assert_eq!(started.load(Ordering::Relaxed), 7);
        // All places are free again.
        for number in 0..7 {
            let again = run(&hub, &format!("again {number}"));
            let again = if let Some(owner) = owner { again.owner(owner) } else { again };
            assert_eq!(start_endless(&again, "x").await.expect("no error"), Begun::Started);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_start_takes_no_place() {
    let hub = Hub::memory();
    hub.set_max_runs(1);
    hub.set_max_runs_per_owner(1);
    let run = run(&hub, "a").owner("alice");
    for _ in 0..3 {
        let refused = run.start_or_join(|_: Emitter| async { Err::<(), _>(StatusCode::CONFLICT) }).await;
        assert_eq!(refused.expect_err("an error").into_response().status(), StatusCode::CONFLICT);
    }
    let refused =
        run.start_or_join(|_: Emitter| async { if true { panic!("on purpose") } else { Ok::<(), StatusCode>(()) } });
    assert!(refused.await.expect_err("an error").is_refused());
    assert!(run.status().await.expect_err("an error").is_unknown());
    assert_eq!(start_short(&run, "x").await.expect("no error"), Begun::Started);
}

#[tokio::test(start_paused = true)]
async fn max_bytes_is_exact() {
    let hub = Hub::memory();
    let event = || Event::data("x".repeat(100));
    let bytes = event().to_string().len() * 3;
    for (most, ends) in [(bytes, RunStatus::Done), (bytes - 1, RunStatus::Failed), (0, RunStatus::Failed)] {
        let run = run(&hub, &most.to_string()).max_bytes(most);
        let begun = run.start_or_join(move |out: Emitter| async move {
            for _ in 0..3 {
                out.emit(event()).await;
            }
        });
        begun.await.expect("no error");
        assert_eq!(run.wait().await.expect("no error"), ends, "{most}");
        let events = seen(&run).await;
        let expected = if ends == RunStatus::Done {
            3
        } else if most == 0 {
            0
        } else {
            2
        };
        assert_eq!(events.len(), expected + 1);
        if ends == RunStatus::Failed {
            assert_eq!(events[expected], r#"{"status":507,"title":"Insufficient Storage","limit":"max_bytes"}"#);
        }
    }
}

/// A body that never says anything: the start is ready after a second, and the run ends.
#[tokio::test(start_paused = true)]
async fn a_silent_body_opens_and_ends() {
    let hub = Hub::memory();
    let run = run(&hub, "a").max_run(Duration::from_mins(1)).stop_grace(Duration::from_secs(10));
    let begun = Instant::now();
    let start = run.start_or_join(|_: Emitter| async { Err::<(), StatusCode>(pending().await) });
    assert_eq!(start.await.expect("no error"), Begun::Started);
    assert_eq!(begun.elapsed().as_secs(), 1);
    let data = r#"{"status":504,"title":"Gateway Timeout","limit":"max_run"}"#;
    assert_eq!(seen(&run).await, [data]);
    assert_eq!(begun.elapsed().as_secs(), 70);
    assert_eq!(run.status().await.expect("no error"), RunStatus::Failed);
}

/// The start of a body that cannot fail does not wait for its first event.
#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_fail_opens_at_once() {
    let hub = Hub::memory();
    let begun = Instant::now();
    let start = run(&hub, "a").start_or_join(|_: Emitter| pending::<()>());
    assert_eq!(start.await.expect("no error"), Begun::Started);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Every setting with no time, and with all the time that there is.
#[tokio::test(start_paused = true)]
async fn extreme_durations_are_no_trouble() {
    for time in [Duration::ZERO, Duration::MAX] {
        for which in 0..6 {
            let hub = Hub::memory();
            let run = run(&hub, "a").owner("alice");
            let run = match which {
                0 => run.stop_grace(time),
                1 => run.max_run(time),
                2 => run.keep_for(time),
                3 => run.on_disconnect(OnDisconnect::CancelAfter(time)),
                4 => run.stop_grace(time).max_run(time),
                _ => run.stop_grace(time).max_run(time).keep_for(time).on_disconnect(OnDisconnect::CancelAfter(time)),
            };
            let begun = run.start_or_join(|out: Emitter| async move {
                out.emit("x").await;
                sleep(Duration::from_secs(1)).await;
                out.emit("y").await;
            });
            assert_eq!(begun.await.expect("no error"), Begun::Started, "{which}");
            let ended = tokio::time::timeout(Duration::from_hours(1), run.wait()).await.expect("an end");
            match (which, time) {
                (_, Duration::MAX) | (0 | 2 | 3, _) => assert_eq!(ended.expect("no error"), RunStatus::Done, "{which}"),
                (1 | 4, _) => assert_eq!(ended.expect("no error"), RunStatus::Failed, "{which}"),
                _ => {}
            }
            settle().await;
            sleep(Duration::from_secs(1)).await;
            let is_kept = time == Duration::MAX || !matches!(which, 2 | 5);
            assert_eq!(run.status().await.is_ok(), is_kept, "{which} {time:?}");
            if !is_kept {
                assert_eq!(start_short(&run, "x").await.expect("no error"), Begun::Started);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_grace_drops_the_body_at_once() {
    let hub = Hub::memory();
    let run = run(&hub, "a").stop_grace(Duration::ZERO);
    start_endless(&run, "x").await.expect("no error");
    let viewer = follow(&run).await;
    settle().await;
    let begun = Instant::now();
    run.stop().await.expect("no error");
    assert_eq!(crate::scene::all(viewer).await.last().expect("no error"), r#"{"reason":"stopped"}"#);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// The list of an owner keeps a run for as long as the run is kept, whatever other runs are started.
#[tokio::test(start_paused = true)]
async fn a_short_run_does_not_hide_a_long_one() {
    let hub = Hub::memory();
    let long = run(&hub, "long").owner("alice").keep_for(Duration::from_hours(100));
    start_short(&long, "x").await.expect("no error");
    let short = |key: &str| {
        let run = run(&hub, key).owner("alice").keep_for(Duration::ZERO);
        run.max_run(Duration::from_secs(1)).stop_grace(Duration::ZERO)
    };
    for key in ["a", "b", "c"] {
        start_short(&short(key), "x").await.expect("no error");
        sleep(Duration::from_hours(20)).await;
    }
    let runs = hub.runs("alice").await.expect("no error");
    assert_eq!(runs.iter().map(touka::run::RunInfo::key).collect::<Vec<_>>(), ["long"]);
    sleep(Duration::from_hours(41)).await;
    assert!(hub.runs("alice").await.expect("no error").is_empty());
}
