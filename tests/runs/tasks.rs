//! Tasks that the body of a run has spawned, and that wait for `stopping`.

use std::future::pending;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use touka::response::StatusCode;
use touka::run::stopping;
use touka::testing::TestCluster;
use touka::{Emitter, Hub};

use crate::scene::run;

/// A task that waits for `stopping`, and what tells that it has ended.
fn spawn_waiting(told: oneshot::Sender<()>) {
    let stopping = stopping();
    tokio::spawn(async move {
        stopping.await;
        let _ = told.send(());
    });
}

async fn is_told(tells: oneshot::Receiver<()>) {
    timeout(Duration::from_mins(1), tells).await.expect("the task waits for ever").expect("no error");
}

/// However a run ends, a task of its body does not wait for ever for a stop that cannot come any more.
#[tokio::test(start_paused = true)]
async fn a_task_of_the_body_learns_of_each_end() {
    for end in ["done", "error", "panic", "limit", "refused"] {
        let hub = Hub::memory();
        let run = run(&hub, "a").max_bytes(1000);
        let (told, tells) = oneshot::channel();
        let begun = run.start_or_join(move |out: Emitter| async move {
            spawn_waiting(told);
            if end == "refused" {
                return Err(StatusCode::CONFLICT);
            }
            out.emit("x").await;
            match end {
                "done" => Ok(()),
                "error" => Err(StatusCode::BAD_GATEWAY),
                "panic" => panic!("a body panics on purpose"),
                _ => {
                    out.emit("x".repeat(2000)).await;
                    pending().await
                }
            }
        });
        assert_eq!(begun.await.is_err(), end == "refused");
        is_told(tells).await;
    }
}

/// The body of a node that has lost its right is dropped, and its tasks learn of that.
#[tokio::test(start_paused = true)]
async fn a_task_of_a_body_that_is_cut_off_learns_of_it() {
    let cluster = TestCluster::new();
    let (first, second) = (cluster.start(), cluster.start());
    let (told, tells) = oneshot::channel();
    let begun = run(first.hub(), "a").start_or_join(|out: Emitter| async move {
        spawn_waiting(told);
        out.emit("x").await;
        pending::<()>().await;
    });
    begun.await.expect("no error");
    first.crash();
    run(second.hub(), "a").wait().await.expect("no error");
    is_told(tells).await;
}
