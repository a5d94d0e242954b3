//! A topic is closed by its last event, whatever a subscriber asks for.

use std::future::pending;

use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::{HubError, OnGap, OnLag, Retention, Subscribe};
use touka::{CloseReason, Event, EventId, EventStream, Hub, IntoEvent, Router, Topic, route, routes};

fn topic(hub: &Hub) -> Topic {
    hub.topic("a").expect("a topic")
}

async fn publish(topic: &Topic, texts: &[&str]) -> Vec<EventId> {
    let mut ids = Vec::new();
    for text in texts {
        ids.push(topic.publish(*text).await.expect("published"));
    }
    ids
}

/// The data of all events of a stream that ends; of a gap its reason.
async fn all(stream: EventStream) -> Vec<String> {
    let shown = |event: Event| {
        let data = event.as_data()?;
        let is_gap = event.as_event().is_some_and(|name| name == "gap");
        Some(if is_gap { data.split('"').nth(3)?.to_owned() } else { data.to_owned() })
    };
    stream.collect::<Vec<_>>().await.into_iter().filter_map(shown).collect()
}

async fn read(subscribe: Subscribe) -> Vec<String> {
    all(subscribe.await.expect("a stream")).await
}

fn garbage() -> Option<EventId> {
    EventId::new("of another server").ok()
}

#[tokio::test]
async fn clients_that_come_after_a_gap_get_the_last_event() {
    let topic = topic(&Hub::builder().retention(Retention::new().events(3)).memory());
    let ids = publish(&topic, &["1", "2", "3", "4"]).await;
    topic.close("last").await.expect("closed");
    assert_eq!(read(topic.subscribe(garbage())).await, ["malformed", "last"]);
    assert_eq!(read(topic.subscribe(garbage()).on_gap(OnGap::Live)).await, ["malformed", "last"]);
    assert_eq!(read(topic.subscribe(garbage()).on_gap(OnGap::Earliest)).await, ["malformed", "3", "4", "last"]);
    assert_eq!(read(topic.subscribe(ids[0].clone())).await, ["trimmed", "3", "4", "last"]);
    assert_eq!(read(topic.subscribe(ids[0].clone()).on_gap(OnGap::Live)).await, ["trimmed", "last"]);
    assert_eq!(read(topic.subscribe(None).opening_position(false)).await, ["last"]);
}

#[tokio::test]
async fn the_last_event_follows_a_snapshot() {
    let topic = topic(&Hub::memory());
    publish(&topic, &["1"]).await;
    let snapshot = || OnGap::snapshot(async || ["state"]);
    let mut present = topic.subscribe(garbage()).on_gap(snapshot()).await.expect("a stream");
    while present.next().await.expect("an event").as_data().is_none_or(|data| data != "state") {}
    topic.close("last").await.expect("closed");
    assert_eq!(all(present).await, ["last"]);
    assert_eq!(read(topic.subscribe(garbage()).on_gap(snapshot())).await, ["malformed", "state", "last"]);
}

#[tokio::test]
async fn a_chosen_end_may_come_first() {
    let topic = topic(&Hub::memory());
    publish(&topic, &["1", "2"]).await;
    let until = |text: &'static str| {
        let is_it = move |event: &Event| event.as_data().is_some_and(|data| data == text);
        topic.subscribe(None).earliest().until(is_it)
    };
    topic.close("last").await.expect("closed");
    assert_eq!(read(until("1")).await, ["1"]);
    assert_eq!(read(until("last")).await, ["1", "2", "last"]);
    assert_eq!(read(until("never")).await, ["1", "2", "last"]);
}

/// Subscribers that have read nothing when the topic closes, and lag.
#[tokio::test]
async fn the_last_event_reaches_subscribers_that_lag() {
    for most in [0, 1, 2] {
        let topic = topic(&Hub::builder().retention(Retention::new().events(3)).memory());
        let mut streams = Vec::new();
        for policy in [OnLag::Skip, OnLag::Latest] {
            let mut stream = topic.subscribe(None).on_lag(policy).max_lag(most, u64::MAX).await.expect("a stream");
            stream.next().await.expect("the position");
            publish(&topic, &["seen"]).await;
            while stream.next().await.expect("an event").as_data().is_none_or(|data| data != "seen") {}
            streams.push(stream);
        }
        for number in 0..10 {
            topic.publish_keyed(if number < 8 { "a" } else { "b" }, number.to_string()).await.expect("published");
        }
        topic.close("last").await.expect("closed");
        let latest = all(streams.remove(1)).await;
        assert_eq!(latest[latest.len() - 2..], ["9", "last"]);
        assert_eq!(all(streams.remove(0)).await, ["lagged", "last"], "at most {most} behind");
    }
}

/// A last event alone is no lag, whatever its size.
#[tokio::test]
async fn a_subscriber_that_has_the_rest_does_not_lag() {
    for policy in [OnLag::Skip, OnLag::Disconnect, OnLag::Latest] {
        let topic = topic(&Hub::memory());
        let mut stream = topic.subscribe(None).on_lag(policy).max_lag(0, 0).await.expect("a stream");
        stream.next().await.expect("the position");
        assert!(stream.next().now_or_never().is_none());
        topic.close("last").await.expect("closed");
        assert_eq!(all(stream).await, ["last"], "{policy:?}");
    }
}

