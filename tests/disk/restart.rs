//! Topics on disk: events of one hub are read by the next one, and clients resume with their ids.

use std::fs;

use support::Folder;
use touka::extract::{LastEventId, State};
use touka::testing::{Events, TestApp};
use touka::topic::{Disk, Durability, HubError, OnLag, Retention};
use touka::{Event, EventStream, Hub, Router, Topic, route, routes};

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).await
}

#[route(GET, "/all/{name}")]
async fn all(State(hub): State<Hub>, name: String) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(None).earliest().await
}

#[route(GET, "/latest/{name}")]
async fn latest(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).on_lag(OnLag::Latest).await
}

#[route(GET, "/both")]
async fn both(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(["a", "b"], from)?.await
}

/// A hub and an app in front of it. Both must be dropped before the file is opened again.
struct Node {
    app: TestApp,
    hub: Hub,
}

impl Node {
    fn on(disk: impl Into<Disk>) -> Self {
        Self::with(Hub::open(disk).expect("open the file"))
    }

    fn with(hub: Hub) -> Self {
        let app = Router::new().mount(routes![topic, all, latest, both]).with_state(hub.clone());
        Self { app: TestApp::new(app), hub }
    }

    fn topic(&self, name: &str) -> Topic<Event> {
        self.hub.topic(name).expect("no error")
    }

    async fn publish(&self, name: &str, numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
        let topic = self.topic(name);
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(topic.publish(number.to_string()).await.expect("no error").to_string());
        }
        ids
    }

    async fn from(&self, path: &str, id: &str) -> Events {
        self.app.get(path).header("last-event-id", id).events().await
    }

    /// Shuts down as a process does that ends.
    async fn end(self) {
        self.app.shutdown();
        self.app.assert_nothing_left().await;
    }
}

async fn expect(events: &mut Events, data: impl IntoIterator<Item = u32>) {
    for number in data {
        let event = events.next_event().await.expect("an event");
        assert_eq!((event.name.as_str(), event.data), ("message", number.to_string()));
    }
    events.assert_pending().await;
}

#[tokio::test]
async fn a_client_goes_on_with_its_id_after_a_restart() {
    let folder = Folder::new();
    let path = folder.path("hub");
    for durability in [Durability::Immediate, Durability::Eventual] {
        let name = &format!("{durability:?}");
        let node = Node::on(Disk::new(&path).durability(durability));
        let ids = node.publish(name, 0..5).await;
        node.end().await;

        let node = Node::on(&path);
        expect(&mut node.from(&format!("/topics/{name}"), &ids[1]).await, 2..5).await;
        // Nothing is missing after the last event, and new events follow it.
        let mut at_the_end = node.from(&format!("/topics/{name}"), &ids[4]).await;
        expect(&mut at_the_end, []).await;
        node.publish(name, 5..6).await;
        expect(&mut at_the_end, 5..6).await;
        drop(at_the_end);
        node.end().await;
    }
}

#[tokio::test]
async fn a_position_in_an_empty_topic_is_valid_after_a_restart() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::on(&path);
    let mut events = node.app.get("/topics/a").events().await;
    events.assert_pending().await;
    let place = events.last_event_id();
    assert!(place.starts_with("1."), "{place}");
    drop(events);
    node.end().await;

    let node = Node::on(&path);
    let mut events = node.from("/topics/a", &place).await;
    node.publish("a", 0..2).await;
    expect(&mut events, 0..2).await;
    drop(events);
    node.end().await;

    let node = Node::on(&path);
    expect(&mut node.from("/topics/a", &place).await, 0..2).await;
    // A position in another topic is invalid in this one.
    let gap = node.from("/topics/b", &place).await.next_event().await.unwrap();
    assert_eq!(gap.name, "gap");
    node.end().await;
}

#[tokio::test]
async fn events_come_back_byte_for_byte() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::on(&path);
    let topic = node.topic("a");
    let events = [
        Event::data("one\ntwo\r\nthree").event("tick".parse::<touka::EventName>().unwrap()),
        Event::new().comment("only a comment"),
        Event::data("").retry(std::time::Duration::from_secs(7)).comment("first").id("its own"),
        Event::new(),
        Event::data("x".repeat(3_000_000)),
    ];
    for event in events {
        topic.publish(event).await.unwrap();
    }
    let mut events = node.app.get("/all/a").events().await;
    while events.bytes().len() < 3_000_000 {
        events.next_event().await.unwrap();
    }
    let before = events.bytes();
    drop(events);
    drop(topic);
    node.end().await;

    let node = Node::on(&path);
    let mut after = node.app.get("/all/a").events().await;
    while after.bytes().len() < before.len() {
        after.next_event().await.unwrap();
    }
    assert!(after.bytes() == before, "the bytes differ");
    drop(after);
    node.end().await;
}

#[tokio::test]
async fn keys_come_back() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::on(&path);
    let topic = node.topic("a");
    let start = topic.publish("0").await.unwrap().to_string();
    for (key, number) in [("x", 1), ("y", 2), ("x", 3), ("", 4), ("", 5)] {
        topic.publish_keyed(key, number.to_string()).await.unwrap();
    }
    drop(topic);
    node.end().await;

    let node = Node::on(&path);
    expect(&mut node.from("/latest/a", &start).await, [2, 3, 5]).await;
    node.end().await;
}

