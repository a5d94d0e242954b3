//! Topics on several threads: publishers publish while clients connect, lag, leave and resume, and in the end
//! each client has seen every event or a gap for it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use support::within;
use touka::topic::{OnLag, Retention};
use touka::{Event, EventId, EventStream, Hub, Topic};

const PATIENCE: Duration = Duration::from_mins(2);
const PUBLISHERS: usize = 4;
const CLIENTS: usize = 12;
/// The number of events of each publisher.
const EVENTS: usize = 3000;

/// Pseudo-random numbers that are the same in each run: xorshift.
struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed as u64 + 1))
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).expect("in range")
    }
}

/// Something that a client received, over all its connections.
#[derive(Debug)]
enum Got {
    /// Resumed with the id of this offset, or with none: 0.
    Opened(u64),
    /// Got its position.
    Position(u64),
    Event(u64, String),
    /// Got a gap: the events between these offsets are missing.
    Gap(u64, u64),
}

fn offset(id: &str) -> u64 {
    id.split('.').nth(2).and_then(|offset| offset.parse().ok()).expect("a position in a topic")
}

/// Publishes, and returns each event's offset with its text. Yields now and then.
async fn publish(topic: Topic, name: usize) -> Vec<(u64, String)> {
    let mut random = Random::new(name);
    let mut published = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        let text = format!("{name}:{number}");
        let id = topic.publish(text.clone()).await.expect("published");
        published.push((offset(&id.to_string()), text));
        if random.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
    published
}

/// Follows to the last event, with pauses and reconnections from its last id or from an earlier one.
async fn follow(topic: Topic, seed: usize) -> Vec<Got> {
    let last_of_all = (PUBLISHERS * EVENTS) as u64;
    let mut random = Random::new(seed + 100);
    let on_lag = [OnLag::Disconnect, OnLag::Skip, OnLag::Latest][seed % 3];
    let mut ids: Vec<EventId> = Vec::new();
    let mut got = Vec::new();
    loop {
        if random.below(4) == 0 {
            ids.truncate(ids.len().saturating_sub(random.below(5)));
        }
        let from = ids.last().cloned();
        let mut stream: EventStream =
            topic.subscribe(from.clone()).earliest().on_lag(on_lag).await.expect("the stream opens");
        got.push(Got::Opened(from.map_or(0, |id| offset(&id.to_string()))));
        let mut reads = random.below(400);
        while reads > 0 {
            let Some(event) = stream.next().await else { break };
            let seen = read(&event, &mut got, &mut ids);
            if seen == last_of_all {
                return got;
            }
            reads -= 1;
            // A pause makes it lag: others publish in the meantime.
            for _ in 0..if random.below(50) == 0 { random.below(200) } else { 0 } {
                tokio::task::yield_now().await;
            }
        }
        if random.below(2) == 0 {
            // Leaves while it waits, or might.
            let _ = stream.next().now_or_never().flatten().map(|event| read(&event, &mut got, &mut ids));
            if ids.last().is_some_and(|id| offset(&id.to_string()) == last_of_all) {
                return got;
            }
        }
    }
}

fn read(event: &Event, got: &mut Vec<Got>, ids: &mut Vec<EventId>) -> u64 {
    let id = event.as_id().expect("every event has an id").clone();
    let now = offset(&id.to_string());
    ids.push(id);
    got.push(match (event.as_event(), event.as_data()) {
        (None, None) => Got::Position(now),
        (None, Some(data)) => Got::Event(now, data.to_owned()),
        (Some(_), data) => {
            let data: serde_json::Value = serde_json::from_str(data.unwrap_or_default()).expect("JSON");
            assert!(matches!(data["reason"].as_str(), Some("trimmed" | "lagged")), "{data}");
            Got::Gap(offset(data["from"].as_str().expect("an id")), now)
        }
    });
    now
}

/// Asserts that a client's events are complete: each one is the next, or follows a gap.
fn assert_whole(got: &[Got], published: &HashMap<u64, String>) -> (usize, usize) {
    let (mut at, mut events, mut gaps) = (0, 0, 0);
    // A client without an id begins with what is retained when it first reads: events may be trimmed since it subscribed.
    let mut is_new = false;
    for got in got {
        at = match got {
            Got::Opened(offset) => {
                is_new = *offset == 0;
                *offset
            }
            Got::Position(offset) => {
                assert!(at == 0 || at == *offset, "the client resumed with {at} and goes on at {offset}");
                *offset
            }
            Got::Event(offset, text) => {
                assert!(
                    *offset == at + 1 || is_new && *offset > at,
                    "a hole or a duplicate at {text}: {offset} comes after {at}"
                );
                is_new = false;
                assert_eq!(published.get(offset), Some(text));
                events += 1;
                *offset
            }
            Got::Gap(from, to) => {
                assert_eq!(*from, at, "the gap does not begin where the client is");
                assert!(to > from, "nothing is missing between {from} and {to}");
                (gaps, is_new) = (gaps + 1, false);
                *to
            }
        };
    }
    (events, gaps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_client_sees_every_event_or_a_gap() {
    for kept in [20, 200, 100_000] {
        let hub = Hub::builder().retention(Retention::new().events(kept).bytes(1 << 30)).memory();
        let topic: Topic = hub.topic("a").expect("a valid topic name");
        let clients: Vec<_> = (0..CLIENTS).map(|seed| tokio::spawn(follow(topic.clone(), seed))).collect();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|name| tokio::spawn(publish(topic.clone(), name))).collect();
        let mut published = HashMap::new();
        for publisher in publishers {
            let of_one = within(PATIENCE, "publishing", publisher).await.expect("all are published");
            assert!(of_one.is_sorted(), "one publisher's events are in order");
            published.extend(of_one);
        }
        assert!((1..=(PUBLISHERS * EVENTS) as u64).all(|offset| published.contains_key(&offset)), "offsets have holes");
        for client in clients {
            let got = within(PATIENCE, "following", client).await.expect("the last event arrives");
            let (events, gaps) = assert_whole(&got, &published);
            // If everything is retained no client misses anything, however slow it is.
            assert!(kept < 100_000 || gaps == 0 && events >= PUBLISHERS * EVENTS, "{events} events, {gaps} gaps");
        }
        assert_eq!(topic.subscribers(), 0);
    }
}
