//! Files of earlier versions of touka.

use futures_util::StreamExt;
use redb::{Database, ReadableDatabase, TableDefinition};
use support::Folder;
use touka::topic::{Cache, OnLag, Retention};
use touka::{Event, EventStream, Hub, Topic};

const FILE: TableDefinition<'_, &str, u64> = TableDefinition::new("touka");
const TOPICS: TableDefinition<'_, &str, (u64, u64, u64, u32)> = TableDefinition::new("topics");
const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");

/// The id of an event of the file with a single digit: its tag is its offset.
fn id(offset: u64) -> String {
    format!("1.0000000A.{offset}.{offset:06}")
}

/// A record as versions before format 3 wrote it.
fn record(offset: u64, key: &str, text: &str) -> Vec<u8> {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let mut record = u32::try_from(offset).expect("small").to_be_bytes().to_vec();
    record.extend_from_slice(&u64::try_from(now).expect("small").to_be_bytes());
    record.extend_from_slice(&u32::try_from(key.len() + 1).expect("small").to_be_bytes());
    record.extend_from_slice(format!("{key}data: {text}\n\n").as_bytes());
    record
}

/// Writes a file of this format with the events 3 to 12 of one topic. Their keys are their last digits.
fn write(path: &str, format: u64) {
    let writing = Database::create(path).expect("created").begin_write().expect("writable");
    let mut file = writing.open_table(FILE).expect("writable");
    file.insert("format", format).expect("writable");
    file.insert("seed", 7).expect("writable");
    drop(file);
    writing.open_table(TOPICS).expect("writable").insert("a", (10, 0, 2, 2)).expect("writable");
    let mut events = writing.open_table(EVENTS).expect("writable");
    for offset in 3..=12 {
        let record = record(offset, &(offset % 10).to_string(), &offset.to_string());
        events.insert((0, offset), &record[..]).expect("writable");
    }
    drop(events);
    writing.commit().expect("writable");
}

async fn expect(stream: &mut EventStream, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let event = loop {
            let event: Event = stream.next().await.expect("the stream goes on");
            if event.as_data().is_some() {
                break event;
            }
        };
        assert_eq!(event.as_data(), Some(&*number.to_string()), "{event}");
    }
}

#[tokio::test]
async fn files_of_earlier_formats_are_read_and_written() {
    for format in [1, 2] {
        for cached in [2, 1000] {
            let folder = Folder::new();
            let path = folder.path("hub");
            write(&path, format);
            let open = || Hub::builder().cache(Cache::new().events(cached)).open(&path).expect("the file opens");
            let hub = open();
            let topic: Topic = hub.topic("a").unwrap();
            expect(&mut topic.subscribe(None).earliest().await.unwrap(), 3..=12).await;
            let mut events = topic.subscribe(Some(id(5).parse().unwrap())).await.unwrap();
            expect(&mut events, 6..=12).await;
            for number in 13..=15 {
                topic.publish_keyed("new", number.to_string()).await.unwrap();
            }
            expect(&mut events, 13..=15).await;
            drop((events, topic, hub));
            let hub = open();
            let topic: Topic = hub.topic("a").unwrap();
            expect(&mut topic.subscribe(Some(id(5).parse().unwrap())).await.unwrap(), 6..=15).await;
            // Old events count: the newest five are kept with their bytes, and then two.
            topic.set_retention(Retention::new().events(5));
            topic.publish("16").await.unwrap();
            expect(&mut topic.subscribe(None).earliest().await.unwrap(), 12..=16).await;
            topic.set_retention(Retention::new().bytes(100));
            topic.publish("17").await.unwrap();
            topic.publish("18").await.unwrap();
            let mut events = topic.subscribe(Some(id(9).parse().unwrap())).await.unwrap();
            assert_eq!(events.next().await.unwrap().as_event().unwrap(), "gap");
            // The file does not know whether old events were superseded, and promises nothing.
            let mut latest = topic.subscribe(Some(id(3).parse().unwrap())).on_lag(OnLag::Latest).await.unwrap();
            assert_eq!(latest.next().await.unwrap().as_event().unwrap(), "gap");
            assert!(hub.remove("a").await.unwrap());
        }
    }
}

/// Earlier versions refuse the file from now on: they could not read the new events.
#[tokio::test]
async fn a_file_states_the_newest_format_once_it_is_opened() {
    let folder = Folder::new();
    let path = folder.path("hub");
    write(&path, 2);
    drop(Hub::open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let file = database.begin_read().unwrap().open_table(FILE).unwrap();
    assert_eq!(file.get("format").unwrap().map(|format| format.value()), Some(3));
    drop((file, database));
    write_format(&path, 4);
    let refusal = Hub::open(&path).unwrap_err().to_string();
    for words in ["format 4", "formats 1 to 3", "name another file, or move this one away", &path] {
        assert!(refusal.contains(words), "{words:?} is not in {refusal:?}");
    }
    // It is left as it is.
    write_format(&path, 3);
    expect(&mut Hub::open(&path).unwrap().topic("a").unwrap().subscribe(None).earliest().await.unwrap(), 3..=12).await;
}

fn write_format(path: &str, format: u64) {
    let writing = Database::open(path).expect("no process has it open").begin_write().expect("writable");
    writing.open_table(FILE).expect("writable").insert("format", format).expect("writable");
    writing.commit().expect("writable");
}
