//! Runs: the memory of one that is idle and of one that has ended, and the CPU time of a token, beside a topic that is
//! published to without a run. In one process, in memory, with viewers that read streams in this process.

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use measure::{median, table};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use touka::run::OnDisconnect;
use touka::{Emitter, Event, EventStream, Hub};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const RUNS: usize = 2_000;
const TOKENS: usize = 1_000;

/// A number of viewers, and the bar for the ratio of a run's token to an event of a topic with as many subscribers.
struct Crowd {
    viewers: usize,
    turns: usize,
    bar: f64,
}

/// Both publish and deliver in the same way, so a token costs about as much as an event. With one viewer, the emit of the body
/// is a visible part of that: the ratio was 1.03 to 1.06 in five measurements, and the bar is as far above as a busy machine
/// needs. The start of the run is measured with its tokens: if it waited for a timer, it would take as long as 1,000 of them.
const CROWDS: [Crowd; 2] = [Crowd { viewers: 1, turns: 200, bar: 1.2 }, Crowd { viewers: 1_000, turns: 5, bar: 1.1 }];

fn token(number: usize) -> Event {
    Event::data(format!("token {number}"))
}

fn in_use() -> isize {
    let stats = ALLOCATOR.stats();
    isize::try_from(stats.bytes_allocated).unwrap_or(0) - isize::try_from(stats.bytes_deallocated).unwrap_or(0)
}

/// The bytes that each of many runs takes, which are started by this.
fn memory(runtime: &Runtime, hub: &Hub, name: &str, tokens: usize, ends: bool, watched: bool) -> f64 {
    runtime.block_on(async {
        let before = in_use();
        let mut viewers = Vec::<EventStream>::new();
        for number in 0..RUNS {
            let run = hub.run(format!("{name}/{number}")).expect("a key").on_disconnect(OnDisconnect::Keep);
            run.start_or_join(move |out: Emitter| async move {
                for number in 0..tokens {
                    out.emit(token(number)).await;
                }
                if !ends {
                    pending::<()>().await;
                }
            })
            .await
            .expect("a run");
            if watched {
                let mut viewer: EventStream = run.follow(None).await.expect("a stream");
                for _ in 0..=tokens {
                    viewer.next().await;
                }
                viewers.push(viewer);
            }
            if ends {
                run.wait().await.expect("an end");
            }
        }
        // What the last runs are about to do.
        tokio::time::sleep(Duration::from_millis(100)).await;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let each = (in_use() - before) as f64 / RUNS as f64;
        each
    })
}

/// Viewers that read streams to their ends.
fn read(streams: Vec<EventStream>) -> Vec<JoinHandle<usize>> {
    streams.into_iter().map(|stream| tokio::spawn(stream.count())).collect()
}

async fn finished(viewers: Vec<JoinHandle<usize>>) {
    for viewer in viewers {
        assert!(viewer.await.expect("a viewer") > TOKENS, "a viewer has missed tokens");
    }
}

/// The time of one token of a run to this number of viewers.
fn by_run(runtime: &Runtime, hub: &Hub, &Crowd { viewers, turns, .. }: &Crowd) -> Duration {
    let mut count = 0;
    median(turns, || {
        count += 1;
        runtime.block_on(async {
            let run = hub.run(format!("cpu/{viewers}/{count}")).expect("a key").keep_for(Duration::ZERO);
            let (go, gone) = tokio::sync::oneshot::channel::<()>();
            run.start_or_join(|out: Emitter| async move {
                let _ = gone.await;
                for number in 0..TOKENS {
                    out.emit(token(number)).await;
                }
            })
            .await
            .expect("a run");
            let mut streams = Vec::new();
            for _ in 0..viewers {
                streams.push(run.follow(None).await.expect("a stream"));
            }
            let viewers = read(streams);
            let _ = go.send(());
            finished(viewers).await;
        });
    }) / u32::try_from(TOKENS).unwrap_or(1)
}

/// The time of one event of a topic to this number of subscribers.
fn by_topic(runtime: &Runtime, hub: &Hub, &Crowd { viewers: subscribers, turns, .. }: &Crowd) -> Duration {
    let mut count = 0;
    median(turns, || {
        count += 1;
        runtime.block_on(async {
            let topic = hub.topic::<Event>(format!("cpu/{subscribers}/{count}")).expect("a topic");
            let mut streams = Vec::new();
            for _ in 0..subscribers {
                streams.push(topic.subscribe(None).await.expect("a stream"));
            }
            let subscribers = read(streams);
            let publisher = tokio::spawn(async move {
                for number in 0..TOKENS {
                    topic.publish(token(number)).await.expect("an id");
                    tokio::task::coop::consume_budget().await;
                }
                topic.close(Event::data("{}").event("done")).await.expect("an id");
            });
            publisher.await.expect("a publisher");
            finished(subscribers).await;
        });
    }) / u32::try_from(TOKENS).unwrap_or(1)
}

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let hub = Hub::memory();
    let row = |what: &str, bytes: f64| vec![what.to_owned(), format!("{bytes:.0}")];
    table(
        &["a run", "bytes"],
        &[
            row("under way, without an event or a viewer", memory(&runtime, &hub, "idle", 0, false, false)),
            row("under way, one viewer", memory(&runtime, &hub, "watched", 0, false, true)),
            row("ended, without an event of its body", memory(&runtime, &hub, "ended", 0, true, false)),
            row("ended, 100 tokens of 7 to 8 bytes", memory(&runtime, &hub, "tokens", 100, true, false)),
        ],
    );
    let (mut rows, mut verdicts) = (Vec::new(), Vec::new());
    for crowd in &CROWDS {
        let (run, topic) = (by_run(&runtime, &hub, crowd), by_topic(&runtime, &hub, crowd));
        let ratio = run.as_secs_f64() / topic.as_secs_f64();
        let Crowd { viewers, bar, .. } = crowd;
        let verdict = if ratio <= *bar { "within" } else { "ABOVE" };
        verdicts.push(format!("{verdict} the bar, viewers: {viewers}, ratio: {ratio:.2} of {bar}"));
        rows.push(vec![viewers.to_string(), format!("{run:.2?}"), format!("{topic:.2?}"), format!("{ratio:.2}")]);
    }
    table(&["viewers", "a token of a run", "an event of a topic", "ratio"], &rows);
    for verdict in verdicts {
        println!("{verdict}");
    }
}
