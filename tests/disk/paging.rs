//! Clients that read from a hub's file in pages, while its topics change.

use std::time::Duration;

use futures_util::StreamExt;
use support::Folder;
use tokio::time::timeout;
use touka::topic::{Cache, Disk, Durability, OnLag, Retention};
use touka::{CloseReason, Event, EventStream, Hub, Topic};

const PATIENCE: Duration = Duration::from_mins(1);

/// A hub with an `Eventual` file.
fn open(path: &str, cache: Cache, retention: Retention) -> Hub {
    let disk = Disk::new(path).durability(Durability::Eventual);
    Hub::builder().cache(cache).retention(retention).open(disk).expect("the file opens")
}

async fn publish(topic: &Topic, numbers: std::ops::Range<u32>) {
    for number in numbers {
        topic.publish(number.to_string()).await.expect("published");
    }
}

/// The next event with data: its number, or `None` for a gap.
async fn next(stream: &mut EventStream) -> Option<Option<u32>> {
    loop {
        let event: Event = timeout(PATIENCE, stream.next()).await.expect("an event or the end comes")?;
        if let Some(data) = event.as_data() {
            return Some(data.parse().ok());
        }
    }
}

async fn expect(stream: &mut EventStream, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(next(stream).await, Some(Some(number)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_of_a_busy_topic_get_every_event_once() {
    const EVENTS: u32 = 400;
    let caches = [Cache::new().events(0), Cache::new().events(1), Cache::new().bytes(0), Cache::new().total_bytes(0)];
    for cache in caches {
        let folder = Folder::new();
        let hub = open(&folder.path("hub"), cache, Retention::new().age(Duration::MAX));
        let topic: Topic = hub.topic("a").unwrap();
        publish(&topic, 0..50).await;
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let topic = topic.clone();
                tokio::spawn(async move {
                    let mut stream = topic.subscribe(None).earliest().await.expect("the topic can be read");
                    expect(&mut stream, 0..EVENTS).await;
                })
            })
            .collect();
        publish(&topic, 50..EVENTS).await;
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

/// The events of the topic are gone from the file, so a reader that was behind gets a gap for those that are not in memory, and the end.
#[tokio::test]
async fn a_topic_that_is_removed_ends_its_readers_within_a_page() {
    let folder = Folder::new();
    let hub = open(&folder.path("hub"), Cache::new().events(5), Retention::new());
    for is_created_anew in [false, true] {
        let topic: Topic = hub.topic("a").unwrap();
        for number in 0..40 {
            topic.publish(format!("{number:.<30000}")).await.unwrap();
        }
        let (closed, reason) = std::sync::mpsc::channel();
        let stream = topic.subscribe(None).earliest().await.unwrap();
        let mut stream = stream.on_close(move |reason| closed.send(reason).expect("the test waits"));
        let mut datas = Vec::new();
        while datas.len() < 3 {
            datas.extend(stream.next().await.unwrap().as_data().map(ToOwned::to_owned));
        }
        assert!(hub.remove("a").await.unwrap());
        let anew: Topic = hub.topic("a").unwrap();
        if is_created_anew {
            publish(&anew, 0..50).await;
        }
        while let Some(event) = timeout(PATIENCE, stream.next()).await.expect("the stream ends") {
            datas.extend(event.as_data().map(ToOwned::to_owned));
        }
        drop(stream);
        assert_eq!(reason.try_recv(), Ok(CloseReason::Completed));
        let gaps = datas.iter().filter(|data| data.contains("trimmed")).count();
        let numbers: Vec<u32> = datas.iter().filter_map(|data| data.trim_end_matches('.').parse().ok()).collect();
        assert!(gaps == 1 && numbers.is_sorted() && numbers.ends_with(&[35, 36, 37, 38, 39]), "{gaps} {numbers:?}");
        assert!(topic.publish("late").await.unwrap_err().is_removed());
        hub.remove("a").await.unwrap();
    }
}

#[tokio::test]
async fn a_retention_that_changes_at_a_restart_applies_to_old_events() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let wide = Retention::new().age(Duration::MAX).bytes(usize::MAX).events(usize::MAX);
    let mut numbers = 0..30;
    for (retention, kept) in [
        (wide, 30),
        (wide.events(10), 10),
        (wide, 11),
        (wide.bytes(39 * 5), 5),
        (wide, 6),
        (wide.age(Duration::ZERO), 1),
        (wide.events(0), 1),
        (wide.bytes(0), 1),
        (wide, 2),
    ] {
        for cached in [1, 1000] {
            let hub = open(&path, Cache::new().events(cached), retention);
            let topic: Topic = hub.topic("a").unwrap();
            if cached == 1 {
                // Events that were published within one millisecond have the same age.
                tokio::time::sleep(Duration::from_millis(5)).await;
                publish(&topic, numbers.clone()).await;
                numbers = numbers.end..numbers.end + 1;
            }
            let newest = numbers.start;
            let mut stream = topic.subscribe(None).earliest().await.unwrap();
            // Events that exceed the bytes leave the file with the next publish.
            let first = next(&mut stream).await.unwrap().unwrap();
            assert!(first == newest - kept || first + 1 == newest - kept, "{retention:?} {first} {newest} {kept}");
            expect(&mut stream, first + 1..newest).await;
        }
    }
}

#[tokio::test]
async fn a_hub_has_many_topics_with_one_event_each() {
    const TOPICS: u32 = 10_000;
    let folder = Folder::new();
    let path = folder.path("hub");
    let hub = open(&path, Cache::new(), Retention::new().age(Duration::MAX));
    let ids: Vec<_> = futures_util::stream::iter(0..TOPICS)
        .map(|number| {
            let topic: Topic = hub.topic(number.to_string()).unwrap();
            async move { topic.publish(number.to_string()).await.unwrap() }
        })
        .buffered(256)
        .collect()
        .await;
    drop(hub);
    let hub = open(&path, Cache::new(), Retention::new());
    for number in (0..TOPICS).step_by(501) {
        let id = &ids[number as usize];
        let topic = hub.topic_of(id).await.unwrap().unwrap();
        assert_eq!(topic.name(), number.to_string());
        expect(&mut topic.subscribe(None).earliest().await.unwrap(), number..number + 1).await;
        topic.publish((number + 1).to_string()).await.unwrap();
        expect(&mut topic.subscribe(id.clone()).await.unwrap(), number + 1..number + 2).await;
    }
}

/// A hub is closed and dropped, and its runtime shut down, while publishers and readers use it.
#[test]
fn a_hub_that_is_dropped_with_its_runtime_leaves_a_sound_file() {
    let folder = Folder::new();
    let path = folder.path("hub");
    for round in 0..10 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
        let hub = open(&path, Cache::new().events(1), Retention::new());
        let acknowledged = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        for task in 0..4 {
            let (hub, acknowledged) = (hub.clone(), std::sync::Arc::clone(&acknowledged));
            runtime.spawn(async move {
                let topic: Topic = hub.topic(format!("{round}")).unwrap();
                let mut stream = topic.subscribe(None).earliest().on_lag(OnLag::Skip).await.unwrap();
                for number in 0.. {
                    topic.publish(format!("{task}.{number}")).await.unwrap();
                    acknowledged.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let _ = futures_util::FutureExt::now_or_never(stream.next());
                }
            });
        }
        while acknowledged.load(std::sync::atomic::Ordering::Relaxed) < 50 * (round % 3) {
            std::thread::yield_now();
        }
        hub.close();
        drop(hub);
        drop(runtime);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let hub = open(&path, Cache::new(), Retention::new());
            let topic: Topic = hub.topic(format!("{round}")).unwrap();
            let last = topic.publish("end").await.unwrap().to_string();
            let offset: u32 = last.split('.').nth(2).unwrap().parse().unwrap();
            assert!(offset > acknowledged.load(std::sync::atomic::Ordering::Relaxed), "{last}");
        });
    }
}
