//! A store that loses its newest events: clients get a gap exactly there.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use touka::{Event, EventId, EventStream, Hub, Topic};

use super::store::Store;

/// The next event with data: its name, or its data if it has none.
async fn next(stream: &mut EventStream) -> String {
    loop {
        let event = timeout(Duration::from_mins(1), stream.next()).await.expect("an event").expect("an open stream");
        if let Some(data) = event.as_data() {
            return event.as_event().map_or(data.to_owned(), |name| format!("{name} {data}"));
        }
    }
}

async fn publish(topic: &Topic, numbers: std::ops::Range<u32>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(topic.publish(number.to_string()).await.expect("published"));
    }
    ids
}

async fn assert_gap(stream: &mut EventStream, reason: &str) {
    let event = next(stream).await;
    assert!(event.starts_with(&format!(r#"gap {{"reason":"{reason}""#)), "{event}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_a_gap_for_those_who_have_seen_more() {
    let store = Store::default();
    let hubs = [Hub::builder().engine(store.clone()), Hub::builder().engine(store.clone())];
    let [a, b] = hubs.each_ref().map(|hub| hub.topic::<Event>("news").expect("a topic"));
    let mut open = b.subscribe(None).await.expect("a stream");
    let mut slow = a.subscribe(None).await.expect("a stream");
    let ids = publish(&a, 0..5).await;
    for number in 0..5 {
        assert_eq!(next(&mut open).await, number.to_string());
    }
    for number in 0..3 {
        assert_eq!(next(&mut slow).await, number.to_string());
    }
    store.roll_back("news", 2);
    assert_gap(&mut open, "future").await;
    publish(&b, 5..8).await;
    for number in 5..8 {
        assert_eq!(next(&mut open).await, number.to_string());
        // This client has seen none of the lost events.
        assert_eq!(next(&mut slow).await, number.to_string());
    }
    for topic in [&a, &b] {
        let mut kept = topic.subscribe(ids[2].clone()).await.expect("a stream");
        assert_eq!(next(&mut kept).await, "5");
        let mut lost = topic.subscribe(ids[3].clone()).await.expect("a stream");
        assert_gap(&mut lost, "forked").await;
    }
}
