//! The time between the snapshots of a stream that reads from the engine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout};
use touka::topic::{Cache, OnGap, Retention};
use touka::{Event, Hub};

use super::faulty::Faulty;

/// While a snapshot is loaded, more events are published than are retained. The stream never reads to the end of the topic,
/// but often waits for older events.
async fn loads(hub: Hub) -> Vec<u64> {
    let (topic, begun) = (hub.topic::<Event>("state").expect("a topic"), Instant::now());
    let (loads, publisher) = (Arc::new(Mutex::new(Vec::new())), topic.clone());
    let noted = Arc::clone(&loads);
    let snapshot = OnGap::snapshot(async move || {
        noted.lock().expect("no panic").push(begun.elapsed().as_secs());
        for number in 0..60 {
            publisher.publish(number.to_string()).await.expect("published");
        }
        ["state"]
    });
    let mut stream = topic.subscribe(None).on_gap(snapshot.initial()).await.expect("a stream");
    let read = async { while stream.next().await.is_some() {} };
    assert!(timeout(Duration::from_secs(100), read).await.is_err(), "the stream has ended");
    loads.lock().expect("no panic").clone()
}

#[tokio::test(start_paused = true)]
async fn the_time_between_snapshots_doubles() {
    let builder = || Hub::builder().retention(Retention::new().events(10)).cache(Cache::new().events(3));
    for hub in [builder().memory(), builder().engine(Faulty::new())] {
        assert_eq!(loads(hub).await, [0, 1, 3, 7, 15, 31, 61, 91]);
    }
}
