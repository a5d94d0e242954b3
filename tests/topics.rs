//! Topics: what a subscriber gets, and what it is told when it cannot get it.

use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::{HubError, Retention};
use touka::{EventStream, Hub, Router, route, routes};

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).await
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![topic]).with_state(hub.clone()))
}

#[tokio::test(start_paused = true)]
async fn everyone_gets_every_event_in_order() {
    let hub = Hub::memory();
    let app = app(&hub);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(app.get("/topics/a").events().await);
    }
    let topic = hub.topic::<touka::Event>("a").unwrap();
    for number in 0..5 {
        topic.publish(number.to_string()).await.unwrap();
    }
    for client in &mut clients {
        for number in 0..5 {
            assert_eq!(client.next_event().await.unwrap().data, number.to_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_misses_nothing() {
    let hub = Hub::memory().retention(Retention::new().events(3));
    let app = app(&hub);
    let topic = hub.topic::<touka::Event>("a").unwrap();
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(topic.publish(number.to_string()).await.unwrap().to_string());
    }
    let mut events = app.get("/topics/a").header("last-event-id", &ids[2]).events().await;
    for number in 3..6 {
        assert_eq!(events.next_event().await.unwrap().data, number.to_string());
    }
    let mut events = app.get("/topics/a").header("last-event-id", &ids[1]).events().await;
    let gap = events.next_event().await.unwrap();
    assert_eq!(gap.name, "gap");
    assert_eq!(gap.data, format!(r#"{{"reason":"trimmed","from":"{}","resumed_at":"{}"}}"#, ids[1], ids[2]));
    assert_eq!(events.next_event().await.unwrap().data, "3");
}
