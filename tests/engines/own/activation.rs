//! Topics whose activation takes long: no caller depends on another one.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout};
use touka::{Event, EventStream, Hub, HubError, Topic};

use super::faulty::Faulty;

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the condition is not met");
}

fn subscribe(topic: &Topic) -> impl Future<Output = Result<EventStream, HubError>> + Send + Unpin + use<> {
    topic.subscribe(None).into_future()
}

/// A hub with an engine whose activations wait.
fn scene() -> (Faulty, Topic) {
    let faulty = Faulty::new();
    faulty.hold(true);
    let topic = Hub::builder().engine(faulty.clone()).topic::<Event>("bad").expect("a topic");
    (faulty, topic)
}

/// The first caller is neither polled again nor dropped.
#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_to_poll_blocks_no_other() {
    let (faulty, topic) = scene();
    let mut first = subscribe(&topic);
    assert!((&mut first).now_or_never().is_none());
    until(|| faulty.waiting() == 1).await;
    let second = tokio::spawn(subscribe(&topic));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(faulty.activations(), 1, "two activations at a time");
    faulty.hold(false);
    timeout(Duration::from_mins(1), second).await.expect("a stream in time").expect("no panic").expect("a stream");
    assert_eq!((faulty.activations(), faulty.waiting()), (1, 0));
    drop(first);
}

/// The first caller is dropped, and with it its activation.
#[tokio::test(start_paused = true)]
async fn another_caller_activates_when_the_first_one_is_dropped() {
    let (faulty, topic) = scene();
    let first = tokio::spawn(subscribe(&topic));
    until(|| faulty.waiting() == 1).await;
    let second = tokio::spawn(subscribe(&topic));
    sleep(Duration::from_secs(1)).await;
    first.abort();
    until(|| faulty.activations() == 2).await;
    assert_eq!(faulty.waiting(), 1, "the activation of a dropped caller goes on");
    faulty.hold(false);
    timeout(Duration::from_mins(1), second).await.expect("a stream in time").expect("no panic").expect("a stream");
}

/// The last caller is dropped, and nothing is left behind.
#[tokio::test(start_paused = true)]
async fn the_activation_of_no_caller_ends() {
    let (faulty, topic) = scene();
    assert!(timeout(Duration::from_secs(1), subscribe(&topic)).await.is_err());
    until(|| faulty.waiting() == 0).await;
    assert_eq!(faulty.store.active("bad"), 0);
}
