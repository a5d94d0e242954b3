//! Topics that are removed while they are published to.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use support::{NatsServer, RedisCluster, RedisServer, TcpProxy};
use tokio::task::yield_now;
use tokio::time::sleep;
use touka::topic::Redis;
use touka::{Event, Hub};

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Removes topics while four tasks publish. Each gets the error of the removal, and then the topic is gone.
async fn remove_under_load(hub: Hub) {
    for round in 0..20 {
        let name = format!("topic {round}");
        let topic = hub.topic::<Event>(&name).expect("a topic");
        topic.publish("first").await.expect("published");
        let publishers: Vec<_> = (0..4)
            .map(|_| {
                let topic = topic.clone();
                tokio::spawn(async move {
                    loop {
                        if let Err(error) = topic.publish("x").await {
                            return error;
                        }
                    }
                })
            })
            .collect();
        for _ in 0..round {
            yield_now().await;
        }
        assert!(hub.remove(&name).await.expect("removed"));
        assert!(hub.get::<Event>(&name).await.expect("an answer").is_none(), "{name} exists after its removal");
        for error in join_all(publishers).await {
            let error = error.expect("no panic");
            assert!(error.is_removed(), "{error}");
        }
        assert!(topic.publish("late").await.expect_err("it is removed").is_removed());
        assert!(hub.get::<Event>(&name).await.expect("an answer").is_none(), "{name} exists again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_topic_is_gone_on_redis() {
    let redis = RedisServer::start().await;
    remove_under_load(Hub::redis(redis.url()).await.expect("a Redis")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_topic_is_gone_on_a_cluster() {
    let cluster = RedisCluster::start().await;
    remove_under_load(Hub::redis(cluster.url()).await.expect("a cluster")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_topic_is_gone_on_nats() {
    let nats = NatsServer::start().await;
    remove_under_load(Hub::nats(nats.url()).await.expect("a NATS server")).await;
}

/// An attempt that is held up in the network arrives after the one that was made in its place, and after the removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_arrives_late_creates_no_topic() {
    let redis = RedisServer::start().await;
    let proxy = TcpProxy::start(redis.address());
    let options = Redis::new(redis.url_at(proxy.address())).publish_timeout(PATIENCE);
    let hub = Hub::redis(options).await.expect("a Redis");
    let topic = hub.topic::<Event>("a").expect("a topic");
    topic.publish("1").await.expect("published");
    let connections = proxy.open();
    proxy.delay(Duration::from_secs(5));
    let publish = tokio::spawn({
        let topic = topic.clone();
        async move { topic.publish("2").await }
    });
    // The node gives up its connection after two seconds. Then the proxy still holds the bytes of the first attempt.
    sleep(Duration::from_secs(1)).await;
    proxy.delay(Duration::ZERO);
    publish.await.expect("no panic").expect("published");
    assert!(hub.remove("a").await.expect("removed"));
    let has_passed = async || proxy.open() == connections;
    support::eventually(PATIENCE, "the end of the connection that was given up", has_passed).await;
    assert!(hub.get::<Event>("a").await.expect("an answer").is_none(), "the topic exists again");
}

/// A feed publishes all the time, and its body is dropped at the removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_topic_is_gone_though_it_was_fed() {
    let (redis, nats) = (RedisServer::start().await, NatsServer::start().await);
    let hubs = [Hub::redis(redis.url()).await.expect("a Redis"), Hub::nats(nats.url()).await.expect("a NATS server")];
    for hub in hubs {
        for round in 0..10 {
            let name = format!("feed {round}");
            let fed = hub
                .topic::<Event>(&name)
                .expect("a topic")
                .fed_by(|topic| async move { while topic.publish("x").await.is_ok() {} });
            let mut stream = fed.subscribe(None).await.expect("a stream");
            // The position with which the stream opens, and an event.
            for _ in 0..2 {
                let next = support::within(PATIENCE, "an event", stream.next());
                assert!(next.await.is_some(), "the stream has ended");
            }
            assert!(hub.remove(&name).await.expect("removed"));
            drop(stream);
            assert!(hub.get::<Event>(&name).await.expect("an answer").is_none(), "{name} exists again");
        }
    }
}