/// An idempotency key counts after a restart, too, and with events that follow each other in one transaction.
#[tokio::test]
async fn idempotency_keys_come_back() {
    let folder = Folder::new();
    let node = Node::on(folder.path("events"));
    let topic = node.topic("a");
    let (one, same) = tokio::join!(topic.publish_once("key", "1"), topic.publish_once("key", "1"));
    let one = one.expect("no error");
    assert_eq!(same.expect("no error"), one);
    let other = topic.publish_once("other", "2").await.expect("no error");
    drop(topic);
    node.end().await;
    let node = Node::on(folder.path("events"));
    let topic = node.topic("a");
    assert_eq!(topic.publish_once("key", "1").await.expect("no error"), one);
    assert_eq!(topic.publish_once("other", "2").await.expect("no error"), other);
    topic.publish("3").await.expect("no error");
    let mut events = node.app.get("/all/a").events().await;
    expect(&mut events, 1..=3).await;
    // A key is forgotten with its event.
    topic.set_retention(Retention::new().events(1));
    assert_ne!(topic.publish_once("key", "4").await.expect("no error"), one);
    drop((events, topic));
    node.end().await;
}

#[tokio::test]
async fn a_position_in_several_topics_is_valid_after_a_restart() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::on(&path);
    let mut events = node.app.get("/both").events().await;
    node.publish("a", 0..1).await;
    node.publish("b", 1..2).await;
    events.next_event().await.unwrap();
    events.next_event().await.unwrap();
    let place = events.last_event_id();
    node.publish("a", 2..3).await;
    drop(events);
    node.end().await;

    let node = Node::on(&path);
    expect(&mut node.from("/both", &place).await, [2]).await;
    node.end().await;
}

#[tokio::test]
async fn trimmed_events_are_removed_from_the_disk() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let of_ten = || Node::with(Hub::builder().retention(Retention::new().events(10)).open(&path).unwrap());
    let node = of_ten();
    let topic = node.topic("a");
    let payload = "x".repeat(40_000);
    let mut sizes = Vec::new();
    for number in 0..500_u32 {
        topic.publish(payload.as_str()).await.unwrap();
        if number % 125 == 124 {
            sizes.push(fs::metadata(&path).unwrap().len());
        }
    }
    // 20 MB were written in total.
    assert!(sizes[3] <= sizes[0].max(2_000_000), "{sizes:?}");
    let ids = node.publish("a", 0..11).await;
    let early = topic.publish("11").await.unwrap().to_string();
    drop(topic);
    node.end().await;

    let node = of_ten();
    // The last trimmed event: everything after it is kept.
    expect(&mut node.from("/topics/a", &ids[1]).await, 2..12).await;
    let gap = node.from("/topics/a", &ids[0]).await.next_event().await.unwrap();
    assert!(gap.name == "gap" && gap.data.contains(r#""reason":"trimmed""#), "{gap:?}");
    expect(&mut node.from("/topics/a", &early).await, []).await;
    node.end().await;
}

#[tokio::test]
async fn a_topic_evicted_from_memory_is_read_again() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::with(Hub::builder().max_topics(1).expire_after(std::time::Duration::ZERO).open(&path).unwrap());
    let ids = node.publish("a", 0..3).await;
    // The memory holds one topic only.
    node.publish("b", 0..1).await;
    assert_eq!(node.hub.topics(), ["b"]);
    expect(&mut node.from("/topics/a", &ids[0]).await, 1..3).await;
    assert_eq!(node.hub.topics(), ["a"]);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_publishes_have_one_order() {
    const TASKS: usize = 16;
    const EACH: usize = 100;
    let folder = Folder::new();
    let path = folder.path("hub");
    let node = Node::on(&path);
    let start = node.publish("a", 0..1).await.remove(0);
    let mut live = node.from("/topics/a", &start).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let topic = node.topic("a");
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for number in 0..EACH {
                    let text = format!("{task}.{number}");
                    ids.push((topic.publish(text.as_str()).await.unwrap().to_string(), text));
                }
                ids
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    let offset = |id: &str| id.split('.').nth(2).unwrap().parse::<u64>().unwrap();
    acknowledged.sort_by_key(|(id, _)| offset(id));
    for (id, text) in &acknowledged {
        let event = live.next_event().await.unwrap();
        assert_eq!((&event.id, &event.data), (id, text));
    }
    drop(live);
    node.end().await;

    let node = Node::on(&path);
    let mut later = node.from("/topics/a", &start).await;
    for (id, text) in &acknowledged {
        let event = later.next_event().await.unwrap();
        assert_eq!((&event.id, &event.data), (id, text));
    }
    later.assert_pending().await;
    drop(later);
    node.end().await;
}

#[tokio::test]
async fn a_dropped_hub_first_writes_what_it_has_acknowledged() {
    let folder = Folder::new();
    let path = folder.path("hub");
    for durability in [Durability::Immediate, Durability::Eventual] {
        let hub = Hub::open(Disk::new(&path).durability(durability)).unwrap();
        let topic = hub.topic::<Event>(format!("{durability:?}")).unwrap();
        let first = topic.publish("0").await.unwrap();
        for number in 1..10 {
            topic.publish(number.to_string()).await.unwrap();
        }
        drop((topic, hub));
        let node = Node::on(&path);
        expect(&mut node.from(&format!("/topics/{durability:?}"), &first.to_string()).await, 1..10).await;
        node.end().await;
    }
}
