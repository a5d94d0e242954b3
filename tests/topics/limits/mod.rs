//! Retention of a hub: events by count, bytes and age; topics by use, number and name.

mod events;
mod expiry;
mod names;
mod one_topic;

use std::time::Duration;

use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Topic, route, routes};

const A_MINUTE: Duration = Duration::from_mins(1);

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).earliest().await
}

#[route(GET, "/any")]
async fn any(State(hub): State<Hub>, name: touka::extract::Query<Name>) -> Result<EventStream, HubError> {
    hub.topic(&name.0.name)?.subscribe(None).await
}

#[derive(serde::Deserialize)]
struct Name {
    name: String,
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![topic, any]).with_state(hub.clone()))
}

fn untyped(hub: &Hub, name: &str) -> Topic {
    hub.topic(name).expect("a valid topic name")
}

/// The events that a new client gets.
async fn retained(app: &TestApp) -> Vec<String> {
    let mut events = app.get("/topics/a").events().await;
    let mut retained = Vec::new();
    while !events.is_pending().await {
        retained.push(events.next_event().await.expect("an event").data);
    }
    retained
}

/// Opens a new topic, which is when unused topics are removed.
fn check(hub: &Hub, name: &str) -> Vec<String> {
    drop(untyped(hub, name));
    hub.topics()
}
