//! Tests of `Frames`: when it returns a frame, and when it lets the server flush one.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use super::body::Frames;
use crate::event::Event;
use crate::stream::{Emitter, EventStream, frame_id};

fn frames<B: Future<Output = ()> + Send + 'static>(body: impl FnOnce(Emitter) -> B) -> Frames<Event> {
    Frames::new(EventStream::generate(body))
}

async fn next(frames: &mut Frames<Event>) -> Option<Bytes> {
    Some(frames.frame().await?.unwrap().into_data().unwrap())
}

/// Whether the body has no frame now.
async fn is_pending(frames: &mut Frames<Event>) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *frames).poll_frame(cx).is_pending())).await
}

#[tokio::test]
async fn the_head_and_each_event_are_flushed_before_the_body_runs_on() {
    let steps = Arc::new(AtomicU32::new(0));
    let step = Arc::clone(&steps);
    let mut frames = frames(|out| async move {
        for text in ["a", "b"] {
            step.fetch_add(1, Relaxed);
            out.emit(text).await;
        }
        step.fetch_add(1, Relaxed);
        pending::<()>().await;
    });
    for (count, frame) in [(0, "data: a\n\n"), (1, "data: b\n\n")] {
        // A server flushes here.
        assert!(is_pending(&mut frames).await);
        assert_eq!(steps.load(Relaxed), count, "the body ran before");
        assert_eq!(next(&mut frames).await.unwrap(), frame);
    }
    assert!(is_pending(&mut frames).await);
    assert_eq!(steps.load(Relaxed), 2);
    assert!(is_pending(&mut frames).await);
    assert_eq!(steps.load(Relaxed), 3);
}

/// The handler's body waits after its emit and could go on at the next poll. The event is flushed before.
#[tokio::test]
async fn an_event_is_flushed_before_its_body_works_on() {
    let (go, wait) = tokio::sync::oneshot::channel();
    let steps = Arc::new(AtomicU32::new(0));
    let step = Arc::clone(&steps);
    let mut frames = frames(|out| async move {
        // After these the events share frames, and the emits are ready at once.
        for _ in 0..50 {
            out.emit("quick").await;
        }
        wait.await.unwrap();
        step.fetch_add(1, Relaxed);
        pending::<()>().await;
    });
    let mut text = Vec::new();
    while text.len() < 50 * "data: quick\n\n".len() {
        text.extend_from_slice(&next(&mut frames).await.unwrap());
    }
    go.send(()).unwrap();
    assert!(is_pending(&mut frames).await);
    assert_eq!(steps.load(Relaxed), 0);
    assert!(is_pending(&mut frames).await);
    assert_eq!(steps.load(Relaxed), 1);
}

/// Polls a body until it is pending, as the same task each time.
fn polled(frames: &mut Frames<Event>, waker: &Waker) -> usize {
    let mut given = 0;
    while Pin::new(&mut *frames).poll_frame(&mut Context::from_waker(waker)).is_ready() {
        given += 1;
    }
    given
}

/// The client takes nothing when the body wakes its task. The task can do nothing then, and is woken for another
/// reason when the client reads again: only the body knows of its event.
#[tokio::test]
async fn a_body_that_was_woken_in_vain_is_polled_again() {
    struct Task(AtomicU32);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    for written in [false, true] {
        let (go, wait) = tokio::sync::oneshot::channel();
        let mut frames = frames(|out| async move {
            for _ in 0..50 {
                out.emit("quick").await;
            }
            wait.await.unwrap();
            out.emit("late").await;
            pending::<()>().await;
        });
        let link = frames.link().clone();
        let task = Arc::new(Task(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&task));
        let mut text = 0;
        while text < 50 * "data: quick\n\n".len() {
            if let Poll::Ready(frame) = Pin::new(&mut frames).poll_frame(&mut Context::from_waker(&waker)) {
                let frame = frame.unwrap().unwrap().into_data().unwrap();
                text += frame.len();
                if written {
                    link.set_written(frame_id(&frame));
                }
            }
        }
        task.0.store(0, Relaxed);
        go.send(()).unwrap();
        assert_eq!(task.0.load(Relaxed), 1, "the body wakes its task");
        // That poll came to nothing. Now the client takes what was written.
        task.0.store(0, Relaxed);
        if polled(&mut frames, &waker) == 0 {
            assert_eq!(task.0.load(Relaxed), 1, "written: {written}; no task will poll the body");
            assert_eq!(polled(&mut frames, &waker), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_a_quick_body_share_a_frame() {
    let (go, mut wait) = tokio::sync::mpsc::channel(1);
    let mut frames = frames(|out| async move {
        for _ in 0..32 {
            out.emit("quick").await;
        }
        while wait.recv().await.is_some() {
            out.emit("a").await;
            out.emit("b").await;
        }
    });
    for _ in 0..32 {
        assert_eq!(next(&mut frames).await.unwrap(), "data: quick\n\n");
    }
    for _ in 0..3 {
        go.send(()).await.unwrap();
        assert_eq!(next(&mut frames).await.unwrap(), "data: a\n\ndata: b\n\n");
    }
}

#[tokio::test]
async fn a_full_frame_is_sent_though_more_is_ready() {
    let mut frames = frames(|out| async move {
        loop {
            out.emit("x".repeat(1000)).await;
        }
    });
    for _ in 0..100 {
        let frame = next(&mut frames).await.unwrap();
        // More would be two pieces over HTTP.
        assert!(frame.len() <= 16 * 1024, "{}", frame.len());
        assert!(frame.ends_with(b"\n\n"), "an event was cut");
    }
}

#[tokio::test]
async fn a_body_that_computes_does_not_hold_its_first_event_back() {
    let mut frames = frames(|out| async move {
        loop {
            out.emit("x").await;
            // Busy, not asleep: the body must not give way here.
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1) {}
        }
    });
    for _ in 0..10 {
        assert!(next(&mut frames).await.unwrap().len() <= 3 * "data: x\n\n".len());
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_comments_and_data_resets_it() {
    let mut frames = frames(|out| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        out.emit("late").await;
        pending::<()>().await;
    });
    let start = tokio::time::Instant::now();
    assert_eq!(next(&mut frames).await.unwrap(), "data: late\n\n");
    assert_eq!(start.elapsed().as_secs(), 10, "the keep-alive came before 15 s");
    for _ in 0..5 {
        let before = tokio::time::Instant::now();
        assert_eq!(next(&mut frames).await.unwrap(), ":\n");
        let waited = before.elapsed().as_millis();
        assert!((13_500..=16_502).contains(&waited), "{waited} ms");
    }
}

#[tokio::test]
async fn events_without_wire_form_do_not_starve_the_thread() {
    let mut frames = frames(|out| async move {
        loop {
            out.emit(Event::new()).await;
        }
    });
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut frames).poll_frame(cx).is_pending())).await;
    assert!(polled);
}
