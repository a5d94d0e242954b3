//! The queue of a hub on disk, with publishers that are faster than the disk and that leave.

use futures_util::{FutureExt, StreamExt};
use support::{Dialogue, Folder};
use touka::{Event, Hub};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

/// 600 MiB are offered and given up. The bounds of the batch being written and of redb's cache add up to about 100 MiB.
#[tokio::test]
async fn cancelled_publishes_hold_bounded_memory() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = Dialogue::start(PROGRAM, &[&path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    let mut held: u64 = 0;
    // In parts, because a busy machine may need more than a minute for all of them.
    for _ in 0..20 {
        held = program.ask("abandon large 30").await.parse().expect("a number of KiB");
    }
    assert!(held < 256 * 1024, "{held} KiB");
    // Later publishers are served.
    assert!(program.ask("publish large end").await.starts_with("ok 1."));
    assert!(program.ask("read large").await.ends_with("end"));
    assert!(program.ended().await.success());
}

/// Events of the largest allowed size are larger than a batch together.
#[tokio::test]
async fn the_largest_event_fits_into_the_queue() {
    let folder = Folder::new();
    let hub = Hub::open(folder.path("hub")).unwrap();
    let topic = hub.topic::<Event>("a").unwrap();
    let large = "x".repeat(16 * 1024 * 1024 - 64);
    let (first, second, small) =
        tokio::join!(topic.publish(large.as_str()), topic.publish(large.as_str()), topic.publish("small"));
    let offset = |id: touka::EventId| id.to_string().split('.').nth(2).unwrap().to_owned();
    let mut offsets = [first, second, small].map(|id| offset(id.unwrap()));
    offsets.sort_unstable();
    assert_eq!(offsets, ["1", "2", "3"]);
}

/// A publish that waits in the queue can be cancelled like any other, and those after it go on.
#[tokio::test]
async fn a_cancelled_publisher_does_not_block_the_queue() {
    let folder = Folder::new();
    let hub = Hub::open(folder.path("hub")).unwrap();
    let topic = hub.topic::<Event>("a").unwrap();
    let large = "x".repeat(8 * 1024 * 1024);
    let mut waiting: Vec<_> = (0..12).map(|_| Box::pin(topic.publish(large.as_str()))).collect();
    for publish in &mut waiting {
        assert!(publish.now_or_never().is_none(), "the disk is not so fast that it is done by now");
    }
    drop(waiting);
    topic.publish("small").await.unwrap();
}

/// Publishes whose futures are dropped are either published or not, in order and once.
#[tokio::test]
async fn cancelled_publishes_leave_no_hole() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let hub = Hub::open(&path).unwrap();
    let topic = hub.topic::<Event>("a").unwrap();
    let first = topic.publish("0").await.unwrap();
    for number in 1..100 {
        let _ = topic.publish(number.to_string()).now_or_never();
    }
    let last = topic.publish("100").await.unwrap();
    drop((topic, hub));

    let topic = Hub::open(&path).unwrap().topic::<Event>("a").unwrap();
    let events = topic.subscribe(first.clone()).until(|event| event.as_data() == Some("100")).await.unwrap();
    let events: Vec<Event> = events.filter(|event| std::future::ready(event.as_data().is_some())).collect().await;
    let offset = |id: &touka::EventId| id.to_string().split('.').nth(2).unwrap().parse::<u64>().unwrap();
    let offsets = events.iter().map(|event| offset(event.as_id().unwrap()));
    assert!(offsets.eq(offset(&first) + 1..=offset(&last)), "{events:?}");
    let numbers = events.iter().map(|event| event.as_data().unwrap().parse::<u32>().unwrap());
    assert!(numbers.is_sorted_by(|one, next| one < next), "{events:?}");
}
