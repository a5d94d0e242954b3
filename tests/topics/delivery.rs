//! Published events reach every subscriber, each from its own position, byte for byte.

use std::fmt::Write;
use std::time::Duration;

use futures_util::StreamExt;
use support::Count;
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::HubError;
use touka::{CloseReason, Event, EventStream, Hub, IntoEvent, Router, Topic, route, routes};

#[derive(IntoEvent)]
enum Price {
    Tick {
        #[event(id)]
        number: u64,
        symbol: &'static str,
        cents: u32,
    },
    #[event(data = "text")]
    Note(&'static str),
    Closed,
}

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).await
}

#[route(GET, "/prices")]
async fn prices(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream<Price>, HubError> {
    hub.topic("prices")?.subscribe(from).await
}

#[route(GET, "/options")]
async fn options(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = hub.topic("options")?.subscribe(from).await?;
    Ok(stream.retry(Duration::from_secs(9)).keep_alive(Duration::from_secs(2)).max_lifetime(Duration::from_mins(1)))
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![topic, prices, options]).with_state(hub.clone()))
}

fn untyped(hub: &Hub, name: &str) -> Topic {
    hub.topic(name).expect("a valid topic name")
}

#[tokio::test(start_paused = true)]
async fn every_subscriber_gets_every_event_in_order() {
    let hub = Hub::memory();
    let app = app(&hub);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(app.get("/topics/a").events().await);
    }
    let topic = untyped(&hub, "a");
    assert_eq!((topic.name(), topic.subscribers()), ("a", 3));
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(topic.publish(number.to_string()).await.unwrap().to_string());
    }
    for client in &mut clients {
        for (number, id) in ids.iter().enumerate() {
            let event = client.next_event().await.unwrap();
            assert_eq!((event.data, &event.id), (number.to_string(), id));
        }
        client.assert_pending().await;
    }
    clients.pop();
    assert_eq!(hub.topics(), ["a"]);
    drop(clients);
    app.assert_nothing_left().await;
    assert_eq!(topic.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_topic_changes_only_the_id_of_an_event() {
    let hub = Hub::memory();
    let mut events = app(&hub).get("/topics/wire").events().await;
    events.assert_pending().await;
    let mut expected = format!("id: {}\n\n", events.last_event_id());
    let topic = untyped(&hub, "wire");
    let whole = Event::data("two\nlines").event("note").id("of-its-own").retry(Duration::from_secs(2)).comment("why");
    // Each event with the bytes before its id and after it.
    for (event, before, after) in [
        (Event::data("plain"), "", "data: plain\n"),
        (Event::data("named").event("note"), "", "event: note\ndata: named\n"),
        (Event::data("an id of its own is left out").id(7), "", "data: an id of its own is left out\n"),
        (whole, ": why\nretry: 2000\n", "event: note\ndata: two\ndata: lines\n"),
        (Event::data("id: 7\n: c\n\nretry: 1"), "", "data: id: 7\ndata: : c\ndata: \ndata: retry: 1\n"),
        (Event::new().comment("a\nid: b"), ": a\n: id: b\n", ""),
        (Event::new().retry(Duration::from_millis(5)), "retry: 5\n", ""),
        (Event::new().id("checkpoint"), "", ""),
        (Event::new(), "", ""),
        (Event::data(""), "", "data: \n"),
        (Event::data("id: ").event("id:"), "", "event: id:\ndata: id: \n"),
    ] {
        let id = topic.publish(event).await.unwrap();
        write!(expected, "{before}id: {id}\n{after}\n").expect("a string grows");
    }
    let mut seen = 0;
    while !events.is_pending().await {
        events.next_event().await.expect("an event");
        seen += 1;
    }
    assert_eq!(seen, 7, "a block without data fires no event");
    assert_eq!(String::from_utf8_lossy(&events.bytes()), expected);
}

/// A typed topic accepts its type, and every view of it reads the same bytes.
#[tokio::test(start_paused = true)]
async fn every_view_of_a_typed_topic_reads_the_same_bytes() {
    let hub = Hub::memory();
    let app = app(&hub);
    let (mut typed, mut plain) = (app.get("/prices").events().await, app.get("/topics/prices").events().await);
    typed.assert_pending().await;
    let mut expected = format!("id: {}\n\n", typed.last_event_id());
    let topic: Topic<Price> = hub.topic("prices").unwrap();
    let id = topic.publish(Price::Tick { number: 7, symbol: "ACME", cents: 1200 }).await.unwrap();
    write!(expected, "id: {id}\nevent: tick\ndata: {{\"symbol\":\"ACME\",\"cents\":1200}}\n\n")
        .expect("a string grows");
    let id = topic.publish(Price::Note("slow\nday")).await.unwrap();
    write!(expected, "id: {id}\nevent: note\ndata: slow\ndata: day\n\n").expect("a string grows");
    let id = topic.publish(Price::Closed).await.unwrap();
    let last = typed_last(&mut typed).await;
    assert_eq!((last.name.as_str(), &last.id), ("closed", &id.to_string()));
    assert_eq!(typed_last(&mut plain).await, last);
    assert!(typed.bytes().starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&typed.bytes()));
    assert_eq!(typed.bytes(), plain.bytes());
}

