//! An emit waits for the connection, in whatever way a body awaits it.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use proptest::prelude::*;
use support::Count;
use tokio::sync::{Semaphore, mpsc};
use touka::{Emitter, Event, EventStream, IntoEvent, sse_handler};

/// The tests' event type.
#[derive(Debug, PartialEq, Eq)]
struct Number(u32);

impl IntoEvent for Number {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()))
    }
}

async fn numbers(stream: EventStream<Number>) -> Vec<u32> {
    stream.map(|number| number.0).collect().await
}

#[tokio::test]
async fn a_body_is_suspended_at_its_emit_until_the_next_poll() {
    let passed = Count::default();
    #[sse_handler]
    async fn counting(passed: Count) -> EventStream<Number> {
        for number in 0..10 {
            emit!(Number(number));
            passed.add();
        }
    }
    let mut stream = counting(passed.clone()).await;
    for number in 0..10 {
        assert_eq!(stream.next().await, Some(Number(number)));
        assert_eq!(passed.get(), number as usize, "the body went on before it was polled");
    }
    assert_eq!(stream.next().await, None);
}

/// Each future awaits its emits with a waker of its own.
#[tokio::test]
async fn many_emits_at_once_all_arrive_once() {
    #[sse_handler]
    async fn unordered() -> EventStream<Number> {
        let mut emits: FuturesUnordered<_> = (0..100).map(|number| async move { emit!(Number(number)) }).collect();
        while emits.next().await.is_some() {}
        emit!(Number(100));
    }
    let mut seen = numbers(unordered().await).await;
    seen.sort_unstable();
    assert_eq!(seen, (0..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn joined_and_nested_blocks_emit() {
    #[sse_handler]
    async fn joined() -> EventStream<Number> {
        tokio::join!(
            async move {
                for number in 0..5 {
                    emit!(Number(number));
                }
            },
            async move {
                for number in 10..15 {
                    emit!(Number(number));
                    tokio::task::yield_now().await;
                }
            }
        );
    }
    let mut seen = numbers(joined().await).await;
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

#[tokio::test(start_paused = true)]
async fn an_emit_in_a_select_loses_no_accepted_event() {
    #[sse_handler]
    async fn selecting() -> EventStream<Number> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for number in 0..20 {
            tokio::select! {
                _ = ticks.tick() => emit!(Number(1000)),
                () = async { emit!(Number(number)) } => {}
            }
        }
    }
    let seen = numbers(selecting().await).await;
    let counted: Vec<u32> = seen.iter().copied().filter(|number| *number < 1000).collect();
    let mut once = counted.clone();
    once.dedup();
    assert_eq!(counted, once, "an event arrived twice: {seen:?}");
}

#[tokio::test]
async fn an_emitter_in_a_task_wakes_the_stream_and_sees_its_end() {
    let (give, mut given) = mpsc::unbounded_channel();
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut stream = EventStream::<Number>::generate(|out| async move {
        give.send(out).expect("the test waits");
        pending::<()>().await;
    });
    assert_eq!(stream.next().now_or_never(), None);
    let out: Emitter<Number> = given.recv().await.expect("the body has started");
    let helper = tokio::spawn(async move {
        for number in 0.. {
            tell.send(number).expect("the test reads");
            if !out.emit(Number(number)).await {
                return number;
            }
        }
        0
    });
    for number in 0..100 {
        assert_eq!(stream.next().await, Some(Number(number)));
    }
    while told.recv().await != Some(100) {}
    drop(stream);
    assert_eq!(helper.await.unwrap(), 100, "the emit after the last taken one was refused");
}

/// Both are polled with the same waker, and the emits before the reader: no other event wakes them.
#[tokio::test(start_paused = true)]
async fn an_emitter_and_the_reader_in_one_task_wake_each_other() {
    let (give, mut given) = mpsc::unbounded_channel();
    let mut stream = EventStream::<Number>::generate(|out| async move {
        give.send(out).expect("the test waits");
        pending::<()>().await;
    });
    assert_eq!(stream.next().now_or_never(), None);
    let out: Emitter<Number> = given.recv().await.expect("the body has started");
    let emits = async {
        for number in 0..10 {
            assert!(out.emit(Number(number)).await, "the stream is open");
        }
    };
    let reads = async {
        for number in 0..10 {
            assert_eq!(stream.next().await, Some(Number(number)));
        }
        drop(stream);
    };
    let both = async { tokio::join!(emits, reads) };
    tokio::time::timeout(Duration::from_mins(1), both).await.expect("a wake was lost");
}

#[tokio::test]
async fn an_emitter_that_ignores_the_end_yields_to_other_tasks() {
    let (give, mut given) = mpsc::unbounded_channel();
    let mut stream = EventStream::<Number>::generate(|out| async move {
        give.send(out).expect("the test waits");
    });
    assert_eq!(stream.next().await, None);
    let out = given.recv().await.expect("the body has run");
    // One thread: if the loop did not yield, the sleep below would never end.
    let busy = tokio::spawn(async move {
        loop {
            out.emit(Number(1)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    busy.abort();
}

#[tokio::test]
async fn helpers_can_take_an_emitter_beside_emit() {
    async fn helper(out: &Emitter<Number>) {
        out.emit(Number(2)).await;
    }
    #[sse_handler]
    async fn both(first: u32, out: Emitter<Number>) -> EventStream<Number> {
        emit!(Number(first));
        helper(&out).await;
        emit!(Number(3));
    }
    assert_eq!(numbers(both(1).await).await, [1, 2, 3]);
}

/// One step of a generated body.
#[derive(Clone, Debug)]
enum Step {
    Emit,
    EmitMany(u8),
    Yield,
    AwaitPermit,
    CancelledEmit,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever way a body waits between its emits, and however the reader polls, the events arrive once
    /// and in the order of their emits.
    #[test]
    fn the_order_is_the_order_of_the_emits(
        steps in prop::collection::vec(prop_oneof![
            4 => Just(Step::Emit),
            1 => (2u8..6).prop_map(Step::EmitMany),
            2 => Just(Step::Yield),
            2 => Just(Step::AwaitPermit),
            1 => Just(Step::CancelledEmit),
        ], 0..40),
        idle_polls in prop::collection::vec(0u8..3, 40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let permits = Arc::new(Semaphore::new(0));
            let (expected, stream) = run(steps, Arc::clone(&permits));
            let mut stream = pin!(stream);
            let mut seen = Vec::new();
            let mut turn = 0;
            loop {
                // The reader polls without being woken, or adds the permit that the body waits for.
                for _ in 0..idle_polls[turn % idle_polls.len()] {
                    tokio::task::yield_now().await;
                }
                turn += 1;
                match poll_fn(|cx| Poll::Ready(stream.as_mut().poll_next(cx))).await {
                    Poll::Ready(Some(Number(number))) => seen.push(number),
                    Poll::Ready(None) => break,
                    Poll::Pending => permits.add_permits(1),
                }
            }
            let expected = expected.lock().unwrap().clone();
            assert_eq!(seen, expected);
        });
    }
}

type Emitted = Arc<std::sync::Mutex<Vec<u32>>>;

fn run(steps: Vec<Step>, permits: Arc<Semaphore>) -> (Emitted, EventStream<Number>) {
    let emitted = Emitted::default();
    let log = Arc::clone(&emitted);
    let stream = EventStream::generate(move |out| async move {
        let next = || {
            let mut log = log.lock().expect("one thread");
            let number = u32::try_from(log.len()).expect("few");
            log.push(number);
            Number(number)
        };
        for step in steps {
            match step {
                Step::Emit => drop(out.emit(next()).await),
                Step::EmitMany(count) => {
                    let emits: Vec<_> = (0..count).map(|_| out.emit(next())).collect();
                    for emit in emits {
                        emit.await;
                    }
                }
                Step::Yield => tokio::task::yield_now().await,
                Step::AwaitPermit => permits.acquire().await.expect("open").forget(),
                Step::CancelledEmit => {
                    // The slot is free after this emit, so the next one is handed over at its first poll and
                    // counts, though it is dropped then. Later ones find the slot taken.
                    out.emit(next()).await;
                    assert!(out.emit(next()).now_or_never().is_none());
                }
            }
        }
    });
    (emitted, stream)
}
