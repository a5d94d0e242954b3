//! Retention of a hub: events by count, bytes and age; topics by use, number and name.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use tokio::runtime::Builder;
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::{Disk, Durability, HubError, Retention};
use touka::{EventStream, Hub, Router, Topic, route, routes};

const A_MINUTE: Duration = Duration::from_mins(1);

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).earliest().await
}

#[route(GET, "/any")]
async fn any(State(hub): State<Hub>, name: touka::extract::Query<Name>) -> Result<EventStream, HubError> {
    hub.topic(&name.0.name)?.subscribe(None).await
}

#[derive(serde::Deserialize)]
struct Name {
    name: String,
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![topic, any]).with_state(hub.clone()))
}

fn untyped(hub: &Hub, name: &str) -> Topic {
    hub.topic(name).expect("a valid topic name")
}

/// The events that a new client gets.
async fn retained(app: &TestApp) -> Vec<String> {
    let mut events = app.get("/topics/a").events().await;
    let mut retained = Vec::new();
    while !events.is_pending().await {
        retained.push(events.next_event().await.expect("an event").data);
    }
    retained
}

// ===== events =====

#[tokio::test(start_paused = true)]
async fn the_newest_events_are_retained_up_to_the_limit() {
    for (most, expected) in [(0, &["5"][..]), (1, &["5"]), (3, &["3", "4", "5"]), (9, &["1", "2", "3", "4", "5"])] {
        let hub = Hub::memory().retention(Retention::new().events(most));
        for number in 1..=5 {
            untyped(&hub, "a").publish(number.to_string()).await.unwrap();
        }
        assert_eq!(retained(&app(&hub)).await, expected, "{most}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_as_on_the_wire() {
    let hub = Hub::memory();
    let mut events = app(&hub).get("/topics/a").events().await;
    let topic = untyped(&hub, "a");
    // Each event is a chunk: its length in hexadecimal, two line ends, and this text.
    let id = topic.publish("1").await.unwrap();
    let chunk = format!("id: {id}\ndata: 1\n\n").len() + "29\r\n\r\n".len();
    events.next_event().await.expect("an event");
    for (bytes, expected) in [
        (0, &["5"][..]),
        (chunk, &["5"]),
        (2 * chunk - 1, &["5"]),
        (2 * chunk, &["4", "5"]),
        (3 * chunk, &["3", "4", "5"]),
    ] {
        let hub = Hub::memory().retention(Retention::new().bytes(bytes));
        for number in 1..=5 {
            untyped(&hub, "a").publish(number.to_string()).await.unwrap();
        }
        assert_eq!(retained(&app(&hub)).await, expected, "{bytes} of {chunk} for each");
    }
    // An event larger than the limit is retained alone.
    let hub = Hub::memory().retention(Retention::new().bytes(2 * chunk));
    for text in ["1", "2", &"x".repeat(1000)] {
        untyped(&hub, "a").publish(text.to_owned()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["x".repeat(1000)]);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_too_old_are_not_sent() {
    let hub = Hub::memory().retention(Retention::new().age(3 * A_MINUTE));
    let (app, topic) = (app(&hub), untyped(&hub, "a"));
    for number in 1..=3 {
        topic.publish(number.to_string()).await.unwrap();
        tokio::time::advance(A_MINUTE).await;
    }
    assert_eq!(retained(&app).await, ["1", "2", "3"], "the oldest is exactly at the limit");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(retained(&app).await, ["2", "3"]);
    tokio::time::advance(60 * A_MINUTE).await;
    assert_eq!(retained(&app).await, ["3"], "the newest event stays");
    topic.publish("4").await.unwrap();
    assert_eq!(retained(&app).await, ["4"]);
}

#[tokio::test(start_paused = true)]
async fn one_topic_can_retain_more_or_less_than_the_others() {
    let hub = Hub::memory().retention(Retention::new().events(2));
    let topic = untyped(&hub, "a").retention(Retention::new().events(4));
    for number in 1..=5 {
        topic.publish(number.to_string()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["2", "3", "4", "5"]);
    let topic = topic.retention(Retention::default().events(1));
    assert_eq!(retained(&app(&hub)).await, ["5"], "events over the limit are trimmed at once");
    drop(topic);
    assert_eq!(retained(&app(&hub)).await, ["5"], "the retention belongs to the topic, not to the handle");
}

// ===== topics =====

/// Opens a new topic, which is when unused topics are removed.
fn check(hub: &Hub, name: &str) -> Vec<String> {
    drop(untyped(hub, name));
    hub.topics()
}

#[tokio::test(start_paused = true)]
async fn an_unused_topic_is_removed() {
    // After that time no event keeps its topic.
    let hub = Hub::memory().expire_after(10 * A_MINUTE).retention(Retention::new().age(A_MINUTE / 2));
    let app = app(&hub);
    let held = untyped(&hub, "held");
    let id = untyped(&hub, "a").publish("1").await.unwrap();
    untyped(&hub, "b").publish("1").await.unwrap();
    let follower = app.get("/topics/followed").events().await;
    tokio::time::advance(9 * A_MINUTE).await;
    untyped(&hub, "b").publish("2").await.unwrap();
    tokio::time::advance(2 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["b", "followed", "held", "new"]);
    assert_eq!(held.publish("1").await.unwrap().to_string().split('.').nth(2), Some("1"));

    // A client that resumes finds a new log, and gets a gap.
    let mut events = app.get("/topics/a").header("last-event-id", id.to_string()).events().await;
    let gap = events.next_event().await.expect("a gap");
    assert_eq!(gap.json::<serde_json::Value>()["reason"], "foreign");

    // A disconnected client counts as a user until its disconnect.
    drop((events, follower, held));
    app.assert_nothing_left().await;
    tokio::time::advance(9 * A_MINUTE).await;
    assert_eq!(check(&hub, "newer"), ["a", "followed", "held", "new", "newer"]);
    tokio::time::advance(20 * A_MINUTE).await;
    assert_eq!(check(&hub, "newest"), ["newest"]);
}

/// A client that resumes within the retention misses nothing, though the topic had no client.
#[tokio::test(start_paused = true)]
async fn a_topic_without_clients_retains_its_events() {
    let hub = Hub::memory().retention(Retention::new().age(60 * A_MINUTE));
    let app = app(&hub);
    let topic = untyped(&hub, "a");
    let id = topic.publish("1").await.unwrap();
    topic.publish("2").await.unwrap();
    drop(topic);
    tokio::time::advance(50 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["a", "new"]);
    let mut events = app.get("/topics/a").header("last-event-id", id.to_string()).events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "2");
}

#[tokio::test(start_paused = true)]
async fn unknown_names_do_not_fill_the_memory() {
    let hub = Hub::memory().max_topics(3);
    let app = app(&hub);
    let held = untyped(&hub, "held");
    untyped(&hub, "history").publish("1").await.unwrap();
    // Readers of topics that were never published to use no memory after they have left, however many there
    // are.
    for number in 0..50 {
        let events = app.get(&format!("/topics/{number}")).events().await;
        events.disconnect();
        app.assert_nothing_left().await;
        assert!(hub.topics().len() <= 3, "{:?}", hub.topics());
    }
    let follower = app.get("/topics/followed").events().await;
    let refused = hub.topic::<touka::Event>("one more").unwrap_err();
    assert!(refused.is_too_many_topics() && !refused.is_name(), "{refused:?}");
    let response = app.get("/topics/stranger").send().await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = response.text().await;
    assert!(!text.contains('3') && text.ends_with('\n'), "no internals in the text: {text}");
    // Existing topics are unchanged, and a removed one makes a new one possible.
    assert_eq!(untyped(&hub, "history").publish("2").await.unwrap().to_string().split('.').nth(2), Some("2"));
    assert_eq!(hub.topics(), ["followed", "held", "history"]);
    drop((held, follower));
    app.assert_nothing_left().await;
    // The check for unused topics does not run on every request, but soon.
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(untyped(&hub, "one more"));
}

/// The path that requests a topic of this name.
fn any_of(name: &str) -> String {
    name.bytes().fold("/any?name=".to_owned(), |path, byte| format!("{path}%{byte:02X}"))
}

#[tokio::test(start_paused = true)]
async fn a_name_has_between_1_and_255_bytes_and_any_characters() {
    let hub = Hub::memory();
    let app = app(&hub);
    for (name, fault) in [(String::new(), "at least one"), ("x".repeat(256), "255"), ("ü".repeat(128), "255")] {
        let error = hub.topic::<touka::Event>(&name).unwrap_err();
        assert!(error.is_name() && error.to_string().contains(fault), "{error:?}");
        let response = app.get(&any_of(&name)).send().await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = response.text().await;
        assert!(text.contains(fault) && text.len() < 200 && text.lines().count() == 1, "{text:?}");
    }
    assert_eq!(hub.topics(), [""; 0]);
    for name in ["a\nid: forged\n\n", "../../etc/passwd", "\0", "\"\\", "ü", &"x".repeat(255)] {
        let mut events = app.get(&any_of(name)).events().await;
        untyped(&hub, name).publish("here").await.unwrap();
        assert_eq!(events.next_event().await.unwrap().data, "here", "{name:?}");
    }
    // A message shows a hostile name on one line.
    let long = hub.topic::<touka::Event>(format!("\r\n{}", "\u{1}".repeat(300))).unwrap_err().to_string();
    assert!(long.lines().count() == 1 && long.len() < 400, "{long}");
}

#[tokio::test(start_paused = true)]
async fn keys_count_in_the_retention_and_have_a_maximum_length() {
    let hub = Hub::memory().retention(Retention::new().bytes(10_000));
    let topic = untyped(&hub, "a");
    // Each key is new, and larger than its event.
    for number in 0..200 {
        topic.publish_keyed(&format!("{number:0256}"), number.to_string()).await.unwrap();
    }
    let first: u32 = retained(&app(&hub)).await[0].parse().unwrap();
    // 256 bytes of key and some 50 of event each.
    assert!((160..=175).contains(&first), "{first}");
    for key in ["x".repeat(257), "ü".repeat(129), "x".repeat(100_000)] {
        let error = topic.publish_keyed(&key, "no").await.unwrap_err();
        assert!(error.is_key() && !error.is_event() && !error.is_name(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("256") && text.len() < 300, "{text}");
    }
    let id = topic.publish_keyed("", "200").await.unwrap().to_string();
    assert_eq!(id.split('.').nth(2), Some("201"), "a refused key takes no number: {id}");
}

// ===== retention of one topic =====

#[tokio::test(start_paused = true)]
async fn the_retention_of_one_topic_outlives_its_removal() {
    let hub = Hub::memory();
    drop(untyped(&hub, "a").retention(Retention::new().events(2)));
    tokio::time::advance(60 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["new"]);
    for number in 1..=5 {
        untyped(&hub, "a").publish(number.to_string()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["4", "5"]);
}

/// Retentions for unknown names do not fill the memory, and do not replace those of other topics.
#[tokio::test(start_paused = true)]
async fn retentions_of_unknown_names_do_not_fill_the_memory() {
    let hub = Hub::memory().max_topics(3).expire_after(A_MINUTE);
    drop(untyped(&hub, "a").retention(Retention::new().events(2)));
    for number in 0..50 {
        drop(untyped(&hub, &number.to_string()).retention(Retention::new().events(7)));
        tokio::time::advance(2 * A_MINUTE).await;
    }
    for number in 1..=5 {
        untyped(&hub, "a").publish(number.to_string()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["4", "5"]);
}

/// Reading a topic takes a while, and a retention that is set in the meantime applies, in memory and on disk.
#[tokio::test]
async fn a_retention_set_while_a_topic_is_read_applies() {
    const EVENTS: u32 = 10_000;
    let folder = support::Folder::new();
    let path = folder.path("hub");
    let all = Retention::new().events(EVENTS as usize).bytes(usize::MAX);
    let hub = Hub::open(Disk::at(&path).durability(Durability::Eventual)).unwrap().retention(all);
    let topic = untyped(&hub, "a");
    let publishes = (0..EVENTS).map(|number| topic.publish(number.to_string()));
    futures_util::future::try_join_all(publishes).await.unwrap();
    drop((topic, hub));

    // Smaller than the hub's, and larger than the hub's.
    for (of_the_hub, of_the_topic, retained) in [(all.events(1), all, EVENTS), (all, all.events(2), 2)] {
        let hub = Hub::open(&path).unwrap().retention(of_the_hub);
        let topic = untyped(&hub, "a");
        let mut opens = topic.subscribe(None).earliest().into_future();
        // Another thread reads the file from here on.
        assert!((&mut opens).now_or_never().is_none());
        std::thread::yield_now();
        drop(topic.clone().retention(of_the_topic));
        let stream = opens.await.unwrap();
        let events = stream.take(retained as usize + 1);
        let events: Vec<_> = events.collect().await;
        // The first of them is the position at which the stream begins.
        let offset = |event: &touka::Event| event.as_id()?.to_string().split('.').nth(2)?.parse::<u32>().ok();
        let offsets = events.iter().filter_map(offset);
        assert!(offsets.eq(EVENTS - retained..=EVENTS), "{} are retained, and not {retained}", events.len());
        drop((topic, hub));
    }
}

// ===== removal of unused topics =====

#[tokio::test(start_paused = true)]
async fn a_topic_is_removed_when_another_is_requested_again() {
    let hub = Hub::memory().retention(Retention::new().age(A_MINUTE));
    drop((untyped(&hub, "a"), untyped(&hub, "b")));
    tokio::time::advance(9 * A_MINUTE).await;
    untyped(&hub, "b").publish("1").await.unwrap();
    tokio::time::advance(5 * A_MINUTE).await;
    untyped(&hub, "b").publish("2").await.unwrap();
    assert_eq!(hub.topics(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn topics_of_an_idle_hub_are_removed() {
    let hub = Hub::memory().retention(Retention::new().age(A_MINUTE));
    for number in 0..2000 {
        untyped(&hub, &number.to_string()).publish("1").await.unwrap();
    }
    tokio::time::sleep(8 * A_MINUTE).await;
    assert_eq!(hub.topics().len(), 2000);
    tokio::time::sleep(8 * A_MINUTE).await;
    assert_eq!(hub.topics(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_and_the_shortest_expiry_work() {
    let hub = Hub::memory().expire_after(Duration::MAX).retention(Retention::new().age(A_MINUTE));
    untyped(&hub, "a").publish("1").await.unwrap();
    tokio::time::sleep(100_000 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["a", "new"]);
    // The shortest time works too: an unused topic is removed at the next check.
    let hub = Hub::memory().expire_after(Duration::ZERO).retention(Retention::new().age(Duration::ZERO));
    untyped(&hub, "a").publish("1").await.unwrap();
    tokio::time::sleep(A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["new"]);
}

/// A runtime without timers cannot run the hub's task. That is found out once, not with each call.
#[test]
fn a_runtime_without_timers_is_tried_once() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|location| location.file().ends_with("janitor.rs")) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        } else {
            before(panic);
        }
    }));
    let hub = Hub::memory();
    Builder::new_current_thread().build().unwrap().block_on(async {
        for number in 0..5 {
            untyped(&hub, &number.to_string()).publish("one").await.unwrap();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
    });
    assert!(PANICS.load(Ordering::SeqCst) <= 1, "{PANICS:?}");
    assert_eq!(hub.topics().len(), 5);
}
