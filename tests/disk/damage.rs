//! Damaged events in a hub's file: clients that need them get a gap, and everything else goes on.

use std::time::Duration;

use futures_util::StreamExt;
use redb::{Database, TableDefinition};
use support::{Dialogue, Folder};
use tokio::time::timeout;
use touka::topic::{Cache, OnLag, Retention};
use touka::{Event, EventId, EventStream, Hub, Topic};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");
const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");

/// The contents of a damaged event.
#[derive(Clone, Copy)]
enum Damage {
    Overwritten,
    Missing,
}

/// Damages events with these offsets of the topic that was created first.
fn damage(path: &str, offsets: &[u64], how: Damage) {
    let writing = Database::open(path).expect("no process has it open").begin_write().expect("writable");
    let mut events = writing.open_table(EVENTS).expect("the table exists");
    for &offset in offsets {
        match how {
            Damage::Overwritten => drop(events.insert((0, offset), &b"?"[..]).expect("writable")),
            Damage::Missing => drop(events.remove((0, offset)).expect("writable")),
        }
    }
    drop(events);
    writing.commit().expect("writable");
}

/// A hub with this number of events of each topic in memory.
fn hub(path: &str, cached: usize) -> Hub {
    let keeps = Retention::new().age(Duration::MAX);
    Hub::builder().retention(keeps).cache(Cache::new().events(cached)).open(path).expect("the file opens")
}

async fn publish(topic: &Topic, numbers: std::ops::RangeInclusive<u32>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(topic.publish(number.to_string()).await.expect("published"));
    }
    ids
}

/// The next event: its text, or the ids of a gap.
async fn next(stream: &mut EventStream) -> String {
    loop {
        let next = timeout(Duration::from_mins(1), stream.next()).await.expect("an event comes");
        let event: Event = next.expect("the stream goes on");
        let Some(data) = event.as_data() else { continue };
        if event.as_event().is_none() {
            return data.to_owned();
        }
        let gap: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(event.as_id().map(ToString::to_string).as_deref(), gap["resumed_at"].as_str());
        let offset = |id: &str| gap[id].as_str().and_then(|id| id.split('.').nth(2)).unwrap_or_default().to_owned();
        return format!("{} {}-{}", gap["reason"].as_str().unwrap_or_default(), offset("from"), offset("resumed_at"));
    }
}

async fn expect(stream: &mut EventStream, expected: &[&str]) {
    for expected in expected {
        assert_eq!(next(stream).await, *expected);
    }
}

/// The file has 12 events, of which some are damaged. Every client gets a gap at exactly those.
#[tokio::test]
async fn a_damaged_event_is_a_gap_in_a_stream() {
    for (how, cached) in [(Damage::Overwritten, 2), (Damage::Missing, 2), (Damage::Overwritten, 1000)] {
        let folder = Folder::new();
        let path = folder.path("hub");
        let ids = publish(&hub(&path, cached).topic("a").unwrap(), 1..=12).await;
        damage(&path, &[1, 4, 7, 8], how);
        let hub = hub(&path, cached);
        let topic: Topic = hub.topic("a").unwrap();
        let rest = ["9", "10", "11", "12"];
        for on_lag in [OnLag::Disconnect, OnLag::Latest] {
            let earliest = topic.subscribe(None).earliest().on_lag(on_lag).await.unwrap();
            let from = topic.subscribe(ids[1].clone()).on_lag(on_lag).await.unwrap();
            for (mut stream, expected) in [
                (earliest, &["trimmed 0-1", "2", "3", "trimmed 3-4", "5", "6", "trimmed 6-8"][..]),
                (from, &["3", "trimmed 3-4", "5", "6", "trimmed 6-8"]),
            ] {
                expect(&mut stream, expected).await;
                expect(&mut stream, &rest).await;
            }
        }
        // A client that has seen the event, a client that has not, and one that was cut off after the gap.
        let mut seen = topic.subscribe(ids[3].clone()).await.unwrap();
        expect(&mut seen, &["trimmed 4-4", "5", "6", "trimmed 6-8", "9"]).await;
        let mut before = topic.subscribe(ids[5].clone()).await.unwrap();
        let gap = before.next().await.unwrap();
        assert_eq!(gap.as_event().unwrap(), "gap");
        let mut after = topic.subscribe(gap.as_id().cloned()).await.unwrap();
        expect(&mut after, &rest).await;
        // New events follow as usual.
        publish(&topic, 13..=20).await;
        expect(&mut after, &["13", "14", "15", "16", "17", "18", "19", "20"]).await;
        expect(&mut before, &rest).await;
    }
}

