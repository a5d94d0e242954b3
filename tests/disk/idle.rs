//! Events that are too old are removed from a hub's file while the topics are idle.

use std::fs;
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use support::Folder;
use touka::topic::Retention;
use touka::{Event, Hub};

const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");

const AGES: TableDefinition<'_, u64, u64> = TableDefinition::new("ages");

fn events_in(path: &str) -> u64 {
    let database = Database::open(path).expect("no other process has the file open");
    let reading = database.begin_read().expect("readable");
    reading.open_table(EVENTS).expect("the table exists").len().expect("readable")
}

/// Shortens the retention ages stored in the file, as if that much time had passed.
fn shorten_ages(path: &str, from: Duration, to: Duration) -> usize {
    let milliseconds = |age: Duration| u64::try_from(age.as_millis()).expect("in range");
    let writing = Database::open(path).expect("no other process has the file open").begin_write().expect("writable");
    let mut ages = writing.open_table(AGES).expect("the table exists");
    let numbers: Vec<u64> = ages
        .iter()
        .expect("readable")
        .map(|entry| entry.expect("readable"))
        .filter(|(_, age)| age.value() == milliseconds(from))
        .map(|(number, _)| number.value())
        .collect();
    for number in &numbers {
        ages.insert(number, milliseconds(to)).expect("writable");
    }
    drop(ages);
    writing.commit().expect("writable");
    numbers.len()
}

/// No process uses the topics any more: neither this one nor the one that published to them.
#[tokio::test]
async fn old_events_of_unused_topics_are_removed_from_the_disk() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let large = "x".repeat(100_000);
    let hub = Hub::builder().retention(Retention::new().age(Duration::from_mins(45))).open(&path).unwrap();
    let keeps = hub.topic::<Event>("keeps").unwrap();
    keeps.set_retention(Retention::new());
    for topic in 0..30 {
        let topic = hub.topic::<Event>(format!("{topic}")).unwrap();
        for _ in 0..4 {
            topic.publish(large.as_str()).await.unwrap();
            keeps.publish("small").await.unwrap();
        }
    }
    drop((keeps, hub));
    let (full, size) = (events_in(&path), fs::metadata(&path).unwrap().len());
    assert_eq!(full, 30 * 4 + 120);
    assert_eq!(shorten_ages(&path, Duration::from_mins(45), Duration::from_millis(1)), 30);
    // What remains: the newest event of each topic, and all of the topic whose own retention, stored in the
    // file, keeps more.
    let expected = 30 + 120;
    let end = tokio::time::Instant::now() + Duration::from_mins(1);
    while events_in(&path) > expected {
        assert!(tokio::time::Instant::now() < end, "{} of {full} are there", events_in(&path));
        let hub = Hub::open(&path).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(hub);
    }
    assert_eq!(events_in(&path), expected);
    // The freed space is reused.
    let hub = Hub::open(&path).unwrap();
    for topic in 0..20 {
        let topic = hub.topic::<Event>(format!("new {topic}")).unwrap();
        for _ in 0..4 {
            topic.publish(large.as_str()).await.unwrap();
        }
    }
    let now = fs::metadata(&path).unwrap().len();
    assert!(now <= size + size / 4, "{size} bytes became {now}");
    let topic = hub.topic::<Event>("keeps").unwrap();
    let offset = topic.publish("end").await.unwrap().to_string().split('.').nth(2).unwrap().to_owned();
    assert_eq!(offset, "121");
}
