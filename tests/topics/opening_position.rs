//! The position event at the opening of a topic's stream, and how to turn it off.

use futures_util::{FutureExt, StreamExt};
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::{HubError, Retention};
use touka::{EventStream, Hub, Router, Topic, route, routes};

#[route(GET, "/one")]
async fn one(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(from).opening_position(false).await
}

#[route(GET, "/both")]
async fn both(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(["a", "b"], from)?.opening_position(false).await
}

#[route(GET, "/default")]
async fn default(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(from).opening_position(true).await
}

const WITHOUT: [&str; 2] = ["/one", "/both"];

fn scene(retention: Retention) -> (TestApp, Topic) {
    let hub = Hub::memory().retention(retention);
    let topic = hub.topic("a").expect("a topic");
    (TestApp::new(Router::new().mount(routes![one, both, default]).with_state(hub)), topic)
}

#[tokio::test(start_paused = true)]
async fn a_comment_replaces_the_position() {
    for path in WITHOUT {
        let (app, topic) = scene(Retention::new());
        let mut events = app.get(path).events().await;
        events.assert_pending().await;
        assert_eq!(events.bytes(), ": open\n");
        topic.publish("one").await.expect("published");
        assert_eq!(events.next_event().await.expect("an event").data, "one");
        let bytes = String::from_utf8(events.bytes().to_vec()).expect("text");
        assert!(bytes.starts_with(": open\nid: ") && bytes.ends_with("\ndata: one\n\n"), "{bytes:?}");
        assert_eq!(bytes.matches("\n\n").count(), 1, "{bytes:?}");
    }
}

/// Cut off before its first event, a client starts anew only if the position is turned off.
#[tokio::test(start_paused = true)]
async fn without_a_position_an_early_disconnect_loses_events() {
    for (path, first) in [("/one", "two"), ("/both", "two"), ("/default", "one")] {
        let (app, topic) = scene(Retention::new());
        let mut events = app.get(path).events().await;
        events.assert_pending().await;
        let back = events.reconnect();
        topic.publish("one").await.expect("published");
        let mut events = back.await.expect("the topic goes on");
        topic.publish("two").await.expect("published");
        assert_eq!(events.next_event().await.expect("an event").data, first, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_an_id_misses_nothing() {
    for path in WITHOUT {
        let (app, topic) = scene(Retention::new());
        let mut events = app.get(path).events().await;
        topic.publish("one").await.expect("published");
        assert_eq!(events.next_event().await.expect("an event").data, "one");
        let mut events = events.reconnect().await.expect("the topic goes on");
        events.assert_pending().await;
        // Cut off once more, before any event.
        let back = events.reconnect();
        topic.publish("two").await.expect("published");
        let mut events = back.await.expect("the topic goes on");
        assert_eq!(events.next_event().await.expect("an event").data, "two");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_sent_without_a_position_too() {
    for path in WITHOUT {
        let (app, topic) = scene(Retention::new().events(1));
        let mut events = app.get(path).events().await;
        topic.publish("one").await.expect("published");
        events.next_event().await.expect("an event");
        let id = events.last_event_id();
        events.disconnect();
        for text in ["two", "three"] {
            topic.publish(text).await.expect("published");
        }
        let mut events = app.get(path).header("last-event-id", &id).events().await;
        assert_eq!(events.next_event().await.expect("a gap").name, "gap");
        assert_eq!(events.next_event().await.expect("an event").data, "three");
        assert!(!String::from_utf8_lossy(&events.bytes()).contains(": open"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_local_reader_gets_nothing_instead_of_the_position() {
    let hub = Hub::memory();
    let topic: Topic = hub.topic("a").expect("a topic");
    let single = topic.subscribe(None).opening_position(false).await.expect("a stream");
    let merged = hub.subscribe(["a", "b"], None).expect("two").opening_position(false).await.expect("a stream");
    let mut streams = [single, merged];
    for stream in &mut streams {
        assert!(stream.next().now_or_never().is_none(), "nothing was published");
    }
    topic.publish("one").await.expect("published");
    for stream in &mut streams {
        let event = stream.next().now_or_never().expect("an event is ready").expect("no end");
        assert_eq!(event.as_data(), Some("one"));
    }
}
