//! The life of a run in the memory of one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::sleep;
use touka::response::{IntoResponse as _, StatusCode};
use touka::run::{Begun, OnDisconnect, RunStatus, stopping};
use touka::{Emitter, Event, EventStream, Hub};

/// The data of all events of a stream, to its end.
pub(crate) async fn all(stream: EventStream) -> Vec<String> {
    let events: Vec<Event> = stream.collect().await;
    events.iter().filter_map(|event| Some(event.as_data()?.to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_outlives_its_first_viewer() {
    let hub = Hub::memory();
    let run = hub.run("a").unwrap();
    let begun = run
        .start_or_join(|out: Emitter| async move {
            for number in 0..3 {
                sleep(Duration::from_secs(1)).await;
                out.emit(Event::data(number.to_string())).await;
            }
        })
        .await
        .unwrap();
    assert_eq!(begun, Begun::Started);
    let mut first: EventStream = run.follow(None).await.unwrap();
    let position = first.next().await.unwrap();
    assert!(position.as_data().is_none());
    let seen = first.next().await.unwrap();
    assert_eq!(seen.as_data(), Some("0"));
    drop(first);
    let joined = run
        .start_or_join(|out: Emitter| async move {
            out.emit("never").await;
        })
        .await
        .unwrap();
    assert_eq!(joined, Begun::Joined);
    assert_eq!(run.status().await.unwrap(), RunStatus::Running);
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["0", "1", "2", "{}"]);
    assert_eq!(all(run.follow(seen.as_id().cloned()).await.unwrap()).await, ["1", "2", "{}"]);
    assert_eq!(run.wait().await.unwrap(), RunStatus::Done);
    let events: Vec<Event> = run.follow(None).await.unwrap().collect().await;
    let over: EventStream = run.follow(events.last().unwrap().as_id().cloned()).await.unwrap();
    assert_eq!(over.into_response().status(), StatusCode::NO_CONTENT);
    sleep(Duration::from_secs(3601)).await;
    assert!(run.status().await.unwrap_err().is_unknown());
    let begun = run
        .start_or_join(|out: Emitter| async move {
            out.emit("anew").await;
        })
        .await
        .unwrap();
    assert_eq!(begun, Begun::Started);
    assert_eq!(all(run.follow(seen.as_id().cloned()).await.unwrap()).await.len(), 3);
    run.wait().await.unwrap();
    run.forget().await.unwrap();
    assert!(run.follow::<Event>(None).await.unwrap_err().is_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_run() {
    let hub = Hub::memory();
    let run = hub.run("a").unwrap();
    run.start_or_join(|out: Emitter| async move {
        stopping().await;
        out.emit("stopped").await;
        std::future::pending::<()>().await;
    })
    .await
    .unwrap();
    assert_eq!(run.stop().await.unwrap(), StatusCode::ACCEPTED);
    assert_eq!(run.wait().await.unwrap(), RunStatus::Cancelled);
    assert_eq!(run.stop().await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["stopped", r#"{"reason":"stopped"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_first_leaves_no_run() {
    let hub = Hub::memory();
    let run = hub.run("a").unwrap().owner("alice");
    let refused = run
        .start_or_join(|out: Emitter| async move {
            sleep(Duration::from_millis(100)).await;
            if true {
                return Err(StatusCode::IM_A_TEAPOT);
            }
            out.emit("x").await;
            Ok(())
        })
        .await
        .unwrap_err();
    assert!(refused.is_refused());
    assert_eq!(refused.into_response().status(), StatusCode::IM_A_TEAPOT);
    assert!(run.status().await.unwrap_err().is_unknown());
    assert!(hub.runs("alice").await.unwrap().is_empty());
    run.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        Err::<(), _>(StatusCode::BAD_GATEWAY)
    })
    .await
    .unwrap();
    assert_eq!(run.wait().await.unwrap(), RunStatus::Failed);
    let runs = hub.runs("alice").await.unwrap();
    assert_eq!(runs.iter().map(|run| (run.key(), run.status())).collect::<Vec<_>>(), [("a", RunStatus::Failed)]);
    assert!(hub.run("a").unwrap().status().await.unwrap_err().is_unknown());
    assert!(hub.run("a").unwrap().owner("bob").stop().await.unwrap_err().is_unknown());
    let events = all(run.follow(None).await.unwrap()).await;
    assert_eq!(events, ["x", r#"{"status":502,"title":"Bad Gateway"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_needs_viewers_stops_without_them() {
    let hub = Hub::memory();
    let run = hub.run("a").unwrap().on_disconnect(OnDisconnect::CancelAfter(Duration::from_secs(30)));
    let dropped = Arc::new(Notify::new());
    struct Tell(Arc<Notify>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let tell = Tell(Arc::clone(&dropped));
    run.start_or_join(|out: Emitter| async move {
        let _tell = tell;
        out.emit("x").await;
        std::future::pending::<()>().await;
    })
    .await
    .unwrap();
    // A run that has not had any viewer goes on.
    sleep(Duration::from_secs(60)).await;
    let viewer: EventStream = run.follow(None).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    drop(viewer);
    sleep(Duration::from_secs(29)).await;
    let viewer: EventStream = run.follow(None).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert!(dropped.notified().now_or_never().is_none());
    drop(viewer);
    let begun = tokio::time::Instant::now();
    dropped.notified().await;
    // After the patience and the grace.
    assert_eq!(begun.elapsed().as_secs(), 35);
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["x", r#"{"reason":"left"}"#]);
}

#[tokio::test(start_paused = true)]
async fn many_starts_run_one_body() {
    let hub = Hub::memory();
    let started = Arc::new(AtomicUsize::new(0));
    let starts = (0..50).map(|_| {
        let (run, started) = (hub.run("a").unwrap(), Arc::clone(&started));
        async move {
            run.start_or_join(|out: Emitter| async move {
                started.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(5)).await;
                out.emit("x").await;
                Ok::<(), StatusCode>(())
            })
            .await
            .unwrap()
        }
    });
    let begun = futures_util::future::join_all(starts).await;
    assert_eq!(begun.iter().filter(|begun| **begun == Begun::Started).count(), 1);
    hub.run("a").unwrap().wait().await.unwrap();
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_stops_runs_and_starts_none() {
    let hub = Hub::memory();
    let run = hub.run("a").unwrap();
    run.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        std::future::pending::<()>().await;
    })
    .await
    .unwrap();
    assert!(hub.stop_runs(Duration::from_secs(10)).await);
    assert_eq!(all(run.follow(None).await.unwrap()).await, ["x", r#"{"reason":"shutdown"}"#]);
    let refused = hub
        .run("b")
        .unwrap()
        .start_or_join(|out: Emitter| async move {
            out.emit("x").await;
        })
        .await;
    assert!(refused.unwrap_err().is_shutting_down());
}
