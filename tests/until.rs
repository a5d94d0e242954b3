//! `Subscribe::until` ends a stream after the event that the handler chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::{CloseReason, Event, EventName, EventStream, Hub, HubError, IntoEvent, Router, Topic, route, routes};

#[derive(Clone)]
struct App {
    hub: Hub,
    closed: mpsc::UnboundedSender<CloseReason>,
    tested: Arc<AtomicUsize>,
}

impl App {
    fn report(self, stream: EventStream) -> EventStream {
        stream.on_close(move |reason| {
            let _ = self.closed.send(reason);
        })
    }
}

#[route(GET, "/until-done")]
async fn until_done(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let tested = Arc::clone(&app.tested);
    let subscribe = app.hub.topic("a")?.subscribe(from).earliest().until(move |event| {
        tested.fetch_add(1, Ordering::Relaxed);
        assert!(event.as_data() != Some("bad"), "this test of an event panics on purpose");
        event.as_event().is_some_and(|name| name == "done")
    });
    let stream = subscribe.await?;
    Ok(app.report(stream))
}

#[route(GET, "/all")]
async fn all(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.hub.topic("a")?.subscribe(from).earliest().await?;
    Ok(app.report(stream))
}

#[route(GET, "/several")]
async fn several(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.hub.subscribe(["a", "b"], from)?.earliest().until(|event| event.as_data() == Some("last")).await?;
    Ok(app.report(stream))
}

struct Scene {
    app: TestApp,
    topic: Topic,
    other: Topic,
    reasons: mpsc::UnboundedReceiver<CloseReason>,
    tested: Arc<AtomicUsize>,
}

fn scene() -> Scene {
    let hub = Hub::memory();
    let [topic, other] = ["a", "b"].map(|name| hub.topic(name).expect("a topic"));
    let (closed, reasons) = mpsc::unbounded_channel();
    let tested = Arc::new(AtomicUsize::new(0));
    let state = App { hub, closed, tested: Arc::clone(&tested) };
    let app = TestApp::new(Router::new().mount(routes![until_done, all, several]).with_state(state));
    Scene { app, topic, other, reasons, tested }
}

fn done() -> Event {
    Event::data("bye").event(EventName::from_static("done"))
}

async fn data(events: &mut touka::testing::Events) -> Vec<String> {
    events.rest().await.into_iter().map(|event| event.data).collect()
}

#[tokio::test]
async fn the_stream_ends_after_the_first_such_event() {
    let mut scene = scene();
    scene.topic.publish("1").await.unwrap();
    let mut events = scene.app.get("/until-done").events().await;
    assert_eq!(events.next_event().await.unwrap().data, "1");
    events.assert_pending().await;
    for event in [Event::data("2"), done(), Event::data("3"), done()] {
        scene.topic.publish(event).await.unwrap();
    }
    assert_eq!(data(&mut events).await, ["2", "bye"]);
    assert_eq!(scene.reasons.recv().await, Some(CloseReason::Completed));
    // Once per event of the stream, and not for its position.
    assert_eq!(scene.tested.load(Ordering::Relaxed), 3);
    assert_eq!(scene.topic.subscribers(), 0);
    // A client that comes back gets the next events, up to the next end.
    let mut events = events.reconnect().await.expect("it may come back");
    assert_eq!(data(&mut events).await, ["3", "bye"]);
}

#[tokio::test]
async fn the_bytes_are_those_of_a_plain_subscription() {
    let scene = scene();
    for event in [Event::data("1\n2").id("own").comment("a"), Event::new().comment("b"), done()] {
        scene.topic.publish(event).await.unwrap();
    }
    let mut events = scene.app.get("/until-done").events().await;
    let _ = events.rest().await;
    let mut plain = scene.app.get("/all").events().await;
    while plain.next_event().await.is_some_and(|event| event.name != "done") {}
    assert_eq!(events.bytes(), plain.bytes());
}

#[tokio::test]
async fn a_panicking_test_ends_its_own_stream_only() {
    let mut scene = scene();
    let mut tests = scene.app.get("/until-done").events().await;
    let mut plain = scene.app.get("/all").events().await;
    for text in ["1", "bad", "2"] {
        scene.topic.publish(text).await.unwrap();
    }
    let received = tests.rest().await;
    let seen: Vec<_> = received.iter().map(|event| (event.name.as_str(), event.data.as_str())).collect();
    assert_eq!(seen[..2], [("message", "1"), ("message", "bad")]);
    assert!(seen.len() == 3 && seen[2].0 == "error" && seen[2].1.contains("500"), "{seen:?}");
    assert_eq!(scene.reasons.recv().await, Some(CloseReason::Panicked));
    for text in ["1", "bad", "2"] {
        assert_eq!(plain.next_event().await.unwrap().data, text);
    }
    plain.assert_pending().await;
    // The client that comes back does not get the same event again.
    scene.topic.publish(done()).await.unwrap();
    let mut tests = tests.reconnect().await.expect("it may come back");
    assert_eq!(data(&mut tests).await, ["2", "bye"]);
}

#[tokio::test]
async fn several_topics_end_together() {
    let mut scene = scene();
    scene.topic.publish("1").await.unwrap();
    let mut events = scene.app.get("/several").events().await;
    assert_eq!(events.next_event().await.unwrap().data, "1");
    scene.other.publish("last").await.unwrap();
    assert_eq!(data(&mut events).await, ["last"]);
    assert_eq!(scene.reasons.recv().await, Some(CloseReason::Completed));
    assert_eq!((scene.topic.subscribers(), scene.other.subscribers()), (0, 0));
}

#[derive(Debug, PartialEq, IntoEvent)]
#[event(read)]
enum Turn {
    Delta { text: String },
    Done,
}

#[tokio::test]
async fn a_reader_of_values_gets_the_last_one_too() {
    let topic = Hub::memory().topic::<Turn>("a").unwrap();
    let turns = topic.subscribe(None).until(|event| event.as_event().is_some_and(|name| name == "done"));
    let turns = turns.await.unwrap();
    topic.publish(Turn::Delta { text: "Hi".into() }).await.unwrap();
    topic.publish(Turn::Done).await.unwrap();
    topic.publish(Turn::Done).await.unwrap();
    assert_eq!(turns.collect::<Vec<_>>().await, [Turn::Delta { text: "Hi".into() }, Turn::Done]);
}