/// The newest event is damaged, and so is the whole rest of another file.
#[tokio::test]
async fn a_topic_goes_on_after_its_newest_event_is_damaged() {
    for (how, offsets) in [(Damage::Overwritten, &[3][..]), (Damage::Overwritten, &[1, 2, 3])] {
        let folder = Folder::new();
        let path = folder.path("hub");
        let ids = publish(&hub(&path, 1000).topic("a").unwrap(), 1..=3).await;
        damage(&path, offsets, how);
        for round in 4..6 {
            let hub = hub(&path, 1000);
            let topic: Topic = hub.topic("a").unwrap();
            let mut live = topic.subscribe(None).await.unwrap();
            publish(&topic, round..=round).await;
            expect(&mut live, &[&round.to_string()]).await;
            let mut returns = topic.subscribe(ids[2].clone()).await.unwrap();
            expect(&mut returns, &["trimmed 3-3", "4"]).await;
            let mut all = topic.subscribe(None).earliest().await.unwrap();
            let expected = if offsets.len() == 1 { &["1", "2", "trimmed 2-3", "4"][..] } else { &["trimmed 0-3", "4"] };
            expect(&mut all, expected).await;
        }
    }
}

/// A retention that removes the damaged events is applied, and publishes to other topics share its transactions.
#[tokio::test]
async fn a_damaged_event_is_trimmed_and_concerns_no_other_topic() {
    for limit in [Retention::new().events(3), Retention::new().bytes(150), Retention::new().age(Duration::ZERO)] {
        let folder = Folder::new();
        let path = folder.path("hub");
        {
            let hub = hub(&path, 1000);
            publish(&hub.topic("a").unwrap(), 1..=12).await;
            publish(&hub.topic("b").unwrap(), 1..=12).await;
        }
        damage(&path, &[1, 5, 6], Damage::Overwritten);
        let hub = hub(&path, 1000);
        let (a, b): (Topic, Topic) = (hub.topic("a").unwrap(), hub.topic("b").unwrap());
        a.set_retention(limit);
        for number in 13..=20 {
            let text = number.to_string();
            let (first, second) = tokio::join!(a.publish(text.as_str()), b.publish(text.as_str()));
            first.expect("published");
            second.expect("published");
        }
        let mut all = b.subscribe(None).earliest().await.unwrap();
        for number in 1..=20 {
            expect(&mut all, &[&number.to_string()]).await;
        }
        drop((a, b, all, hub));
        let left = Database::open(&path).unwrap();
        let reading = redb::ReadableDatabase::begin_read(&left).unwrap();
        let events = reading.open_table(EVENTS).unwrap();
        assert!((1..=12).all(|offset| events.get((0, offset)).unwrap().is_none()), "{limit:?}");
    }
}

/// The log names the topic and the offset once, however many clients want the event.
#[tokio::test]
async fn a_damaged_event_is_logged_once() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = Dialogue::start(PROGRAM, &[&path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    let large = "x".repeat(600_000);
    for number in 1..=5 {
        assert!(program.ask(&format!("publish bad {number}{large}")).await.starts_with("ok 1."));
        assert!(program.ask(&format!("publish good {number}")).await.starts_with("ok 1."));
    }
    assert!(program.ended().await.success());
    damage(&path, &[2], Damage::Overwritten);
    let mut program = Dialogue::start(PROGRAM, &[&path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    for round in 6..26 {
        let answer = program.ask("read bad").await;
        let gap = answer.split(' ').nth(1).unwrap_or_default();
        assert!(gap.starts_with(r#"{"reason":"trimmed""#) && answer.matches(&*large).count() >= 4, "{gap}");
        assert!(program.ask(&format!("publish good {round}")).await.starts_with("ok 1."));
    }
    assert!(program.ask("publish bad 6").await.starts_with("ok 1."));
    let errors = program.ask("errors").await;
    assert_eq!(errors.matches("damaged").count(), 1, "{errors}");
    assert!(errors.contains(r#"topic="bad" first=2 last=2"#), "{errors}");
    assert!(program.ask("read good").await.ends_with("24 25"));
    assert!(program.ended().await.success());
}
