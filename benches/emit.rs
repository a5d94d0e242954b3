//! Cost of one event on its way from a body to the reader of its stream: `emit!` against async-stream's
//! `yield` and against a hand-written `poll_next`, which is the minimum. And its cost up to the frames that a
//! server writes, against axum's `Sse`.
//!
//! Time, allocations, and instructions by callgrind. The instructions are the difference between two runs of
//! different length, so that one-time costs do not count.

use std::alloc::System;
use std::convert::Infallible;
use std::env;
use std::hint::black_box;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll};

use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use measure::{median, table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use touka::{Event, EventStream, sse_handler};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVENTS: u64 = 1_000_000;

/// An event without an allocation of its own: the delivery is measured, not the event.
const EVENT: Event = Event::from_static("tick");

#[sse_handler]
async fn emitted(count: u64) {
    for number in 0..count {
        emit!(EVENT.id(number));
    }
}

#[sse_handler]
async fn typed(count: u64) -> EventStream<Event> {
    for number in 0..count {
        emit!(EVENT.id(number));
    }
}

fn yielded(count: u64) -> Pin<Box<dyn Stream<Item = Event> + Send>> {
    Box::pin(async_stream::stream! {
        for number in 0..count {
            yield EVENT.id(number);
        }
    })
}

/// The state that the other contenders keep in their body.
struct ByHand {
    next: u64,
    count: u64,
}

impl Stream for ByHand {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.next == self.count {
            return Poll::Ready(None);
        }
        self.next += 1;
        Poll::Ready(Some(EVENT.id(self.next)))
    }
}

async fn drain(mut stream: impl Stream<Item = Event> + Unpin) {
    while let Some(event) = stream.next().await {
        black_box(event);
    }
}

/// Reads each frame, as a server's connection does.
async fn drain_frames(response: Response) {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        black_box(frame.expect("a body that cannot fail"));
    }
}

fn sse(count: u64) -> Response {
    let events = async_stream::stream! {
        for number in 0..count {
            yield Ok::<_, Infallible>(sse::Event::default().id(number.to_string()).data("tick"));
        }
    };
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

async fn run(contender: &str, count: u64) {
    match contender {
        "emit! (untyped)" => drain(emitted(count).await).await,
        "emit! (typed)" => drain(typed(count).await).await,
        "emit!, to frames" => drain_frames(emitted(count).await.into_response()).await,
        "yield, axum's frames" => drain_frames(sse(count)).await,
        "async-stream yield" => drain(yielded(count)).await,
        // Boxed as well, as it would be behind a handler's type.
        _ => drain(Box::pin(ByHand { next: 0, count }) as Pin<Box<dyn Stream<Item = Event> + Send>>).await,
    }
}

const CONTENDERS: [&str; 6] = [
    "poll_next by hand",
    "async-stream yield",
    "emit! (typed)",
    "emit! (untyped)",
    "yield, axum's frames",
    "emit!, to frames",
];

fn main() {
    // Time that another process takes must not count as a long step of the body, which would change the
    // instructions.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    // Started by itself under callgrind: only the work, once.
    if let [_, contender, count] = &env::args().collect::<Vec<_>>()[..]
        && let Ok(count) = count.parse()
    {
        return in_a_task(&runtime, contender, count);
    }
    let rows: Vec<Vec<String>> = CONTENDERS
        .iter()
        .map(|contender| {
            let time = median(9, || in_a_task(&runtime, contender, EVENTS));
            let region = Region::new(ALLOCATOR);
            in_a_task(&runtime, contender, EVENTS);
            let allocations = region.change().allocations;
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let per_event = time.as_nanos() as f64 / EVENTS as f64;
            vec![
                (*contender).to_owned(),
                format!("{per_event:.1}"),
                instructions(contender).map_or_else(|| "no valgrind".to_owned(), |count| count.to_string()),
                // The remainder is the cost of a stream.
                format!("{} in {EVENTS}", allocations),
            ]
        })
        .collect();
    table(&["one event", "ns", "instructions", "allocations"], &rows);
}

/// As under a server, which polls a stream in its connection's task.
fn in_a_task(runtime: &tokio::runtime::Runtime, contender: &str, count: u64) {
    let contender = contender.to_owned();
    let task = runtime.spawn(async move { run(&contender, count).await });
    runtime.block_on(task).expect("no panic");
}

/// Instructions for each event; `None` without valgrind.
fn instructions(contender: &str) -> Option<u64> {
    let (few, many) = (1_000, 11_000);
    let counted = |count: u64| -> Option<u64> {
        let program = env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args([contender, &count.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, collected) = text.split_once("Collected : ")?;
        collected.split_whitespace().next()?.parse().ok()
    };
    Some((counted(many)? - counted(few)?) / (many - few))
}