async fn typed_last(events: &mut touka::testing::Events) -> touka::testing::Received {
    events.next_event().await.expect("the first");
    events.next_event().await.expect("the second");
    events.next_event().await.expect("the third")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resumes_misses_nothing() {
    let hub = Hub::memory();
    let app = app(&hub);
    let topic = untyped(&hub, "a");
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(topic.publish(number.to_string()).await.unwrap().to_string());
    }
    let by_header = app.get("/topics/a").header("last-event-id", &ids[2]);
    let (camel, snake) = (format!("/topics/a?lastEventId={}", ids[2]), format!("/topics/a?last_event_id={}", ids[2]));
    for request in [by_header, app.get(&camel), app.get(&snake)] {
        let mut events = request.events().await;
        for number in 3..6 {
            assert_eq!(events.next_event().await.unwrap().data, number.to_string());
        }
        events.assert_pending().await;
        // The client first gets its position.
        assert!(events.bytes().starts_with(format!("id: {}\n\nid: {}\n", ids[2], ids[3]).as_bytes()));
    }
    // With the newest id there is nothing to send.
    let mut events = app.get("/topics/a").header("last-event-id", &ids[5]).events().await;
    events.assert_pending().await;
    assert_eq!(events.bytes(), format!("id: {}\n\n", ids[5]));
    topic.publish("6").await.unwrap();
    assert_eq!(events.next_event().await.unwrap().data, "6");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_events_resumes_where_its_stream_opened() {
    let hub = Hub::memory();
    let app = app(&hub);
    for before in [None, Some("before")] {
        let topic = untyped(&hub, "a");
        if let Some(text) = before {
            topic.publish(text).await.unwrap();
        }
        let mut events = app.get("/topics/a").events().await;
        // The checkpoint fires no event, and moves the id.
        events.assert_pending().await;
        assert!(!events.last_event_id().is_empty());
        events.stall();
        topic.publish("missed").await.unwrap();
        let mut events = events.reconnect().await.expect("the stream goes on");
        topic.publish("seen").await.unwrap();
        assert_eq!(events.next_event().await.unwrap().data, "missed");
        assert_eq!(events.next_event().await.unwrap().data, "seen");
        events.assert_pending().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_many_frames_is_complete() {
    let hub = Hub::memory();
    let topic = untyped(&hub, "a");
    let first = topic.publish("first").await.unwrap();
    for number in 0..400 {
        topic.publish(format!("{number} {}", "x".repeat(1000))).await.unwrap();
    }
    let mut events = app(&hub).get("/topics/a").header("last-event-id", first.to_string()).events().await;
    for number in 0..400 {
        let event = events.next_event().await.expect("an event");
        assert_eq!(event.data.split(' ').next(), Some(&*number.to_string()));
    }
    assert!(events.frames().len() > 10, "{} frames", events.frames().len());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_has_the_options_of_every_stream() {
    let hub = Hub::memory();
    let mut events = app(&hub).get("/options").events().await;
    events.assert_silent(Duration::from_secs(50)).await;
    assert!(events.retry().is_some_and(|delay| delay > Duration::from_secs(7)));
    assert!(events.comments().len() > 15, "{:?}", events.comments());
    assert!(!events.last_event_id().is_empty());
    untyped(&hub, "options").publish("alive").await.unwrap();
    assert_eq!(events.next_event().await.unwrap().data, "alive");
    assert_eq!(events.next_event().timeout(Duration::from_mins(1)).await, None, "its lifetime is over");
    let mut events = events.reconnect().await.expect("the stream goes on");
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn a_local_subscriber_gets_events_of_an_untyped_topic() {
    let hub = Hub::memory();
    let topic = untyped(&hub, "a");
    let closed = Count::default();
    let counts = closed.clone();
    let stream = topic.subscribe(None).await.unwrap().on_close(move |reason| {
        assert_eq!(reason, CloseReason::Disconnected);
        counts.add();
    });
    let mut stream = std::pin::pin!(stream);
    assert_eq!(stream.next().await.unwrap().as_data(), None, "the checkpoint");
    let id = topic.publish(Event::data("one").event("note")).await.unwrap();
    assert_eq!(stream.next().await, Some(Event::data("one").event("note").id(id)));

    // A type that cannot be deserialized yields no values: its stream fails at the first event.
    let typed: Topic<Price> = hub.topic("a").unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let reads = typed.subscribe(None).await.unwrap().on_close(move |reason| tell.send(reason).unwrap());
    let mut reads = Box::pin(reads);
    topic.publish("two").await.unwrap();
    assert!(reads.next().await.is_none());
    drop(reads);
    assert_eq!(told.await, Ok(CloseReason::Failed));
    assert_eq!(topic.subscribers(), 1);
    assert_eq!(closed.get(), 0);
}

/// Cannot be encoded if it is odd, and is too large if it is 100.
struct Even(usize);

impl IntoEvent for Even {
    fn into_event(self) -> touka::Result<Event> {
        match self.0 {
            100 => Ok(Event::data("x".repeat(17 * 1024 * 1024))),
            odd if odd % 2 == 1 => Ok(Event::new().id(touka::EventId::new("two\nlines")?)),
            even => Ok(Event::data(even.to_string())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_publish_affects_no_subscriber() {
    let hub = Hub::memory();
    let mut events = app(&hub).get("/topics/a").events().await;
    let topic: Topic<Even> = hub.topic("a").unwrap();
    for number in [2, 3, 100, 4, 5] {
        match topic.publish(Even(number)).await {
            Ok(_) => assert_eq!(number % 2, 0),
            Err(error) => {
                assert!(error.is_event() && !error.is_name() && !error.is_too_many_topics(), "{error:?}");
                let expected = if number == 100 { "too large for a topic" } else { "cannot be encoded" };
                assert!(error.to_string().contains(expected), "{error}");
                assert_eq!(std::error::Error::source(&error).is_some(), number != 100);
            }
        }
    }
    assert!(topic.publish_keyed("key", Even(1)).await.unwrap_err().is_event());
    for number in [2, 4] {
        assert_eq!(events.next_event().await.unwrap().data, number.to_string());
    }
    events.assert_pending().await;
    let last = events.last_event_id();
    assert_eq!(last.split('.').nth(2), Some("2"), "a failed publish takes no number: {last}");
}
