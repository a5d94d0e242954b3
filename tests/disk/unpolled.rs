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
    // A fast file may be read by now.
    let begun = (&mut first).now_or_never();
    let second = timeout(FOR_EVER, topic.subscribe(None).earliest().into_future()).await;
    let mut second = second.expect("the first one blocks the second one").unwrap();
    topic.publish("2").await.unwrap();
    let mut first = match begun {
        Some(first) => first.unwrap(),
        None => first.await.unwrap(),
    };
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
    // A fast disk may have written the first ones by now.
    let done: Vec<_> = unpolled.iter_mut().map(FutureExt::now_or_never).collect();
    let last = timeout(FOR_EVER, topic.publish("small")).await.expect("the others block the last one").unwrap();
    // They were published all the same, in the order in which they were polled.
    let mut offsets = Vec::new();
    for (done, publish) in done.into_iter().zip(unpolled) {
        let id = match done {
            Some(id) => id.unwrap(),
            None => publish.await.unwrap(),
        };
        offsets.push(offset(&id));
    }
    offsets.push(offset(&last));
    assert_eq!(offsets, (1..=13).collect::<Vec<_>>());
}

fn offset(id: &touka::EventId) -> u64 {
    id.to_string().split('.').nth(2).expect("an offset").parse().expect("a number")
}
