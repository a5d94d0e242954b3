//! Events by count, bytes and age, and keys.

use std::time::Duration;

use touka::Hub;
use touka::topic::Retention;

use super::{A_MINUTE, app, retained, untyped};

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
