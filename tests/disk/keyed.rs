//! Clients that want the newest event of each key, from a file.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use support::Folder;
use tokio::time::timeout;
use touka::topic::{Cache, OnLag, Retention};
use touka::{Event, EventId, EventStream, Hub, Topic};

/// A hub with two events in memory and six in its file.
fn hub(path: &str) -> Hub {
    let keeps = Retention::new().events(6);
    Hub::builder().retention(keeps).cache(Cache::new().events(2)).open(path).expect("the file opens")
}

async fn publish(topic: &Topic, keys: &str) -> Vec<EventId> {
    let mut ids = Vec::new();
    for key in keys.chars() {
        ids.push(topic.publish_keyed(&key.to_string(), key.to_string()).await.expect("published"));
    }
    ids
}

async fn latest(topic: &Topic, from: &EventId) -> EventStream {
    topic.subscribe(from.clone()).on_lag(OnLag::Latest).await.expect("the topic can be read")
}

/// The keys of the next events, and `!` for a gap.
async fn keys(stream: &mut EventStream, until: &str) -> String {
    let mut keys = String::new();
    while !keys.ends_with(until) {
        let event: Event = timeout(Duration::from_mins(1), stream.next()).await.expect("an event").expect("it goes on");
        match (event.as_event(), event.as_data()) {
            (Some(_), _) => keys.push('!'),
            (None, Some(data)) => keys.push_str(data),
            (None, None) => {}
        }
    }
    assert!(stream.next().now_or_never().is_none(), "there is more");
    keys
}

/// The events leave the memory before others supersede them, and leave the file after that.
#[tokio::test]
async fn superseded_events_that_left_the_file_are_no_gap() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut ids;
    {
        let hub = hub(&path);
        let topic: Topic = hub.topic("a").unwrap();
        ids = publish(&topic, "x").await;
        let mut live = latest(&topic, &ids[0]).await;
        let mut merged = hub.subscribe(["a", "b"], None).unwrap().on_lag(OnLag::Latest).await.unwrap();
        let _positions = (live.next().await, merged.next().await);
        // `s` leaves the memory as the newest of its key.
        ids.extend(publish(&topic, "suvwsxuvwx").await);
        assert_eq!(keys(&mut live, "x").await, "suvwx");
        assert_eq!(keys(&mut merged, "x").await, "suvwx");
        assert_eq!(keys(&mut latest(&topic, &ids[0]).await, "x").await, "suvwx");
    }
    // The same after a restart, and while the topic is not in memory.
    let hub = hub(&path);
    let topic: Topic = hub.topic("a").unwrap();
    ids.extend(publish(&topic, "s").await);
    for id in &ids[..4] {
        assert_eq!(keys(&mut latest(&topic, id).await, "s").await, "uvwxs", "{id}");
    }
}

#[tokio::test]
async fn a_key_that_left_the_file_is_a_gap() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let hub = hub(&path);
    let topic: Topic = hub.topic("a").unwrap();
    let ids = publish(&topic, "xy").await;
    let mut live = latest(&topic, &ids[0]).await;
    let _position = live.next().await;
    publish(&topic, "suvwsuvwsuvw").await;
    assert_eq!(keys(&mut live, "w").await, "!suvw");
    assert_eq!(keys(&mut latest(&topic, &ids[0]).await, "w").await, "!suvw");
    // A client that has seen it misses nothing.
    assert_eq!(keys(&mut latest(&topic, &ids[1]).await, "w").await, "suvw");
    // An event without a key is superseded by none.
    let seen = topic.publish("before").await.unwrap();
    topic.publish("none").await.unwrap();
    publish(&topic, "suvwsuvwsuvw").await;
    assert_eq!(keys(&mut latest(&topic, &seen).await, "w").await, "!suvw");
}

/// An id whose event was lost is no proof: the client has seen something else.
#[tokio::test]
async fn a_position_of_another_history_is_a_gap() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let hub = hub(&path);
    let topic: Topic = hub.topic("a").unwrap();
    let ids = publish(&topic, "xsuvwsxuvwx").await;
    let id = ids[0].to_string();
    let other = if id.ends_with('a') { "b" } else { "a" };
    let forged = format!("{}{other}", &id[..id.len() - 1]).parse().unwrap();
    assert_eq!(keys(&mut latest(&topic, &forged).await, "x").await, "!suvwx");
}