#[route(GET, "/several")]
async fn several(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(["a", "b"], from)?.earliest().await
}

#[route(GET, "/one")]
async fn one(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(from).await
}

#[route(POST, "/publish")]
async fn publishes(State(hub): State<Hub>) -> Result<&'static str, HubError> {
    topic(&hub).publish("late").await?;
    Ok("published")
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![several, one, publishes]).with_state(hub.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_several_topics_ends_with_the_last_of_them() {
    let hub = Hub::memory();
    let (app, a, b) = (app(&hub), topic(&hub), hub.topic::<Event>("b").expect("a topic"));
    let mut events = app.get("/several").events().await;
    a.close("a ends").await.expect("closed");
    assert_eq!(events.next_event().await.expect("an event").data, "a ends");
    events.assert_pending().await;
    let between = events.last_event_id();
    publish(&b, &["b goes on"]).await;
    b.close("b ends").await.expect("closed");
    for data in ["b goes on", "b ends"] {
        assert_eq!(events.next_event().await.expect("an event").data, data);
    }
    assert!(events.next_event().await.is_none());
    let end = events.last_event_id();
    let get = |id: &str| app.get("/several").header("last-event-id", id);
    assert_eq!(get(&end).send().await.status(), StatusCode::NO_CONTENT);
    let rest: Vec<_> = get(&between).events().await.rest().await.into_iter().map(|event| event.data).collect();
    assert_eq!(rest, ["b goes on", "b ends"]);
}

#[tokio::test]
async fn a_publish_that_is_too_late_is_a_conflict() {
    let hub = Hub::memory();
    let app = app(&hub);
    let last = topic(&hub).close("last").await.expect("closed");
    let response = app.post("/publish").send().await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert!(response.text().await.contains("is closed"));
    assert!(topic(&hub).is_closed() && topic(&hub).close("again").await.unwrap_err().is_closed());
    let response = app.get("/one").header("last-event-id", last.to_string()).send().await;
    assert_eq!((response.status(), response.text().await.as_str()), (StatusCode::NO_CONTENT, ""));
}

/// The body of a feed may close its topic. Its subscribers end once, and no body starts again.
#[tokio::test]
async fn a_body_closes_its_topic() {
    let hub = Hub::memory();
    for waits in [false, true] {
        let topic = hub.topic::<Event>(format!("fed {waits}")).expect("a topic");
        let fed = || {
            let fed = topic.fed_by(move |topic| async move {
                topic.publish("1").await?;
                topic.close("last").await?;
                if waits {
                    pending::<()>().await;
                }
                Ok::<_, HubError>(())
            });
            fed.subscribe(None).earliest()
        };
        let streams = [fed().await.expect("a stream"), fed().await.expect("a stream")];
        for stream in streams {
            assert_eq!(all(stream).await, ["1", "last"], "{waits}");
        }
        assert_eq!(read(fed()).await, ["1", "last"]);
    }
}

#[tokio::test]
async fn a_hub_is_closed_before_its_topic_and_after_it() {
    let hub = Hub::memory();
    let topic = topic(&hub);
    let reported = |stream: EventStream| {
        let (tell, told) = tokio::sync::oneshot::channel();
        (stream.on_close(move |reason| tell.send(reason).expect("the test waits")), told)
    };
    let (mut stream, reason) = reported(topic.subscribe(None).await.expect("a stream"));
    stream.next().await.expect("the position");
    topic.close("last").await.expect("closed");
    // The stream has yet to read the event, and it comes from before the hub was closed.
    hub.close();
    assert_eq!(all(stream).await, ["last"]);
    assert_eq!(reason.await.expect("an end"), CloseReason::Shutdown);

    let hub = Hub::memory();
    let topic = self::topic(&hub);
    let (stream, reason) = reported(topic.subscribe(None).await.expect("a stream"));
    hub.close();
    topic.close("last").await.expect("closed");
    assert_eq!(all(stream).await, Vec::<String>::new());
    assert_eq!(reason.await.expect("an end"), CloseReason::Shutdown);
}

/// An encoder that writes what the roles of entries are told by.
#[tokio::test]
async fn no_type_can_pretend_to_be_a_last_event() {
    struct Pretends(u8);

    impl IntoEvent for Pretends {
        fn into_event(self) -> touka::Result<Event> {
            unreachable!("its encoder is used")
        }

        fn encode_into(self, buf: &mut bytes::BytesMut) -> touka::Result<()> {
            buf.extend_from_slice(&[self.0]);
            Event::data("x").encode_into(buf)
        }
    }

    let topic = topic(&Hub::memory());
    for byte in 1..=2 {
        assert!(topic.close(Pretends(byte)).await.is_err());
        assert!(!topic.is_closed());
    }
    topic.close("last").await.expect("closed");
}
