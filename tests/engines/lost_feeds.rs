//! Feeds that end after their server has lost all.

use std::time::Duration;

use futures_util::StreamExt;
use support::{NatsServer, RedisServer};
use tokio::sync::oneshot;
use touka::{Event, EventStream, Hub, HubError};

/// A bound for the time until a stream ends. It is less than the period in which nodes compare their logs with the server.
const SOON: Duration = Duration::from_secs(20);

/// Reads up to this data.
async fn read(stream: &mut EventStream, data: &str) {
    while support::within(SOON, data, stream.next()).await.expect("an open stream").as_data() != Some(data) {}
}

/// Reads up to the end of the stream.
async fn end(stream: &mut EventStream) {
    while support::within(SOON, "an event or the end", stream.next()).await.is_some() {}
}

/// A feed on two nodes whose body ends after `lose`: right then, or after it has published one event more.
async fn ends_after(hubs: &[Hub; 2], name: &str, publishes: bool, lose: impl AsyncFnOnce()) {
    let [a, b] = hubs.each_ref().map(|hub| hub.topic::<Event>(name).expect("a topic"));
    // Ends are counted. The next one has not the number of the first one after the loss.
    for _ in 0..2 {
        let fed = a.fed_by(|topic| async move { topic.publish("early").await.map(drop) });
        end(&mut fed.subscribe(None).await.expect("a stream")).await;
    }
    let (go, goes) = oneshot::channel::<()>();
    let fed = a.fed_by(move |topic| async move {
        topic.publish("started").await?;
        let _ = goes.await;
        if publishes {
            topic.publish("last").await?;
        }
        Ok::<_, HubError>(())
    });
    let mut there = b.subscribe(None).await.expect("a stream");
    let mut here = fed.subscribe(None).await.expect("a stream");
    read(&mut here, "started").await;
    read(&mut there, "started").await;
    lose().await;
    go.send(()).expect("a body that runs");
    end(&mut here).await;
    end(&mut there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_ends_after_redis_has_lost_all() {
    let redis = RedisServer::start().await;
    let [a, b] = [redis.url(), redis.url()].map(Hub::redis);
    let hubs = [a.await.expect("a Redis"), b.await.expect("a Redis")];
    for round in 0..6 {
        let lose = async || drop(redis.command(&["FLUSHALL"]).await);
        ends_after(&hubs, &format!("feed {round}"), round % 2 == 0, lose).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_ends_after_nats_has_lost_all() {
    let mut nats = NatsServer::start().await;
    let [a, b] = [nats.url(), nats.url()].map(Hub::nats);
    let hubs = [a.await.expect("a NATS"), b.await.expect("a NATS")];
    for round in 0..2 {
        ends_after(&hubs, &format!("feed {round}"), round % 2 == 0, async || nats.lose_store().await).await;
    }
}
