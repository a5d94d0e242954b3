//! Memory of a hub on disk, and the events that its clients get from the file.

use futures_util::StreamExt;
use support::{Dialogue, Folder};
use touka::topic::{Cache, Disk, Durability, Retention};
use touka::{CloseReason, Event, EventStream, Hub, Topic};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

/// A hub with five events of each topic in memory.
fn hub(folder: &Folder, durability: Durability) -> Hub {
    let disk = Disk::new(folder.path("hub")).durability(durability);
    Hub::builder().cache(Cache::new().events(5)).open(disk).expect("the file opens")
}

async fn publish(topic: &Topic, numbers: std::ops::Range<u32>) {
    for number in numbers {
        topic.publish(number.to_string()).await.expect("published");
    }
}

/// The numbers of the next events. Panics at a gap or at the end.
async fn numbers(stream: &mut EventStream, count: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let event = stream.next().await.expect("the stream goes on");
        numbers.extend(event.as_data().map(|data| data.parse::<u32>().expect("a number")));
    }
    numbers
}

/// Topics are published to before, while and after they are loaded.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_topic_that_is_loaded_meanwhile_misses_nothing() {
    const EVENTS: u32 = 40;
    for durability in [Durability::Immediate, Durability::Eventual] {
        let folder = Folder::new();
        let hub = hub(&folder, durability);
        for round in 0..15 {
            let topic: Topic = hub.topic(format!("{round}")).unwrap();
            let publisher = topic.clone();
            let publishes = tokio::spawn(async move { publish(&publisher, 0..EVENTS).await });
            // Each reader comes at another time.
            publish(&hub.topic("other").unwrap(), 0..round % 10).await;
            let mut live = topic.subscribe(None).earliest().await.unwrap();
            assert!(numbers(&mut live, EVENTS as usize).await.into_iter().eq(0..EVENTS), "round {round}");
            publishes.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_slow_reader_gets_from_the_file_what_is_retained() {
    let folder = Folder::new();
    let hub = hub(&folder, Durability::Eventual);
    let topic: Topic = hub.topic("a").unwrap();
    let mut slow = topic.subscribe(None).await.unwrap();
    publish(&topic, 0..1000).await;
    assert!(numbers(&mut slow, 1000).await.into_iter().eq(0..1000));
    let (closed, reason) = std::sync::mpsc::channel();
    let mut slow = slow.on_close(move |reason| closed.send(reason).expect("the test waits"));
    topic.set_retention(Retention::new().events(100));
    publish(&topic, 1000..1100).await;
    assert!(numbers(&mut slow, 100).await.into_iter().eq(1000..1100));
    // One event more than is retained.
    publish(&topic, 1100..1201).await;
    assert!(slow.next().await.is_none());
    drop(slow);
    assert_eq!(reason.try_recv(), Ok(CloseReason::Lagged));
}

/// 200 MB are published. The bounds of the queue, of the batch being written and of redb's cache add up to about 130 MiB.
#[tokio::test]
async fn a_topic_that_is_not_read_takes_no_memory() {
    let folder = Folder::new();
    let mut program = Dialogue::start(PROGRAM, &[&folder.path("hub"), "eventual"]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    let large = "x".repeat(1_000_000);
    for topic in 0..200 {
        assert!(program.ask(&format!("publish {topic} {large}")).await.starts_with("ok 1."));
    }
    let peak: u64 = program.ask("peak").await.parse().expect("a number of KiB");
    assert!(peak < 128 * 1024, "{peak} KiB");
    assert!(program.ended().await.success());
}

/// A topic whose events were read releases them some time after its last reader.
#[tokio::test]
async fn a_topic_that_is_no_longer_read_is_read_again() {
    let folder = Folder::new();
    let disk = Disk::new(folder.path("hub"));
    let hub = Hub::builder().expire_after(std::time::Duration::ZERO).open(disk).expect("the file opens");
    let topic: Topic = hub.topic("a").unwrap();
    publish(&topic, 0..3).await;
    let mut first = topic.subscribe(None).earliest().await.unwrap();
    assert_eq!(numbers(&mut first, 3).await, [0, 1, 2]);
    drop(first);
    // Topics are examined once a second at most.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    drop(hub.topic::<Event>("other").unwrap());
    publish(&topic, 3..5).await;
    let mut second = topic.subscribe(None).earliest().await.unwrap();
    assert_eq!(numbers(&mut second, 5).await, [0, 1, 2, 3, 4]);
    publish(&topic, 5..6).await;
    assert_eq!(numbers(&mut second, 1).await, [5]);
}
