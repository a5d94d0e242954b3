//! Topics under a scheduler that tries thousands of the orders in which threads can run, and detects when all
//! threads wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};
use touka_under_shuttle::topic::Retention;
use touka_under_shuttle::{Event, EventId, EventStream, Hub, Topic};

/// Tries `orders` random orders, and as many chosen to provoke races.
fn try_orders(orders: usize, scene: impl Fn() + Send + Sync + 'static) {
    let scene = Arc::new(scene);
    let config = || {
        let mut config = Config::new();
        // Unoptimized code needs more stack than the default.
        config.stack_size = 512 * 1024;
        config
    };
    let same = Arc::clone(&scene);
    Runner::new(RandomScheduler::new(orders), config()).run(move || same());
    Runner::new(PctScheduler::new(3, orders), config()).run(move || scene());
}

/// Publishes `events` events on a thread of its own, which returns their offsets and texts.
fn publisher(topic: &Topic, name: &'static str, events: u64) -> thread::JoinHandle<Vec<(u64, String)>> {
    let topic = topic.clone();
    thread::spawn(move || {
        let publish = |number| {
            let text = format!("{name}{number}");
            let id = block_on(topic.publish(text.clone())).expect("published");
            (offset(&id), text)
        };
        (0..events).map(publish).collect()
    })
}

/// The offset in an id.
fn offset(id: &EventId) -> u64 {
    id.to_string().split('.').nth(2).and_then(|offset| offset.parse().ok()).expect("a position in a topic")
}

fn id(event: &Event) -> &EventId {
    event.as_id().expect("every event has an id")
}

fn subscribe(topic: &Topic, from: Option<EventId>) -> EventStream {
    block_on(topic.subscribe(from).into_future()).expect("the stream opens")
}

/// Follows up to an offset, and resumes whenever the stream is closed. Returns the events, and asserts that a
/// gap event stands exactly where something is missing.
fn follow(topic: &Topic, from: Option<EventId>, until: u64) -> Vec<(u64, String)> {
    let mut last = from;
    let mut got = Vec::new();
    loop {
        let mut stream = subscribe(topic, last.clone());
        while last.as_ref().is_none_or(|id| offset(id) < until) {
            let Some(event) = block_on(stream.next()) else { break };
            let (before, now) = (last.as_ref().map(offset), offset(id(&event)));
            match (event.as_event(), event.as_data()) {
                (Some(_), Some(gap)) => {
                    assert!(before.is_some_and(|before| before < now), "nothing was missed: {gap}");
                    let from = last.as_ref().expect("a gap begins at a position").to_string();
                    assert!(gap.contains(&from), "the gap does not begin at {from}: {gap}");
                }
                (None, Some(data)) => {
                    assert_eq!(before.map(|before| before + 1), Some(now), "a hole or a duplicate: {data}");
                    got.push((now, data.to_owned()));
                }
                _ => assert!(before.is_none_or(|before| before == now), "the stream goes on elsewhere: {now}"),
            }
            last = Some(id(&event).clone());
        }
        if last.as_ref().is_some_and(|id| offset(id) >= until) {
            return got;
        }
    }
}

/// Asserts that `got` is a part of all that was published, unchanged, and that each event has an offset of
/// its own, from the first one on.
fn assert_part_of(got: &[(u64, String)], publishers: Vec<thread::JoinHandle<Vec<(u64, String)>>>, first: u64) {
    let mut all: Vec<_> = publishers.into_iter().flat_map(|publisher| publisher.join().expect("ended")).collect();
    all.sort_unstable();
    assert!(all.iter().map(|(offset, _)| *offset).eq(first..first + all.len() as u64), "{all:?}");
    assert!(got.iter().all(|event| all.contains(event)), "{got:?} of {all:?}");
}

fn topic(hub: &Hub) -> Topic {
    hub.topic("a").expect("a valid topic name")
}

#[test]
fn a_waiting_reader_is_woken_and_misses_nothing() {
    try_orders(2000, || {
        let topic = topic(&Hub::memory());
        block_on(topic.publish("before")).expect("published");
        let publishers = vec![publisher(&topic, "y", 2), publisher(&topic, "z", 2)];
        let follower = |from: Option<EventId>| {
            let topic = topic.clone();
            thread::spawn(move || follow(&topic, from, 5))
        };
        let followers = [follower(None), follower(None)];
        let got = followers.map(|follower| follower.join().expect("ended"));
        // From its start on it gets everything: `follow` has checked that.
        assert_part_of(&got.concat(), publishers, 2);
    });
}

