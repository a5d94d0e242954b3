//! A client that reads slowly is a position in the log that lags: its stream is closed or skips, as the route
//! says, and delays no other.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use support::ask_each_time;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::{LastEventId, State};
use touka::testing::{Events, Received, TestApp};
use touka::topic::{HubError, OnLag, Retention};
use touka::{CloseReason, EventStream, Hub, Router, Topic, route, routes};

#[derive(Clone)]
struct App {
    hub: Hub,
    closed: UnboundedSender<CloseReason>,
}

/// Follows with a policy, and reports the end.
#[route(GET, "/{on_lag}/{events}/{bytes}")]
async fn follow(
    State(app): State<App>,
    on_lag: String,
    events: u64,
    bytes: u64,
    from: LastEventId,
) -> Result<EventStream, HubError> {
    let on_lag = match &*on_lag {
        "skip" => OnLag::Skip,
        "latest" => OnLag::Latest,
        _ => OnLag::default(),
    };
    let subscribe = app.hub.topic("a")?.subscribe(from).on_lag(on_lag);
    let subscribe = if events == 0 { subscribe } else { subscribe.max_lag(events, bytes) };
    Ok(subscribe.await?.on_close(move |reason| {
        let _ = app.closed.send(reason);
    }))
}

struct Test {
    app: TestApp,
    topic: Topic,
    closed: UnboundedReceiver<CloseReason>,
}

/// Retains `kept` events.
fn test(kept: usize) -> Test {
    ask_each_time();
    let hub = Hub::builder().retention(Retention::new().events(kept)).memory();
    let topic = hub.topic("a").expect("a valid topic name");
    let (tell, closed) = unbounded_channel();
    let app = TestApp::new(Router::new().mount(routes![follow]).with_state(App { hub, closed: tell }));
    Test { app, topic, closed }
}

/// Larger than a frame: hyper buffers few of them for a client that reads nothing.
fn large(number: u32) -> String {
    format!("{number} {}", "x".repeat(20_000))
}

fn number(event: &Received) -> u32 {
    event.data.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

impl Test {
    /// Publishes, and lets every client read after each event.
    async fn publish(&self, numbers: std::ops::Range<u32>) -> Vec<String> {
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(self.topic.publish(large(number)).await.expect("published").to_string());
            settle().await;
        }
        ids
    }

    /// A client that reads nothing of thirty events, and then reads on.
    async fn stalls_for_thirty(&self, path: &str) -> Events {
        let mut events = self.app.get(path).events().await;
        events.assert_pending().await;
        events.stall();
        self.publish(0..30).await;
        events.resume();
        events
    }
}

/// Lets all tasks run: a paused clock advances once every task is idle.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

/// The number of consecutive events from 0 on, and what follows them: another event, or the end.
async fn in_order(events: &mut Events) -> (u32, Option<Received>) {
    for expected in 0.. {
        match events.next_event().await {
            Some(event) if event.name == "message" && number(&event) == expected => {}
            other => return (expected, other),
        }
    }
    unreachable!("ended")
}

