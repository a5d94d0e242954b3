//! Many publishes at once.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use support::{NatsServer, RedisServer};
use tokio::time::timeout;
use touka::topic::{Nats, Redis, Retention};
use touka::{Event, EventId, Hub, HubError, Topic};

use super::scene::PATIENCE;

/// More than a node sends at a time.
const MANY: usize = 3000;

async fn on_redis(url: &str, timeout: Duration) -> Topic {
    let builder = Hub::builder().retention(Retention::new().events(2 * MANY));
    let hub = builder.redis(Redis::new(url).publish_timeout(timeout)).await.expect("a Redis");
    hub.topic::<Event>("burst").expect("a topic")
}

async fn on_nats(url: &str, timeout: Duration) -> Topic {
    let builder = Hub::builder().retention(Retention::new().events(2 * MANY));
    let hub = builder.nats(Nats::new(url).publish_timeout(timeout)).await.expect("a NATS");
    hub.topic::<Event>("burst").expect("a topic")
}

fn publish(topic: &Topic, number: usize) -> impl Future<Output = Result<EventId, HubError>> + Send + use<> {
    let topic = topic.clone();
    async move { topic.publish(number.to_string()).await }
}

/// The numbers of the events after the first one of the topic, up to this one.
async fn events_until(topic: &Topic, first: EventId, last: usize) -> Vec<usize> {
    let mut stream = topic.subscribe(first).await.expect("a stream");
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        let event = timeout(PATIENCE, stream.next()).await.expect("an event in time").expect("an event");
        numbers.extend(event.as_data().map(|data| data.parse::<usize>().expect("a number")));
    }
    numbers
}

/// Futures that were polled once and are then left alone keep no others from being published.
async fn publishes_that_are_not_polled(topic: &Topic) {
    let first = topic.publish("the first event connects").await.expect("published");
    let mut left: Vec<_> = (0..MANY).map(|number| Box::pin(publish(topic, number))).collect();
    // A server may be very quick.
    left.retain_mut(|publish| publish.now_or_never().map(|published| published.expect("published")).is_none());
    assert!(!left.is_empty(), "no publish has to wait");
    timeout(PATIENCE, publish(topic, MANY)).await.expect("in time").expect("published");
    for published in timeout(PATIENCE, join_all(left)).await.expect("in time") {
        published.expect("published");
    }
    publish(topic, MANY + 1).await.expect("published");
    let mut numbers = events_until(topic, first, MANY + 1).await;
    // Publishes that run at the same time have no order.
    numbers.sort_unstable();
    assert_eq!(numbers, (0..=MANY + 1).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_that_are_not_polled_keep_up_no_others_on_redis() {
    let redis = RedisServer::start().await;
    publishes_that_are_not_polled(&on_redis(&redis.url(), PATIENCE).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_that_are_not_polled_keep_up_no_others_on_nats() {
    let nats = NatsServer::start().await;
    publishes_that_are_not_polled(&on_nats(&nats.url(), PATIENCE).await).await;
}

/// The server does not answer. The outcome of a publish is unknown only if it was sent, and a node sends 1024 at a time.
async fn publishes_in_vain(topic: &Topic) -> HashSet<usize> {
    let ended = join_all((0..MANY).map(|number| publish(topic, number))).await;
    let mut denied = HashSet::new();
    for (number, ended) in ended.into_iter().enumerate() {
        match ended {
            Err(error) if error.is_unknown() => {}
            Err(error) => {
                assert!(error.is_unavailable(), "{error:?}");
                denied.insert(number);
            }
            Ok(_) => panic!("published without a server"),
        }
    }
    assert!(denied.len() >= MANY - 1024, "{} publishes were not sent", denied.len());
    denied
}

/// None of the publishes that were said not to have happened have.
async fn denied_nothing_that_happened(topic: &Topic, first: EventId, denied: &HashSet<usize>) {
    timeout(PATIENCE, async { while publish(topic, MANY).await.is_err() {} }).await.expect("a server that is back");
    let numbers = events_until(topic, first, MANY).await;
    assert!(numbers.iter().all(|number| !denied.contains(number)), "an event that was denied");
    let distinct: HashSet<_> = numbers.iter().filter(|number| **number != MANY).collect();
    assert_eq!(distinct.len(), numbers.len() - 1, "an event twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_that_redis_was_not_sent_is_not_unknown() {
    let redis = RedisServer::start().await;
    let topic = on_redis(&redis.url(), Duration::from_secs(3)).await;
    let first = topic.publish("the first event").await.expect("published");
    redis.pause().await;
    let denied = publishes_in_vain(&topic).await;
    redis.resume().await;
    denied_nothing_that_happened(&topic, first, &denied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_that_nats_was_not_sent_is_not_unknown() {
    let nats = NatsServer::start().await;
    let topic = on_nats(&nats.url(), Duration::from_secs(3)).await;
    let first = topic.publish("the first event").await.expect("published");
    nats.pause().await;
    let denied = publishes_in_vain(&topic).await;
    nats.resume().await;
    denied_nothing_that_happened(&topic, first, &denied).await;
}
