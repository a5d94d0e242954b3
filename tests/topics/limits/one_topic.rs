//! A retention for one topic.

use futures_util::{FutureExt, StreamExt};
use touka::Hub;
use touka::topic::{Disk, Durability, Retention};

use super::{A_MINUTE, app, check, retained, untyped};

#[tokio::test(start_paused = true)]
async fn the_retention_of_one_topic_outlives_its_removal() {
    let hub = Hub::memory();
    drop(untyped(&hub, "a").retention(Retention::new().events(2)));
    tokio::time::advance(60 * A_MINUTE).await;
    assert_eq!(check(&hub, "new"), ["new"]);
    for number in 1..=5 {
        untyped(&hub, "a").publish(number.to_string()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["4", "5"]);
}

/// Retentions for unknown names do not fill the memory, and do not replace those of other topics.
#[tokio::test(start_paused = true)]
async fn retentions_of_unknown_names_do_not_fill_the_memory() {
    let hub = Hub::memory().max_topics(3).expire_after(A_MINUTE);
    drop(untyped(&hub, "a").retention(Retention::new().events(2)));
    for number in 0..50 {
        drop(untyped(&hub, &number.to_string()).retention(Retention::new().events(7)));
        tokio::time::advance(2 * A_MINUTE).await;
    }
    for number in 1..=5 {
        untyped(&hub, "a").publish(number.to_string()).await.unwrap();
    }
    assert_eq!(retained(&app(&hub)).await, ["4", "5"]);
}

/// Reading a topic takes a while, and a retention that is set in the meantime applies, in memory and on disk.
#[tokio::test]
async fn a_retention_set_while_a_topic_is_read_applies() {
    const EVENTS: u32 = 10_000;
    let folder = support::Folder::new();
    let path = folder.path("hub");
    let all = Retention::new().events(EVENTS as usize).bytes(usize::MAX);
    let hub = Hub::open(Disk::at(&path).durability(Durability::Eventual)).unwrap().retention(all);
    let topic = untyped(&hub, "a");
    let publishes = (0..EVENTS).map(|number| topic.publish(number.to_string()));
    futures_util::future::try_join_all(publishes).await.unwrap();
    drop((topic, hub));

    // Smaller than the hub's, and larger than the hub's.
    for (of_the_hub, of_the_topic, retained) in [(all.events(1), all, EVENTS), (all, all.events(2), 2)] {
        let hub = Hub::open(&path).unwrap().retention(of_the_hub);
        let topic = untyped(&hub, "a");
        let mut opens = topic.subscribe(None).earliest().into_future();
        // Another thread reads the file from here on.
        assert!((&mut opens).now_or_never().is_none());
        std::thread::yield_now();
        drop(topic.clone().retention(of_the_topic));
        let stream = opens.await.unwrap();
        let events = stream.take(retained as usize + 1);
        let events: Vec<_> = events.collect().await;
        // The first of them is the position at which the stream begins.
        let offset = |event: &touka::Event| event.as_id()?.to_string().split('.').nth(2)?.parse::<u32>().ok();
        let offsets = events.iter().filter_map(offset);
        assert!(offsets.eq(EVENTS - retained..=EVENTS), "{} are retained, and not {retained}", events.len());
        drop((topic, hub));
    }
}
