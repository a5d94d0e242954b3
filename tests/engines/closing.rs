//! Closed topics when a server fails, loses something, or lets events in after the last one.

use std::time::Duration;

use futures_util::StreamExt;
use support::{Direction, Fsync, NatsServer, RedisServer, Sentinels, TcpProxy, within};
use tokio::time::sleep;
use touka::topic::{HubError, Nats, Redis};
use touka::{Event, EventId, EventStream, Hub, Topic};

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// The time after which a server is asked again that has just come back.
const RETRY: Duration = Duration::from_millis(20);

fn topic(hub: &Hub) -> Topic {
    hub.topic("a").expect("a topic")
}

/// The data of all events of a stream that ends; of a gap its name.
async fn all(stream: EventStream) -> Vec<String> {
    let events: Vec<Event> = within(PATIENCE, "the end", stream.collect()).await;
    let shown = |event: &Event| match event.as_event() {
        Some(name) => Some(name.to_string()),
        None => event.as_data().map(str::to_owned),
    };
    events.iter().filter_map(shown).collect()
}

async fn read(topic: &Topic, from: Option<EventId>) -> Vec<String> {
    all(topic.subscribe(from).earliest().await.expect("a stream")).await
}

/// The outcome of a publish once the server is back.
async fn outcome(topic: &Topic, data: &str) -> Result<EventId, HubError> {
    within(PATIENCE, "an outcome", async {
        loop {
            match topic.publish(data).await {
                Err(error) if !error.is_closed() => sleep(RETRY).await,
                outcome => return outcome,
            }
        }
    })
    .await
}

/// A topic with the events 1 and `last`, closed by the first of these hubs. All of them have subscribers that have seen the end.
async fn close(hubs: &[Hub; 2]) -> EventId {
    let [a, b] = hubs.each_ref().map(topic);
    a.publish("1").await.expect("published");
    let streams = [a.subscribe(None).earliest().await, b.subscribe(None).earliest().await];
    let last = a.close("last").await.expect("closed");
    for stream in streams {
        assert_eq!(all(stream.expect("a stream")).await, ["1", "last"]);
    }
    last
}

/// The topic is closed still, on nodes that know of it and on one that does not.
async fn assert_closed(hubs: &[Hub], last: &EventId) {
    for hub in hubs {
        let topic = topic(hub);
        assert!(outcome(&topic, "late").await.expect_err("the topic is closed").is_closed());
        assert_eq!(read(&topic, None).await, ["1", "last"]);
        assert_eq!(read(&topic, Some(last.clone())).await, Vec::<String>::new());
    }
}

/// The server has lost the last event: the topic goes on. The client that has seen that is told, and no node is stuck.
async fn assert_open(hubs: &[Hub], last: &EventId) {
    for (number, hub) in hubs.iter().enumerate() {
        outcome(&topic(hub), &format!("again {number}")).await.expect("the topic goes on");
    }
    for hub in hubs {
        let topic = topic(hub);
        let mut stream =
            within(PATIENCE, "a stream", topic.subscribe(last.clone()).into_future()).await.expect("a stream");
        let first = within(PATIENCE, "a gap", stream.next()).await.expect("an event");
        assert!(first.as_event().is_some_and(|name| name == "gap"), "{first:?}");
    }
    let [first, .., newest] = hubs else { panic!("two nodes") };
    topic(newest).close("over").await.expect("closed");
    for hub in hubs {
        let seen = within(PATIENCE, "all events", async {
            loop {
                let read = read(&topic(hub), None).await;
                if read.last().is_some_and(|data| data == "over") {
                    return read;
                }
                sleep(RETRY).await;
            }
        });
        assert_eq!(seen.await, ["1", "again 0", "again 1", "over"]);
    }
    assert!(topic(first).publish("late").await.expect_err("the topic is closed").is_closed());
}

async fn on_redis(url: &str) -> [Hub; 2] {
    [Hub::redis(url).await.expect("a Redis"), Hub::redis(url).await.expect("a Redis")]
}

