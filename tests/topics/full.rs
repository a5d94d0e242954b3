//! A log that is at its retention: events are trimmed between a subscription and its first look into the log.

use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::{HubError, Retention};
use touka::{EventStream, Hub, Router, Topic, route, routes};

const RETAINED: usize = 3;

/// Publishes `count` events after the subscription, as a chat that says who has come.
#[route(GET, "/earliest?{count}")]
async fn earliest(State(hub): State<Hub>, count: usize, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = hub.topic("a")?.subscribe(from).earliest().await?;
    publish(&hub.topic("a")?, "later", count).await?;
    Ok(stream)
}

#[route(GET, "/several?{count}")]
async fn several(State(hub): State<Hub>, count: usize, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = hub.subscribe(["a", "b"], from)?.earliest().await?;
    publish(&hub.topic("a")?, "later", count).await?;
    Ok(stream)
}

#[route(GET, "/live?{count}")]
async fn live(State(hub): State<Hub>, count: usize, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = hub.topic("a")?.subscribe(from).await?;
    publish(&hub.topic("a")?, "later", count).await?;
    Ok(stream)
}

async fn publish(topic: &Topic, text: &str, count: usize) -> Result<(), HubError> {
    for number in 1..=count {
        topic.publish(format!("{text} {number}")).await?;
    }
    Ok(())
}

async fn scene() -> (TestApp, Topic) {
    let hub = Hub::builder().retention(Retention::new().events(RETAINED)).memory();
    let topic: Topic = hub.topic("a").expect("a topic");
    publish(&topic, "old", 5).await.expect("published");
    (TestApp::new(Router::new().mount(routes![earliest, several, live]).with_state(hub)), topic)
}

async fn next(events: &mut touka::testing::Events, count: usize) -> Vec<String> {
    let mut data = Vec::new();
    for _ in 0..count {
        let event = events.next_event().await.expect("an event");
        data.push(if event.name == "gap" { format!("gap {}", event.data) } else { event.data });
    }
    data
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_begins_with_what_is_still_retained() {
    for path in ["/earliest?count=1", "/several?count=1"] {
        let (app, topic) = scene().await;
        let mut events = app.get(path).events().await;
        assert_eq!(next(&mut events, 3).await, ["old 4", "old 5", "later 1"], "{path}");
        topic.publish("more").await.expect("published");
        assert_eq!(next(&mut events, 1).await, ["more"]);
        // All of what was retained may be gone, and nothing else.
        let (app, _) = scene().await;
        let mut events = app.get(&path.replace('1', "3")).events().await;
        assert_eq!(next(&mut events, 3).await, ["later 1", "later 2", "later 3"], "{path}");
    }
}

/// An event that was published after the subscription is missed: that is a lag, and the client comes back with an id.
#[tokio::test(start_paused = true)]
async fn a_newcomer_lags_once_it_misses_a_new_event() {
    for path in ["/earliest?count=4", "/several?count=4", "/live?count=4"] {
        let (app, _) = scene().await;
        let mut events = app.get(path).events().await;
        assert_eq!(events.next_event().await, None, "{path}");
        let mut events = events.reconnect().await.expect("it comes back");
        let mut data = next(&mut events, 1).await;
        assert!(data[0].starts_with("gap "), "{path}: {data:?}");
        // The handler publishes as many again, so a second gap may follow.
        while data[0].starts_with("gap ") {
            data = next(&mut events, 1).await;
        }
        assert!(data[0].starts_with("later"), "{path}: {data:?}");
    }
}

/// The end of the stream would bring the client back to the same full log, for ever.
#[tokio::test(start_paused = true)]
async fn a_client_with_an_id_gets_a_gap() {
    for (first, path) in [("/earliest", "/earliest"), ("/several", "/several"), ("/earliest", "/live")] {
        let (app, topic) = scene().await;
        let mut events = app.get(&format!("{first}?count=0")).events().await;
        assert_eq!(next(&mut events, 1).await, ["old 3"]);
        let id = events.last_event_id();
        let mut events = app.get(&format!("{path}?count=2")).header("last-event-id", id).events().await;
        let data = next(&mut events, 4).await;
        assert!(data[0].starts_with("gap {\"reason\":\"lagged\""), "{path}: {data:?}");
        assert_eq!(data[1..], ["old 5", "later 1", "later 2"], "{path}");
        topic.publish("more").await.expect("published");
        assert_eq!(next(&mut events, 1).await, ["more"]);
    }
}