#[test]
fn a_lagging_reader_gets_an_exact_gap() {
    try_orders(2000, || {
        let topic = topic(&Hub::builder().retention(Retention::new().events(2)).memory());
        let publishers = vec![publisher(&topic, "y", 4), publisher(&topic, "z", 4)];
        let begin = topic.clone();
        let follower = thread::spawn(move || follow(&begin, None, 8));
        let got = follower.join().expect("ended");
        assert_part_of(&got, publishers, 1);
    });
}

#[test]
fn a_dropped_reader_leaves_the_others_in_place() {
    try_orders(2000, || {
        let topic = topic(&Hub::memory());
        let leaves = || {
            let topic = topic.clone();
            thread::spawn(move || {
                let mut stream = subscribe(&topic, None);
                let _checkpoint = block_on(stream.next());
                // Polls once, and is dropped without another poll, woken or not.
                block_on(poll_fn(|cx| {
                    let _ = stream.poll_next_unpin(cx);
                    Poll::Ready(())
                }));
            })
        };
        let leavers = [leaves(), leaves()];
        let stays = topic.clone();
        let stayer = thread::spawn(move || follow(&stays, None, 3));
        let publishers = vec![publisher(&topic, "x", 3)];
        let got = stayer.join().expect("ended");
        assert_part_of(&got, publishers, 1);
        for leaver in leavers {
            leaver.join().expect("ended");
        }
        assert_eq!(topic.subscribers(), 0);
    });
}

#[test]
fn several_topics_wake_one_stream() {
    try_orders(2000, || {
        let hub = Hub::memory();
        let (a, b): (Topic, Topic) = (hub.topic("a").expect("a name"), hub.topic("b").expect("a name"));
        let stream = hub.subscribe(["a", "b"], None).expect("two names");
        let mut stream = block_on(stream.into_future()).expect("the stream opens");
        let follower = thread::spawn(move || {
            block_on(async {
                let _checkpoint = stream.next().await;
                let mut got = Vec::new();
                for _ in 0..4 {
                    let event = stream.next().await.expect("the stream goes on");
                    got.push(event.as_data().unwrap_or_default().to_owned());
                }
                got
            })
        });
        let publishers = [publisher(&a, "a", 2), publisher(&b, "b", 2)];
        let got = follower.join().expect("ended");
        for (topic, publisher) in ["a", "b"].into_iter().zip(publishers) {
            let of: Vec<_> = got.iter().filter(|data| data.starts_with(topic)).collect();
            let all = publisher.join().expect("ended");
            assert!(of.into_iter().eq(all.iter().map(|(_, text)| text)), "{got:?}");
        }
    });
}

#[test]
fn a_reader_of_a_closing_hub_ends_and_misses_nothing() {
    try_orders(2000, || {
        let hub = Hub::memory();
        let topic = topic(&hub);
        let streams = [subscribe(&topic, None), subscribe(&topic, None)];
        let followers = streams.map(|mut stream| {
            thread::spawn(move || {
                let mut got = Vec::new();
                while let Some(event) = block_on(stream.next()) {
                    got.push((offset(id(&event)), event.as_data().unwrap_or_default().to_owned()));
                }
                got
            })
        });
        let publishers = vec![publisher(&topic, "x", 3)];
        let closes = hub.clone();
        let closer = thread::spawn(move || closes.close());
        // Another thread subscribes to a new topic in the meantime, and its stream ends as well.
        let late = hub.clone();
        let latecomer = thread::spawn(move || {
            let mut stream = subscribe(&late.topic("b").expect("a name"), None);
            while block_on(stream.next()).is_some() {}
        });
        let [one, two] = followers.map(|follower| follower.join().expect("ended"));
        assert_eq!(one, two, "the end has the same position for all");
        assert!(one.iter().map(|(offset, _)| *offset).eq(0..one.len() as u64), "{one:?}");
        assert_part_of(&one[1..], publishers, 1);
        closer.join().expect("ended");
        latecomer.join().expect("ended");
    });
}
