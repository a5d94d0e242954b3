//! Topics on several threads at once: publishers publish while clients come, lag, leave and come
//! back, and each client's story is whole in the end.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use support::within;
use touka::topic::{OnLag, Retention};
use touka::{Event, EventId, EventStream, Hub, Topic};

const PATIENCE: Duration = Duration::from_mins(2);
const PUBLISHERS: usize = 4;
const CLIENTS: usize = 12;
/// What each publisher publishes.
const EVENTS: usize = 3000;

/// Numbers that look like chance and come again in the next run: xorshift.
struct Chance(u64);

impl Chance {
    fn new(seed: usize) -> Self {
        Self(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed as u64 + 1))
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).expect("it is below a usize")
    }
}

/// What a client got, over all its connections.
#[derive(Debug)]
enum Got {
    /// It came with the id of this number, or with none: 0.
    Opened(u64),
    /// It was told that it is there.
    Told(u64),
    Event(u64, String),
    /// It was told that what is between these is missing.
    Gap(u64, u64),
}

fn offset(id: &str) -> u64 {
    id.split('.').nth(2).and_then(|offset| offset.parse().ok()).expect("a place in a topic")
}

/// Publishes, and gives each event's number with its text. Now and then it lets others run.
async fn publish(topic: Topic, name: usize) -> Vec<(u64, String)> {
    let mut chance = Chance::new(name);
    let mut published = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        let text = format!("{name}:{number}");
        let id = topic.publish(text.clone()).await.expect("it is published");
        published.push((offset(&id.to_string()), text));
        if chance.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
    published
}

/// Follows to the last event of all, in its own way: it pauses, leaves, and comes back with its last
/// id or with one from before.
async fn follow(topic: Topic, seed: usize) -> Vec<Got> {
    let last_of_all = (PUBLISHERS * EVENTS) as u64;
    let mut chance = Chance::new(seed + 100);
    let on_lag = [OnLag::Disconnect, OnLag::Skip, OnLag::Latest][seed % 3];
    let mut ids: Vec<EventId> = Vec::new();
    let mut got = Vec::new();
    loop {
        if chance.below(4) == 0 {
            ids.truncate(ids.len().saturating_sub(chance.below(5)));
        }
        let from = ids.last().cloned();
        let mut stream: EventStream = topic.subscribe(from.clone()).earliest().on_lag(on_lag).await.expect("it opens");
        got.push(Got::Opened(from.map_or(0, |id| offset(&id.to_string()))));
        let mut reads = chance.below(400);
        while reads > 0 {
            let Some(event) = stream.next().await else { break };
            let seen = read(&event, &mut got, &mut ids);
            if seen == last_of_all {
                return got;
            }
            reads -= 1;
            // A pause is what makes it lag: others publish meanwhile.
            for _ in 0..if chance.below(50) == 0 { chance.below(200) } else { 0 } {
                tokio::task::yield_now().await;
            }
        }
        if chance.below(2) == 0 {
            // Leaves while it waits, or might.
            let _ = stream.next().now_or_never().flatten().map(|event| read(&event, &mut got, &mut ids));
            if ids.last().is_some_and(|id| offset(&id.to_string()) == last_of_all) {
                return got;
            }
        }
    }
}

fn read(event: &Event, got: &mut Vec<Got>, ids: &mut Vec<EventId>) -> u64 {
    let id = event.as_id().expect("whatever comes has an id").clone();
    let now = offset(&id.to_string());
    ids.push(id);
    got.push(match (event.as_event(), event.as_data()) {
        (None, None) => Got::Told(now),
        (None, Some(data)) => Got::Event(now, data.to_owned()),
        (Some(_), data) => {
            let data: serde_json::Value = serde_json::from_str(data.unwrap_or_default()).expect("JSON");
            assert!(matches!(data["reason"].as_str(), Some("trimmed" | "lagged")), "{data}");
            Got::Gap(offset(data["from"].as_str().expect("an id")), now)
        }
    });
    now
}

/// Asserts that one client's story is whole: every event is the next one, or a gap stands before it.
fn assert_whole(got: &[Got], published: &HashMap<u64, String>) -> (usize, usize) {
    let (mut at, mut events, mut gaps) = (0, 0, 0);
    for got in got {
        at = match got {
            Got::Opened(offset) => *offset,
            Got::Told(offset) => {
                assert!(at == 0 || at == *offset, "it came back with {at} and goes on at {offset}");
                *offset
            }
            Got::Event(offset, text) => {
                assert_eq!(*offset, at + 1, "a hole or a double at {text}");
                assert_eq!(published.get(offset), Some(text));
                events += 1;
                *offset
            }
            Got::Gap(from, to) => {
                assert_eq!(*from, at, "the gap does not begin where the client is");
                assert!(to > from, "nothing is missing between {from} and {to}");
                gaps += 1;
                *to
            }
        };
    }
    (events, gaps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_story_is_whole_on_several_threads() {
    for kept in [20, 200, 100_000] {
        let hub = Hub::builder().retention(Retention::new().events(kept).bytes(1 << 30)).memory();
        let topic: Topic = hub.topic("a").expect("it can be a topic");
        let clients: Vec<_> = (0..CLIENTS).map(|seed| tokio::spawn(follow(topic.clone(), seed))).collect();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|name| tokio::spawn(publish(topic.clone(), name))).collect();
        let mut published = HashMap::new();
        for publisher in publishers {
            let of_one = within(PATIENCE, "publishing", publisher).await.expect("it publishes all");
            assert!(of_one.is_sorted(), "what one publishes comes in its order");
            published.extend(of_one);
        }
        assert!((1..=(PUBLISHERS * EVENTS) as u64).all(|offset| published.contains_key(&offset)), "places have holes");
        for client in clients {
            let got = within(PATIENCE, "following", client).await.expect("it gets the last event");
            let (events, gaps) = assert_whole(&got, &published);
            // Where all is kept nobody misses anything, however slow he was.
            assert!(kept < 100_000 || gaps == 0 && events >= PUBLISHERS * EVENTS, "{events} events, {gaps} gaps");
        }
        assert_eq!(topic.subscribers(), 0);
    }
}