async fn on_nats(nats: &NatsServer) -> [Hub; 2] {
    [Hub::nats(nats.url()).await.expect("a NATS server"), Hub::nats(nats.url()).await.expect("a NATS server")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_closed_after_redis_was_killed() {
    let mut redis = RedisServer::options().append_log(Fsync::Always).start().await;
    let hubs = on_redis(&redis.url()).await;
    let last = close(&hubs).await;
    redis.kill();
    redis.start_again().await;
    assert_closed(&hubs, &last).await;
    assert_closed(&on_redis(&redis.url()).await, &last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_open_after_redis_has_lost_its_last_event() {
    let mut redis = RedisServer::start().await;
    let hubs = on_redis(&redis.url()).await;
    topic(&hubs[0]).publish("1").await.expect("published");
    let snapshot = redis.save().await;
    let stream = topic(&hubs[1]).subscribe(None).await.expect("a stream");
    let last = topic(&hubs[0]).close("last").await.expect("closed");
    assert_eq!(all(stream).await, ["last"]);
    redis.roll_back(&snapshot).await;
    assert_open(&hubs, &last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_replica_knows_that_a_topic_is_closed() {
    let mut sentinels = Sentinels::start().await;
    let hosts = sentinels.addresses().map(|address| address.to_string()).join(",");
    let hubs = on_redis(&format!("redis+sentinel://{hosts}/{}", Sentinels::NAME)).await;
    let last = close(&hubs).await;
    sentinels.replica().catches_up_with(sentinels.primary()).await;
    sentinels.fail_over().await;
    assert_closed(&hubs, &last).await;
}

/// The answer to the closing is lost, and the next attempt finds what the first one has stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closing_that_is_tried_again_on_redis_is_the_same() {
    let redis = RedisServer::start().await;
    let mut proxy = TcpProxy::start(redis.address());
    let hub = Hub::redis(Redis::new(redis.url_at(proxy.address())).publish_timeout(PATIENCE)).await.expect("a Redis");
    let other = Hub::redis(redis.url()).await.expect("a Redis");
    topic(&hub).publish("1").await.expect("published");
    let mut stream = topic(&other).subscribe(None).await.expect("a stream");
    stream.next().await.expect("the position");
    proxy.stall_one(Direction::ToClient);
    let closed = topic(&hub);
    let closing = tokio::spawn(async move { closed.close("last").await });
    // It is stored, and the answer is not here.
    assert_eq!(all(stream).await, ["last"]);
    assert!(!closing.is_finished());
    proxy.cut().await;
    proxy.resume();
    let last = within(PATIENCE, "the outcome", closing).await.expect("no panic").expect("closed");
    assert_closed(&[other, hub], &last).await;
}

/// A closing has several requests on NATS, and the connection is lost at each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closing_that_is_tried_again_on_nats_is_the_same() {
    const STEP: Duration = Duration::from_millis(10);
    let nats = NatsServer::start().await;
    let proxy = TcpProxy::start(nats.address());
    let options = Nats::new(format!("nats://{}", proxy.address())).publish_timeout(PATIENCE);
    let hubs = [Hub::nats(options).await.expect("a NATS server"), Hub::nats(nats.url()).await.expect("a NATS server")];
    for step in 0..16 {
        let name = format!("step {step}");
        let [near, far] = hubs.each_ref().map(|hub| hub.topic::<Event>(&name).expect("a topic"));
        near.publish("1").await.expect("published");
        let mut stream = far.subscribe(None).await.expect("a stream");
        stream.next().await.expect("the position");
        proxy.delay(STEP);
        let closing = tokio::spawn(async move { near.close("last").await });
        sleep(STEP * step).await;
        proxy.cut().await;
        proxy.delay(Duration::ZERO);
        let last = within(PATIENCE, "the outcome", closing).await.expect("no panic").expect("closed");
        assert_eq!(all(stream).await, ["last"], "step {step}");
        assert_eq!(read(&far, None).await, ["1", "last"]);
        assert_eq!(read(&far, Some(last)).await, Vec::<String>::new());
        assert!(far.close("late").await.expect_err("the topic is closed").is_closed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_closed_after_nats_was_stopped() {
    let mut nats = NatsServer::start().await;
    let hubs = on_nats(&nats).await;
    let last = close(&hubs).await;
    nats.stop().await;
    nats.start_again().await;
    assert_closed(&hubs, &last).await;
    assert_closed(&on_nats(&nats).await, &last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_open_after_nats_has_lost_its_last_event() {
    let mut nats = NatsServer::start().await;
    let hubs = on_nats(&nats).await;
    topic(&hubs[0]).publish("1").await.expect("published");
    let store = nats.save().await;
    let closed = within(PATIENCE, "a stream", async {
        loop {
            if let Ok(stream) = topic(&hubs[1]).subscribe(None).await {
                return stream;
            }
            sleep(RETRY).await;
        }
    });
    let closed = closed.await;
    let last = topic(&hubs[0]).close("last").await.expect("closed");
    assert_eq!(all(closed).await, ["last"]);
    nats.roll_back(&store).await;
    assert_open(&hubs, &last).await;
}

/// Events of processes that do not know yet that the topic is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_gets_what_nats_has_stored_after_the_last_event() {
    let nats = NatsServer::start().await;
    let hubs = on_nats(&nats).await;
    let last = close(&hubs).await;
    // The version, the kind, an epoch, a tag, and no key.
    let late = format!("\u{1}\u{1}{}{}{}data: late\n\n", "\0".repeat(8), "\0\0\0\u{9}", "\0".repeat(4));
    for _ in 0..5 {
        let stored = nats.request("touka.t.a", &late).await;
        assert!(stored.contains("\"seq\""), "{stored}");
    }
    assert_closed(&hubs, &last).await;
    let fresh = on_nats(&nats).await;
    assert_closed(&fresh, &last).await;
    for hub in hubs.iter().chain(&fresh) {
        // A client with a foreign id makes the node compare its log with NATS.
        let foreign = hub.topic::<Event>("other").expect("a topic").publish("x").await.expect("published");
        assert_eq!(read(&topic(hub), Some(foreign)).await, ["gap", "1", "last"]);
        assert!(topic(hub).is_closed() && hub.get::<Event>("a").await.expect("asked").is_some());
        let found = hub.topic_of(&last).await.expect("asked").expect("the topic exists");
        assert_eq!(found.name(), "a");
    }
    assert!(fresh[0].remove("a").await.expect("removed"));
    outcome(&topic(&fresh[0]), "anew").await.expect("published");
}