#[tokio::test(start_paused = true)]
async fn a_client_behind_the_log_is_closed_and_resumes() {
    ask_each_time();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut test = test(4);
    let mut events = test.stalls_for_thirty("/disconnect/0/0").await;
    let (came, end) = in_order(&mut events).await;
    assert_eq!(end, None);
    assert!((1..20).contains(&came), "{came} events were buffered for a client that reads nothing");
    assert_eq!(test.closed.recv().await, Some(CloseReason::Lagged));
    assert!(log.has("stream closed") && log.has("reason=Lagged"), "{:?}", log.0);

    let left_at = events.last_event_id();
    let mut events = events.reconnect().await.expect("the stream goes on");
    let gap = events.next_event().await.unwrap();
    assert_eq!(gap.name, "gap");
    let data: serde_json::Value = gap.json();
    assert_eq!((data["reason"].as_str(), data["from"].as_str()), (Some("trimmed"), Some(&*left_at)));
    for expected in 26..30 {
        assert_eq!(number(&events.next_event().await.unwrap()), expected);
    }
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_behind_the_routes_limit_is_closed_and_resumes() {
    // By events, and by bytes: five of them.
    for path in ["/disconnect/5/1000000000", "/disconnect/1000/101000"] {
        let mut test = test(1000);
        let mut events = test.stalls_for_thirty(path).await;
        let (came, end) = in_order(&mut events).await;
        assert_eq!(end, None);
        assert_eq!(test.closed.recv().await, Some(CloseReason::Lagged));
        // A client that resumes is not too far behind at once: it catches up first.
        let mut events = events.reconnect().await.expect("the stream goes on");
        for expected in came..30 {
            assert_eq!(number(&events.next_event().await.unwrap()), expected);
        }
        events.assert_pending().await;
        // A lag of exactly the limit is allowed.
        for number in 30..35 {
            test.topic.publish(large(number)).await.unwrap();
        }
        for expected in 30..35 {
            assert_eq!(number(&events.next_event().await.unwrap()), expected);
        }
        for number in 35..41 {
            test.topic.publish(large(number)).await.unwrap();
        }
        assert_eq!(events.next_event().await, None, "{path}");
        assert_eq!(test.closed.recv().await, Some(CloseReason::Lagged));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_can_skip_with_a_gap() {
    for (path, kept) in [("/skip/0/0", 4), ("/skip/3/1000000000", 1000)] {
        let mut test = test(kept);
        let mut events = test.stalls_for_thirty(path).await;
        let (_, gap) = in_order(&mut events).await;
        let gap = gap.expect("the stream goes on");
        let data: serde_json::Value = gap.json();
        assert_eq!((gap.name.as_str(), data["reason"].as_str()), ("gap", Some("lagged")));
        assert_eq!(data["resumed_at"], *gap.id);
        let part = |id: &str| id.split('.').nth(2).unwrap().parse::<u32>().unwrap();
        let (from, to) = (part(data["from"].as_str().unwrap()), part(&gap.id));
        assert!(to - from >= 3, "it lags by the number of retained events: {data}");
        // From there on, everything: events that were retained when the gap was sent, and new ones.
        for expected in to..30 {
            assert_eq!(number(&events.next_event().await.unwrap()), expected);
        }
        events.assert_pending().await;
        test.publish(30..31).await;
        assert_eq!(number(&events.next_event().await.unwrap()), 30);
        assert!(test.closed.try_recv().is_err(), "the stream is not closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_can_get_only_the_newest_of_each_key() {
    let test = test(1000);
    let mut events = test.app.get("/latest/1/1").events().await;
    events.assert_pending().await;
    events.stall();
    test.publish(0..10).await;
    // While the client reads nothing, two mice move twenty times, and a note without a key is published.
    for step in 0..20 {
        for mouse in ["a", "b"] {
            test.topic.publish_keyed(mouse, format!("{mouse}{step}")).await.unwrap();
        }
        if step == 7 {
            test.topic.publish("note").await.unwrap();
        }
    }
    events.resume();
    let mut came = Vec::new();
    while !events.is_pending().await {
        came.push(events.next_event().await.expect("an event").data);
    }
    assert_eq!(came.split_off(10), ["note", "a19", "b19"], "{came:?}");
    // A client that is not behind gets each of them.
    for step in 20..23 {
        test.topic.publish_keyed("a", format!("a{step}")).await.unwrap();
        assert_eq!(events.next_event().await.unwrap().data, format!("a{step}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_a_gap_only_if_its_newest_event_is_trimmed() {
    // One key, and far more events than are retained: each missed one was replaced by a newer one.
    let test = test(3);
    let mut events = test.app.get("/latest/0/0").events().await;
    events.assert_pending().await;
    for step in 0..20 {
        test.topic.publish_keyed("a", step.to_string()).await.unwrap();
    }
    assert_eq!(events.next_event().await.unwrap().data, "19");

    // The other key's newest event is trimmed.
    test.topic.publish_keyed("b", "lost").await.unwrap();
    for step in 20..30 {
        test.topic.publish_keyed("a", step.to_string()).await.unwrap();
    }
    let gap = events.next_event().await.unwrap();
    assert_eq!((gap.name.as_str(), gap.json::<serde_json::Value>()["reason"].as_str()), ("gap", Some("lagged")));
    assert_eq!(events.next_event().await.unwrap().data, "29");

    // Missing an event without a key is a gap as well.
    test.topic.publish("lost").await.unwrap();
    for step in 30..40 {
        test.topic.publish_keyed("a", step.to_string()).await.unwrap();
    }
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    assert_eq!(events.next_event().await.unwrap().data, "39");
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn one_client_that_reads_nothing_delays_no_other() {
    let test = test(4);
    let mut stalled = test.app.get("/disconnect/0/0").events().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(test.app.get("/disconnect/0/0").events().await);
    }
    stalled.assert_pending().await;
    stalled.stall();
    for expected in 0..50 {
        test.topic.publish(large(expected)).await.unwrap();
        for other in &mut others {
            assert_eq!(number(&other.next_event().await.unwrap()), expected);
        }
    }
    assert_eq!(test.topic.subscribers(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_the_log_holds_is_no_lag() {
    let test = test(50);
    let mut events = test.app.get("/disconnect/0/0").events().await;
    events.assert_pending().await;
    for number in 0..50 {
        test.topic.publish(large(number)).await.unwrap();
    }
    for expected in 0..50 {
        assert_eq!(number(&events.next_event().await.unwrap()), expected);
    }
}

/// Records log lines of streams.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn has(&self, part: &str) -> bool {
        self.0.lock().expect("not poisoned").contains(part)
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "touka::stream"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().expect("not poisoned");
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            let _ = write!(log, "{}={value:?} ", field.name());
        });
    }

    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
    fn enter(&self, _: &tracing::Id) {}
    fn exit(&self, _: &tracing::Id) {}
}
