//! Pages of events from before the cache, as NATS sends them.

use std::time::Duration;

use futures_util::StreamExt as _;
use support::NatsServer;
use tokio::time::timeout;
use touka::topic::Cache;
use touka::{Event, Hub, Topic};

/// The data of the events after the first one, for a client that has that one.
async fn rest(topic: &Topic, count: usize) -> Vec<String> {
    let first = topic.publish("first").await.expect("published");
    let large = "x".repeat(count);
    for text in [&large, "third", "last"] {
        topic.publish(text).await.expect("published");
    }
    let stream = topic.subscribe(Some(first)).await.expect("subscribed");
    let data = stream.filter_map(async |event: Event| event.as_data().map(str::to_owned));
    timeout(Duration::from_mins(1), data.take(3).collect()).await.expect("all events in time")
}

/// The server ends a request without a word if a message fills its bytes to the last one. One of these lengths does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_bytes_are_all_used_is_read() {
    let nats = NatsServer::start().await;
    let hub = Hub::builder().cache(Cache::new().events(1)).nats(nats.url()).await.expect("a hub");
    // The numbers in the subject of an acknowledgement grow meanwhile. As the lengths become smaller, no sum is left out.
    for length in (64 * 1024 - 300..64 * 1024 - 100).rev() {
        let topic = hub.topic::<Event>(format!("length {length}")).expect("a topic");
        assert_eq!(rest(&topic, length).await, [&"x".repeat(length), "third", "last"], "{length}");
    }
}
