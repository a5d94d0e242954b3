//! Hubs that are used outside of the runtime in which they were connected, and after its end.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::StreamExt as _;
use support::{NatsServer, RedisServer};
use tokio::runtime::{Builder, Runtime};
use touka::{Event, EventStream, Hub, HubError};

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, without tokio.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// Connects a hub to each server.
async fn hubs(redis: &RedisServer, nats: &NatsServer) -> [Hub; 2] {
    [Hub::redis(redis.url()).await.expect("a Redis"), Hub::nats(nats.url()).await.expect("a NATS server")]
}

/// Uses all operations of a hub.
async fn use_all(hub: &Hub) -> Result<(), HubError> {
    let topic = hub.topic::<Event>("a")?;
    let mut stream: EventStream = topic.subscribe(None).await?;
    let id = topic.publish("1").await?;
    assert!(stream.next().await.is_some_and(|event| event.as_data().is_none()), "the position");
    assert_eq!(stream.next().await.expect("an event").as_data(), Some("1"));
    assert!(hub.get::<Event>("b").await?.is_none());
    assert!(hub.topic_of(&id).await?.is_some());
    let foreign = touka::EventId::new("1.zzzzzzzz.1.0bcdef").expect("an id");
    assert!(hub.topic_of(&foreign).await?.is_none());
    assert!(hub.remove("a").await?);
    assert!(stream.next().await.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_without_a_runtime_uses_a_hub() {
    let (redis, nats) = (RedisServer::start().await, NatsServer::start().await);
    let hubs = hubs(&redis, &nats).await;
    let used = tokio::task::spawn_blocking(|| {
        // A thread of a runtime has the context of it.
        thread::spawn(move || hubs.iter().map(|hub| block_on(use_all(hub))).collect::<Result<Vec<_>, _>>()).join()
    });
    used.await.expect("no panic").expect("no panic").expect("no error");
}

/// Topics go on to arrive after a runtime has ended that has used the hub first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_outlives_a_runtime_that_uses_it() {
    let (redis, nats) = (RedisServer::start().await, NatsServer::start().await);
    for hub in hubs(&redis, &nats).await {
        let other = hub.clone();
        let used = tokio::task::spawn_blocking(move || runtime().block_on(use_all(&other)));
        used.await.expect("no panic").expect("no error");
        use_all(&hub).await.expect("no error");
    }
}

#[test]
fn a_hub_without_its_runtime_is_an_error_at_once() {
    let servers = runtime();
    let (redis, nats) = servers.block_on(async { (RedisServer::start().await, NatsServer::start().await) });
    let first = runtime();
    let hubs = first.block_on(hubs(&redis, &nats));
    let known = hubs.each_ref().map(|hub| hub.topic::<Event>("known").expect("a topic"));
    let streams = first.block_on(async {
        let mut streams = Vec::new();
        for topic in &known {
            topic.publish("1").await.expect("published");
            streams.push(topic.subscribe(None).await.expect("a stream"));
        }
        streams
    });
    drop(first);
    let check = async |hub: &Hub| {
        let topic = hub.topic::<Event>("a").expect("a topic");
        assert!(!hub.is_ready());
        let errors = [
            topic.publish("x").await.err(),
            hub.topic::<Event>("known").expect("a topic").publish("x").await.err(),
            topic.subscribe(None).await.err(),
            hub.topic::<Event>("known").expect("a topic").subscribe(None).await.err(),
            hub.get::<Event>("b").await.err(),
            hub.remove("a").await.err(),
        ];
        for error in errors {
            let error = error.expect("an error");
            assert!(
                error.is_unavailable() && error.to_string().contains("runtime of the hub has shut down"),
                "{error}"
            );
        }
    };
    for hub in &hubs {
        // A runtime whose time does not pass until all tasks wait: none of the operations waits for a time.
        Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime").block_on(async {
            let begun = tokio::time::Instant::now();
            check(hub).await;
            assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
        });
        block_on(check(hub));
    }
    drop((streams, known, hubs, redis, nats));
}

#[test]
fn a_hub_is_not_connected_without_a_runtime() {
    for error in [block_on(Hub::redis("redis://127.0.0.1:1")), block_on(Hub::nats("nats://127.0.0.1:1"))] {
        let error = error.expect_err("no runtime");
        assert!(error.is_unavailable() && error.to_string().contains("Tokio"), "{error}");
    }
}
