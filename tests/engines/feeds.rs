//! Feeds of nodes that vanish, and feeds that follow each other soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use support::RedisServer;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;
use touka::{Event, EventStream, Hub};

/// Subscribes to a topic whose body publishes the name of its node again and again.
async fn subscribe(hub: &Hub, node: &'static str) -> EventStream {
    let topic = hub.topic::<Event>("feed").expect("a topic");
    let fed = topic.fed_by(move |topic| async move {
        while topic.publish(node).await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    fed.subscribe(None).await.expect("a stream")
}

/// The next data of a stream.
async fn next(stream: &mut EventStream) -> String {
    loop {
        let event = support::within(Duration::from_secs(30), "an event", stream.next()).await.expect("an open stream");
        if let Some(data) = event.as_data() {
            return data.to_owned();
        }
    }
}

/// A node that has vanished does not give up its right to run the feed. It expires, and another node takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_takes_over_a_feed() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let first = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (started, has_started) = oneshot::channel();
    let first_url = url.clone();
    first.spawn(async move {
        let hub = Hub::redis(first_url).await.expect("a Redis");
        let mut stream = subscribe(&hub, "first").await;
        assert_eq!(next(&mut stream).await, "first");
        started.send(()).expect("the test waits");
        while stream.next().await.is_some() {}
    });
    has_started.await.expect("the first node runs the feed");
    let hub = Hub::redis(url).await.expect("a Redis");
    let mut stream = subscribe(&hub, "second").await;
    assert_eq!(next(&mut stream).await, "first");
    first.shutdown_background();
    while next(&mut stream).await == "first" {}
    // The stream has stayed open.
    assert_eq!(next(&mut stream).await, "second");
}

/// The number of bodies that run, of those that have ended, and of those that have begun while another one ran.
#[derive(Default)]
struct Bodies {
    running: AtomicUsize,
    ended: AtomicUsize,
    overlaps: AtomicUsize,
}

/// Counts a body while it runs.
struct Run(Arc<Bodies>);

impl Run {
    fn begin(bodies: &Arc<Bodies>) -> Self {
        if bodies.running.fetch_add(1, Ordering::SeqCst) > 0 {
            bodies.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        Self(Arc::clone(bodies))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Feeds that end soon, and clients that come back at once: the right that one feed gives up is not that of the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_that_end_and_begin_do_not_overlap() {
    let redis = RedisServer::start().await;
    let bodies = Arc::new(Bodies::default());
    let mut nodes = JoinSet::new();
    for _ in 0..3 {
        let (hub, bodies) = (Hub::redis(redis.url()).await.expect("a Redis"), Arc::clone(&bodies));
        nodes.spawn(async move {
            while bodies.ended.load(Ordering::SeqCst) < 200 {
                let body = Arc::clone(&bodies);
                let topic = hub.topic::<Event>("feed").expect("a topic").fed_by(move |topic| async move {
                    let _run = Run::begin(&body);
                    sleep(Duration::from_millis(5)).await;
                    topic.publish("").await.map(drop)
                });
                let mut stream = topic.subscribe(None).await.expect("a stream");
                let until_the_end = async { while stream.next().await.is_some() {} };
                // The last feeds may have no end that this node is told of.
                let over = async {
                    while bodies.ended.load(Ordering::SeqCst) < 200 {
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::select! {
                    () = until_the_end => {}
                    () = over => {}
                }
            }
        });
    }
    while let Some(node) = support::within(Duration::from_mins(1), "200 bodies", nodes.join_next()).await {
        node.expect("a node that does not panic");
    }
    assert_eq!(bodies.overlaps.load(Ordering::SeqCst), 0, "bodies that have begun while another one ran");
}
