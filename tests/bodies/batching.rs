//! Events that are ready together share a frame: none is lost at a frame's edges, none arrives twice, and a
//! body that fails stops where it failed.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use support::{Count, Parser, Received};
use touka::{Event, EventStream, IntoEvent, sse_handler};

/// An event with its number and enough text that about twenty fill a frame.
fn padded(number: u32) -> Event {
    Event::data(format!("{number} {}", "x".repeat(700)))
}

fn number(message: &Received) -> u32 {
    message.data.split(' ').next().and_then(|number| number.parse().ok()).expect("a number stands first")
}

fn body(response: impl IntoResponse) -> Body {
    response.into_response().into_body()
}

async fn wire(body: Body) -> String {
    let bytes = body.collect().await.expect("a stream cannot fail").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("a stream is UTF-8")
}

fn parse(wire: &str) -> Vec<Received> {
    let mut parser = Parser::new();
    parser.feed(wire.as_bytes());
    parser.take()
}

async fn numbers(response: impl IntoResponse) -> Vec<u32> {
    parse(&wire(body(response)).await).iter().map(number).collect()
}

/// A body runs on until a frame is full, and no further.
#[tokio::test]
async fn a_body_that_never_waits_fills_one_frame() {
    #[sse_handler]
    async fn fast(passed: Count) {
        for number in 0.. {
            emit!(padded(number));
            passed.add();
        }
    }
    let passed = Count::default();
    let mut body = body(fast(passed.clone()).await);
    let mut sent = 0;
    for _ in 0..100 {
        let frame = body
            .frame()
            .await
            .expect("the stream never ends")
            .expect("the stream cannot fail")
            .into_data()
            .expect("data");
        let text = std::str::from_utf8(&frame).expect("UTF-8");
        assert!(text.ends_with("\n\n"), "an event was cut");
        sent += parse(text).len();
        // The last event waits in its emit until the frame is flushed; no later one has passed it.
        assert_eq!(passed.get(), sent - 1);
        tokio::task::yield_now().await;
        assert_eq!(passed.get(), sent - 1, "the body ran without being polled");
    }
}

/// Each body awaits its emits with a waker of its own, and together they fill several frames.
#[tokio::test]
async fn many_emits_at_once_all_arrive_once() {
    #[sse_handler]
    async fn unordered() {
        let mut emits: FuturesUnordered<_> = (0..500).map(|number| async move { emit!(padded(number)) }).collect();
        while emits.next().await.is_some() {}
        emit!(padded(500));
    }
    let mut seen = numbers(unordered().await).await;
    assert_eq!(seen.last(), Some(&500));
    seen.sort_unstable();
    assert_eq!(seen, (0..=500).collect::<Vec<_>>());
}

/// Threads emit while the connection fills, sends and refills its frames.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn emitters_on_other_threads_lose_nothing_and_keep_their_order() {
    const EACH: u32 = 2_000;
    const TASKS: u32 = 4;
    let stream: EventStream = EventStream::generate(|out| async move {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let out = out.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        assert!(out.emit(padded(task * EACH + number)).await, "the stream is open");
                    }
                })
            })
            .collect();
        for number in 0..EACH {
            out.emit(padded(TASKS * EACH + number)).await;
        }
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    let seen = numbers(stream).await;
    assert_eq!(u32::try_from(seen.len()), Ok((TASKS + 1) * EACH));
    for task in 0..=TASKS {
        let of_task: Vec<u32> = seen.iter().copied().filter(|number| number / EACH == task).collect();
        assert_eq!(of_task, (task * EACH..(task + 1) * EACH).collect::<Vec<_>>());
    }
}

/// An emit in a `select!` that has handed its event over before the other branch won is sent.
#[tokio::test]
async fn events_emitted_before_the_end_are_sent_before_it() {
    #[sse_handler(end = "over")]
    async fn cancelled() {
        for number in 0..100 {
            emit!(padded(number));
            // Polled once and dropped: the event may be sent, but then in order.
            let _ = async { emit!(padded(1_000 + number)) }.now_or_never();
        }
    }
    let wire = wire(body(cancelled().await)).await;
    let messages = parse(&wire);
    assert_eq!(messages.last().map(|last| last.name.as_str()), Some("over"));
    let seen: Vec<u32> = messages[..messages.len() - 1].iter().map(number).collect();
    let awaited: Vec<u32> = seen.iter().copied().filter(|number| *number < 1_000).collect();
    assert_eq!(awaited, (0..100).collect::<Vec<_>>());
    for pair in seen.windows(2) {
        assert!(pair[1] < 1_000 || pair[1] == pair[0] + 1_000, "out of order: {pair:?}");
    }
}

/// A number that cannot be encoded from `self.0` on.
struct Below(u32);

impl IntoEvent for Below {
    fn into_event(self) -> touka::Result<Event> {
        if self.0 == 7 { Err(touka::EventId::new("a\nb").expect_err("a line end")) } else { Ok(padded(self.0)) }
    }
}

#[tokio::test]
async fn a_body_stops_at_an_event_that_cannot_be_encoded() {
    #[sse_handler]
    async fn failing(passed: Count) -> EventStream<Below> {
        for number in 0..10 {
            emit!(Below(number));
            passed.add();
        }
    }
    let passed = Count::default();
    let wire = wire(body(failing(passed.clone()).await)).await;
    assert_eq!(passed.get(), 7);
    let messages = parse(&wire);
    assert_eq!(messages.len(), 8);
    assert_eq!(messages[7].name, "error");
    assert_eq!(messages[..7].iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
}

/// A waker that records that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two emits of other tasks meet while the body is polled: the second must not replace the first among the
/// wakers that are notified at the end.
#[tokio::test]
async fn two_emitters_in_tasks_are_both_woken_when_a_stream_fails() {
    type Boxed = Pin<Box<dyn Future<Output = bool> + Send>>;
    let (hand_on, handed_on) = tokio::sync::oneshot::channel();
    let stream = EventStream::<Below>::generate(|out| async move {
        let emits = [7, 1].map(|number| {
            let out = out.clone();
            let mut emit: Boxed = Box::pin(async move { out.emit(Below(number)).await });
            // Polled as another task would poll it.
            let woken = Arc::<Woken>::default();
            let waker = Waker::from(Arc::clone(&woken));
            assert!(emit.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            (emit, woken)
        });
        let _ = hand_on.send(emits);
        pending::<()>().await;
    });
    let wire = wire(body(stream)).await;
    assert!(wire.contains("event: error\n"), "{wire}");
    for (emit, woken) in handed_on.await.expect("the body has run") {
        assert!(woken.0.load(Ordering::Relaxed), "a wake was lost");
        assert_eq!(emit.now_or_never(), Some(false));
    }
}

/// An emitter in another task is notified that its event could not be encoded.
#[tokio::test]
async fn an_emitter_in_a_task_fails_if_its_event_cannot_be_encoded() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let stream = EventStream::<Below>::generate(|out| async move {
        let helper = tokio::spawn(async move {
            assert!(out.emit(Below(1)).await);
            let _ = tell.send(out.emit(Below(7)).await);
        });
        helper.await.expect("no panic");
    });
    let wire = wire(body(stream)).await;
    assert!(wire.ends_with("event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n"), "{wire}");
    assert_eq!(told.await, Ok(false));
}
