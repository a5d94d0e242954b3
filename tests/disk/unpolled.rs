//! Futures that a program keeps and does not poll any more.

use std::future::IntoFuture;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use support::Folder;
use tokio::time::timeout;
use touka::{Event, EventStream, Hub};

/// A sign that a future depends on another one. No future here takes a noticeable part of it.
const FOR_EVER: Duration = Duration::from_mins(1);

async fn next_data(stream: &mut EventStream) -> String {
    loop {
        let event: Event = stream.next().await.expect("the stream goes on");
        if let Some(data) = event.as_data() {
            return data.to_owned();
        }
    }
}

#[tokio::test]
async fn an_unpolled_subscriber_blocks_no_other() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let hub = Hub::open(&path).unwrap();
    hub.topic::<Event>("a").unwrap().publish("1").await.unwrap();
    drop(hub);
    let hub = Hub::open(&path).unwrap();
    let topic = hub.topic::<Event>("a").unwrap();
    let mut first = topic.subscribe(None).earliest().into_future();
    let begun = (&mut first).now_or_never();
    assert!(begun.is_none(), "the file is not so fast that it is read by now");
    let second = timeout(FOR_EVER, topic.subscribe(None).earliest().into_future()).await;
    let mut second = second.expect("the first one blocks the second one").unwrap();
    topic.publish("2").await.unwrap();
    // The first one begins at a later time than the second one, with the same events.
    let mut first = first.await.unwrap();
    for events in [&mut first, &mut second] {
        assert_eq!([next_data(events).await, next_data(events).await], ["1", "2"]);
    }
    topic.publish("3").await.unwrap();
    drop(first);
    assert_eq!(next_data(&mut second).await, "3");
}

#[tokio::test]
async fn unpolled_publishers_block_no_other() {
    let folder = Folder::new();
    let hub = Hub::open(folder.path("hub")).unwrap();
    let topic = hub.topic::<Event>("a").unwrap();
    let large = "x".repeat(8 * 1024 * 1024);
    let mut unpolled: Vec<_> = (0..12).map(|_| Box::pin(topic.publish(large.as_str()))).collect();
    for publish in &mut unpolled {
        assert!(publish.now_or_never().is_none(), "the disk is not so fast that it is done by now");
    }
    let last = timeout(FOR_EVER, topic.publish("small")).await.expect("the others block the last one").unwrap();
    // They were published all the same, in the order in which they were polled.
    let mut offsets = Vec::new();
    for publish in unpolled {
        offsets.push(offset(&publish.await.unwrap()));
    }
    offsets.push(offset(&last));
    assert_eq!(offsets, (1..=13).collect::<Vec<_>>());
}

fn offset(id: &touka::EventId) -> u64 {
    id.to_string().split('.').nth(2).expect("an offset").parse().expect("a number")
}
