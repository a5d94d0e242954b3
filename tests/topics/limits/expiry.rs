//! Removal of unused topics.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::yield_now;
use touka::Hub;
use touka::topic::Retention;

use super::{A_MINUTE, app, check, untyped};

#[tokio::test(start_paused = true)]
async fn an_unused_topic_is_removed() {
    // After that time no event keeps its topic.
    let hub = Hub::builder().expire_after(10 * A_MINUTE).retention(Retention::new().age(A_MINUTE / 2)).memory();
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
    let hub = Hub::builder().retention(Retention::new().age(60 * A_MINUTE)).memory();
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
async fn a_topic_is_removed_when_another_is_requested_again() {
    let hub = Hub::builder().retention(Retention::new().age(A_MINUTE)).memory();
    drop((untyped(&hub, "a"), untyped(&hub, "b")));
    tokio::time::advance(9 * A_MINUTE).await;
    untyped(&hub, "b").publish("1").await.unwrap();
    tokio::time::advance(5 * A_MINUTE).await;
    untyped(&hub, "b").publish("2").await.unwrap();
    assert_eq!(hub.topics(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn topics_of_an_idle_hub_are_removed() {
    let hub = Hub::builder().retention(Retention::new().age(A_MINUTE)).memory();
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
    let hub = Hub::builder().expire_after(Duration::MAX).retention(Retention::new().age(A_MINUTE)).memory();
    untyped(&hub, "a").publish("1").await.unwrap();
    tokio::time::sleep(100_000 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["a", "new"]);
    // The shortest time works too: an unused topic is removed at the next check.
    let hub = Hub::builder().expire_after(Duration::ZERO).retention(Retention::new().age(Duration::ZERO)).memory();
    untyped(&hub, "a").publish("1").await.unwrap();
    tokio::time::sleep(A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["new"]);
}

/// The task that evicts topics sleeps for minutes, and ends when the last clone of its hub is dropped.
#[tokio::test(start_paused = true)]
async fn the_task_of_a_hub_ends_with_it() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let hubs: Vec<_> = (0..10).map(|_| Hub::memory()).collect();
    let topics: Vec<_> = hubs.iter().map(|hub| untyped(hub, "a")).collect();
    yield_now().await;
    assert_eq!(tasks(), before + 10);
    drop(hubs.clone());
    yield_now().await;
    assert_eq!(tasks(), before + 10);
    drop(hubs);
    yield_now().await;
    assert_eq!(tasks(), before, "tasks of hubs that were dropped");
    topics[0].publish("1").await.unwrap();
}
