//! The end of the readers of a removed topic, and of its publishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;
use touka::topic::engine::{Draft, Engine, EngineFuture, EngineTopic, EventKeys, Lease, Position};
use touka::{Event, Hub, HubError};

use super::faulty::{Faulty, When};
use super::store::Store;

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// An engine that forgets to end the readers of a topic that it removes.
#[derive(Debug)]
struct Forgetful;

impl Engine for Forgetful {
    fn activate<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::ready(Ok(Lease::none()))
    }

    fn publish<'a>(&'a self, _: EngineTopic<'a>, _: Draft, _: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::ready(Err(HubError::unavailable("it keeps no events")))
    }

    fn remove<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_removal_ends_the_readers_whatever_the_engine_does() {
    let hub = Hub::builder().engine(Forgetful);
    let (old, stream) =
        (hub.topic::<Event>("a").unwrap(), hub.topic::<Event>("a").unwrap().subscribe(None).await.unwrap());
    assert!(hub.remove("a").await.unwrap());
    let events: Vec<Event> = timeout(PATIENCE, stream.collect()).await.expect("the stream ends");
    assert!(events.iter().all(|event| event.as_data().is_none()), "{events:?}");
    let again: Vec<Event> = timeout(PATIENCE, old.subscribe(None).await.unwrap().collect()).await.expect("it ends");
    assert_eq!(again.len(), 1, "a position: {again:?}");
    assert!(!hub.topics().contains(&"a".to_owned()));
}

/// An engine over a store whose publishes wait for permits.
#[derive(Clone, Debug)]
struct Slow {
    store: Store,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// The number of removals.
    removals: Arc<AtomicUsize>,
}

impl Slow {
    /// An engine with a permit for one publish.
    fn new() -> Self {
        let (store, permits) = (Store::default(), Arc::new(Semaphore::new(1)));
        Self { store, permits, waiting: Arc::default(), removals: Arc::default() }
    }
}

impl Engine for Slow {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        self.store.activate(topic)
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(async move {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.permits.acquire().await.expect("open").forget();
            // As an engine that has sent the event before the topic is removed.
            self.store.publish(topic, draft, keys).await
        })
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.removals.fetch_add(1, Ordering::SeqCst);
        self.store.remove(topic)
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        self.store.has(name)
    }
}

#[tokio::test]
async fn a_removal_waits_for_publishes_in_flight() {
    let engine = Slow::new();
    let Slow { permits, waiting, .. } = &engine;
    let hub = Hub::builder().engine(engine.clone());
    let topic = hub.topic::<Event>("a").unwrap();
    topic.publish("1").await.unwrap();
    let publish = || {
        tokio::spawn({
            let topic = topic.clone();
            async move { topic.publish("x").await }
        })
    };
    let in_flight = publish();
    until(|| waiting.load(Ordering::SeqCst) == 2).await;
    let removal = tokio::spawn({
        let hub = hub.clone();
        async move { hub.remove("a").await }
    });
    settle().await;
    let late = publish();
    settle().await;
    assert_eq!(waiting.load(Ordering::SeqCst), 2, "a publish has begun that came after the removal");
    assert!(!removal.is_finished());
    permits.add_permits(10);
    in_flight.await.unwrap().expect("published before the removal");
    assert!(removal.await.unwrap().unwrap());
    assert!(late.await.unwrap().unwrap_err().is_removed());
    assert!(hub.get::<Event>("a").await.unwrap().is_none());
}

/// The second of two calls at the same time must not remove the topic that is created after the first one.
#[tokio::test]
async fn two_removals_at_once_are_one() {
    let engine = Slow::new();
    let hub = Hub::builder().engine(engine.clone());
    let topic = hub.topic::<Event>("a").unwrap();
    topic.publish("1").await.unwrap();
    let in_flight = tokio::spawn(async move { topic.publish("2").await });
    until(|| engine.waiting.load(Ordering::SeqCst) == 2).await;
    let removals = [(); 2].map(|()| {
        let hub = hub.clone();
        tokio::spawn(async move { hub.remove("a").await })
    });
    settle().await;
    engine.permits.add_permits(10);
    in_flight.await.unwrap().unwrap();
    for removal in removals {
        assert!(removal.await.unwrap().unwrap());
    }
    assert_eq!(engine.removals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn publishes_go_on_after_a_removal_that_fails() {
    let faulty = Faulty::new();
    let hub = Hub::builder().engine(faulty.clone());
    let topic = hub.topic::<Event>("bad").unwrap();
    topic.publish("1").await.unwrap();
    faulty.arm("remove", When::Error);
    let (removed, published) = tokio::join!(hub.remove("bad"), topic.publish("2"));
    assert!(removed.unwrap_err().is_unavailable());
    published.unwrap();
    // One whose caller has left before it was ready.
    assert!(hub.remove("bad").now_or_never().is_none());
    topic.publish("3").await.unwrap();
}

/// The removal is not polled again after it has begun.
#[tokio::test]
async fn a_removal_that_is_not_polled_blocks_no_publish() {
    let hub = Hub::builder().engine(Faulty::new());
    let topic = hub.topic::<Event>("bad").unwrap();
    topic.publish("1").await.unwrap();
    let mut removal = Box::pin(hub.remove("bad"));
    assert!((&mut removal).now_or_never().is_none());
    settle().await;
    assert!(timeout(PATIENCE, topic.publish("2")).await.expect("an answer").unwrap_err().is_removed());
    assert!(removal.await.unwrap());
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            yield_now().await;
        }
    };
    timeout(PATIENCE, holds).await.expect("the condition holds");
}
