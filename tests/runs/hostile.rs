//! Bodies, events and functions of the user that panic, and bodies that do more than they should.

use std::future::{Future as _, pending};
use std::panic::panic_any;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;
use touka::response::StatusCode;
use touka::run::{Begun, RunStatus};
use touka::{Emitter, Event, EventStream, Hub, IntoEvent};

use crate::scene::{run, seen, start_short};

/// Panics when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic_any(Worse);
    }
}

/// A value of a panic whose destructor panics.
struct Worse;

impl Drop for Worse {
    fn drop(&mut self) {
        panic!("a value of a panic panics on purpose");
    }
}

/// The end that all these runs have.
const FAILED: &str = r#"{"status":500,"title":"Internal Server Error"}"#;

/// The key of a run whose body has panicked is free after it is forgotten, and other runs are not disturbed.
async fn is_unharmed(hub: &Hub, key: &str) {
    let run = run(hub, key);
    run.forget().await.expect("no error");
    assert_eq!(start_short(&run, "again").await.expect("no error"), Begun::Started);
    assert_eq!(seen(&run).await, ["again", "{}"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_fails() {
    let hub = Hub::memory();
    let panics = run(&hub, "a");
    let begun = panics.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        panic_any(Worse);
    });
    begun.await.expect("no error");
    assert_eq!(seen(&panics).await, ["x", FAILED]);
    assert_eq!(panics.status().await.expect("no error"), RunStatus::Failed);
    is_unharmed(&hub, "a").await;
    let begun = run(&hub, "b").start_or_join(|_: Emitter| {
        if true {
            panic_any(Worse);
        }
        async {}
    });
    assert!(begun.await.expect_err("an error").is_refused());
    assert_eq!(start_short(&run(&hub, "b"), "x").await.expect("no error"), Begun::Started);
}

/// The destructors of a body panic: after its end, when it is dropped for a stop, when it is not used, and when it fails first.
#[tokio::test(start_paused = true)]
async fn destructors_that_panic_cost_nothing_else() {
    let hub = Hub::memory();
    for stops in [false, true] {
        let run = run(&hub, "a");
        let spiteful = Spiteful;
        let begun = run.start_or_join(move |out: Emitter| async move {
            let _spiteful = spiteful;
            out.emit("x").await;
            if stops {
                pending::<()>().await;
            }
        });
        begun.await.expect("no error");
        let other = Spiteful;
        let joined = run.start_or_join(move |_: Emitter| async move { drop(other) }).await.expect("no error");
        assert_eq!(joined, Begun::Joined);
        if stops {
            run.stop().await.expect("no error");
        }
        let events = seen(&run).await;
        assert_eq!(events.len(), 2, "{events:?}");
        is_unharmed(&hub, "a").await;
        run.forget().await.expect("no error");
    }
    let spiteful = Spiteful;
    let refused = run(&hub, "b").start_or_join(move |_: Emitter| async move {
        let _spiteful = spiteful;
        Err::<(), _>(StatusCode::CONFLICT)
    });
    assert!(refused.await.expect_err("an error").is_refused());
    assert_eq!(start_short(&run(&hub, "b"), "x").await.expect("no error"), Begun::Started);
    // A start that is never polled, and one that is dropped in the middle.
    let spiteful = Spiteful;
    drop(run(&hub, "c").start_or_join(move |_: Emitter| async move { drop(spiteful) }));
    let spiteful = Spiteful;
    let begun = run(&hub, "c").start_or_join(move |_: Emitter| async move {
        let _spiteful = spiteful;
        Err::<(), StatusCode>(pending().await)
    });
    drop(tokio::time::timeout(Duration::from_millis(10), begun).await);
    assert_eq!(run(&hub, "c").stop().await.expect("no error"), StatusCode::ACCEPTED);
    assert_eq!(run(&hub, "c").wait().await.expect("no error"), RunStatus::Cancelled);
}

/// An event whose encoding panics.
struct Unspeakable;

impl IntoEvent for Unspeakable {
    fn into_event(self) -> touka::Result<Event> {
        panic_any(Worse);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_encoded_fails_its_run() {
    let hub = Hub::memory();
    let run = run(&hub, "a");
    let begun = run.start_or_join(|out: Emitter<Unspeakable>| async move {
        out.emit(Unspeakable).await;
        pending::<()>().await;
    });
    begun.await.expect("no error");
    assert_eq!(seen(&run).await, [FAILED]);
    let huge = run_of(&hub, "b");
    let begun = huge.start_or_join(|out: Emitter| async move {
        out.emit("x").await;
        out.emit("x".repeat(16 * 1024 * 1024)).await;
        pending::<()>().await;
    });
    begun.await.expect("no error");
    assert_eq!(seen(&huge).await, ["x", FAILED]);
}

fn run_of(hub: &Hub, key: &str) -> touka::run::Run {
    run(hub, key).max_bytes(usize::MAX)
}

/// If the user's function makes no event that can be sent, the last event is touka's own.
#[tokio::test(start_paused = true)]
async fn a_last_event_always_comes() {
    let hub = Hub::memory();
    let panics = run(&hub, "a").last_event(|_| panic_any(Worse));
    start_short(&panics, "x").await.expect("no error");
    assert_eq!(seen(&panics).await, ["x", "{}"]);
    let huge = run(&hub, "b").last_event(|_| Some(Event::data("x".repeat(17 * 1024 * 1024))));
    start_short(&huge, "x").await.expect("no error");
    assert_eq!(seen(&huge).await, ["x", "{}"]);
    let spiteful = Spiteful;
    let drops = run(&hub, "c").last_event(move |_| {
        let _spiteful = &spiteful;
        Some(Event::data("own"))
    });
    // The function is dropped with the last handle, here or in the run's task.
    for _ in 0..2 {
        start_short(&drops, "x").await.expect("no error");
        drops.wait().await.expect("no error");
    }
    let begun = tokio::spawn(async move { start_short(&drops, "x").await });
    assert_eq!(begun.await.expect("no error").expect("no error"), Begun::Joined);
    assert_eq!(seen(&run(&hub, "c")).await, ["x", "own"]);
    is_unharmed(&hub, "c").await;
}

/// A last event with fields of its own is sent once, with the position as its id.
#[tokio::test(start_paused = true)]
async fn a_last_event_has_the_position_as_its_id() {
    let hub = Hub::memory();
    let run = run(&hub, "a").last_event(|_| Some(Event::data("own").id("its own").retry(Duration::from_secs(7))));
    start_short(&run, "x").await.expect("no error");
    run.wait().await.expect("no error");
    let events: Vec<Event> = futures_util::StreamExt::collect(crate::scene::follow(&run).await).await;
    let last = events.last().expect("no error");
    assert!(last.as_id().expect("no error").to_string().starts_with("1."), "{last}");
    let over: EventStream = run.follow(last.as_id().cloned()).await.expect("no error");
    assert_eq!(touka::response::IntoResponse::into_response(over).status(), StatusCode::NO_CONTENT);
}

/// A task that the body has spawned emits as long as the body runs, and not any more after its end.
#[tokio::test(start_paused = true)]
async fn a_spawned_task_emits_until_the_end() {
    let hub = Hub::memory();
    let run = run(&hub, "a");
    let (told, ends) = oneshot::channel();
    let begun = run.start_or_join(|out: Emitter| async move {
        let half = Arc::new(Notify::new());
        let (out, tell) = (Arc::new(out), Arc::clone(&half));
        tokio::spawn(async move {
            for number in 0..4 {
                out.emit(Event::data(number.to_string())).await;
                if number == 1 {
                    tell.notify_one();
                    sleep(Duration::from_secs(1)).await;
                }
            }
            let _ = told.send(());
        });
        half.notified().await;
    });
    begun.await.expect("no error");
    assert_eq!(seen(&run).await, ["0", "1", "{}"]);
    // Its emits after the end do not wait for ever, or the task is dropped with what it holds.
    let _ = tokio::time::timeout(Duration::from_secs(10), ends).await;
    assert_eq!(seen(&run).await, ["0", "1", "{}"]);
}

/// Panics when it wakes a task.
struct Alarming;

impl Wake for Alarming {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics on purpose");
    }
}

/// Callers that wait for a run to open or to stop are polled with wakers that panic. The run and other callers go on.
#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_costs_no_run() {
    let hub = Hub::memory();
    let (joined, waits) = (run(&hub, "a"), run(&hub, "b"));
    let waker = Waker::from(Arc::new(Alarming));
    let mut cx = Context::from_waker(&waker);
    let body = |out: Emitter| async move {
        sleep(Duration::from_millis(100)).await;
        out.emit("x").await;
        Ok::<(), StatusCode>(())
    };
    let begun = tokio::spawn(joined.start_or_join(body));
    sleep(Duration::from_millis(10)).await;
    let mut joins = Box::pin(joined.start_or_join(body));
    assert!(joins.as_mut().poll(&mut cx).is_pending());
    assert_eq!(begun.await.expect("no panic").expect("no error"), Begun::Started);
    assert_eq!(seen(&joined).await, ["x", "{}"]);

    let (give, get) = oneshot::channel();
    let begun = waits.start_or_join(|out: Emitter| async move {
        let _ = give.send(touka::run::stopping());
        out.emit("x").await;
        sleep(Duration::from_secs(1)).await;
        out.emit("y").await;
        pending::<()>().await;
    });
    begun.await.expect("no error");
    let mut stopping = Box::pin(get.await.expect("a future"));
    assert!(stopping.as_mut().poll(&mut cx).is_pending());
    assert_eq!(waits.stop().await.expect("no error"), StatusCode::ACCEPTED);
    assert_eq!(seen(&waits).await, ["x", "y", r#"{"reason":"stopped"}"#]);
}

/// Callers that wait for the same thing are woken one after the other. One whose waker panics does not cost the others.
#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_costs_no_other_caller() {
    let hub = Hub::memory();
    let run = run(&hub, "a");
    let waker = Waker::from(Arc::new(Alarming));
    let mut cx = Context::from_waker(&waker);
    let (give, get) = oneshot::channel();
    let begun = tokio::spawn(run.start_or_join(|out: Emitter| async move {
        let _ = give.send(std::array::from_fn::<_, 80, _>(|_| touka::run::stopping()));
        sleep(Duration::from_secs(1) / 2).await;
        out.emit("x").await;
        Err::<(), StatusCode>(pending().await)
    }));
    let mut stops = get.await.expect("futures").into_iter();
    let (mut waiting, mut hostile) = (Vec::new(), Vec::new());
    for number in 0..80 {
        let mut join = Box::pin(run.start_or_join(|_: Emitter| async { Ok::<(), StatusCode>(()) }));
        let mut stop = Box::pin(stops.next().expect("a future"));
        if number % 9 == 4 {
            assert!(join.as_mut().poll(&mut cx).is_pending());
            assert!(stop.as_mut().poll(&mut cx).is_pending());
            hostile.push((join, stop));
        } else {
            waiting.push(tokio::spawn(async move { assert_eq!(join.await.expect("no error"), Begun::Joined) }));
            waiting.push(tokio::spawn(stop));
        }
        // In this order.
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.await.expect("no panic").expect("no error"), Begun::Started);
    sleep(Duration::from_secs(1)).await;
    run.stop().await.expect("no error");
    for caller in waiting {
        tokio::time::timeout(Duration::from_mins(1), caller).await.expect("a wake-up").expect("no panic");
    }
}
