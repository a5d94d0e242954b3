//! After a gap, and by option first, a client gets the state and then what follows.

mod cuts;
mod forms;
mod gaps;
mod model;
mod panics;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use touka::extract::{LastEventId, State};
use touka::response::StatusCode;
use touka::testing::{Events, Received, TestApp};
use touka::topic::{HubError, OnGap, OnLag, Retention};
use touka::{EventStream, Hub, Router, Topic, route, routes};

/// The state that the page shows, and how it is loaded.
#[derive(Clone)]
struct App {
    hub: Hub,
    /// The events of a snapshot.
    state: Arc<Mutex<Vec<&'static str>>>,
    /// A load takes a permit before it reads the state.
    permits: Arc<Semaphore>,
    loads: Arc<AtomicUsize>,
}

impl App {
    fn new(retention: Retention) -> Self {
        Self {
            hub: Hub::builder().retention(retention).memory(),
            state: Arc::new(Mutex::new(vec!["first", "last"])),
            permits: Arc::new(Semaphore::new(1000)),
            loads: Arc::default(),
        }
    }

    fn topic(&self) -> Topic {
        self.hub.topic("a").expect("a topic")
    }

    fn test(&self) -> TestApp {
        TestApp::new(self.router())
    }

    fn router(&self) -> Router {
        Router::new().mount(routes![gap_only, initial, bare, skip, both, until]).with_state(self.clone())
    }

    async fn load(&self) -> Result<Vec<&'static str>, StatusCode> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let Ok(permit) = self.permits.acquire().await else { return Err(StatusCode::SERVICE_UNAVAILABLE) };
        permit.forget();
        Ok(self.state.lock().expect("no panic").clone())
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    /// Lets no load end until a permit is added.
    fn hold(&self) {
        self.permits.forget_permits(1000);
    }

    async fn publish(&self, events: impl IntoIterator<Item = &'static str>) -> Vec<String> {
        let (topic, mut ids) = (self.topic(), Vec::new());
        for event in events {
            ids.push(topic.publish(event).await.expect("published").to_string());
        }
        ids
    }
}

#[route(GET, "/gap-only")]
async fn gap_only(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.topic().subscribe(from).on_gap(OnGap::snapshot(async move || app.load().await)).await
}

#[route(GET, "/initial")]
async fn initial(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.topic().subscribe(from).earliest().on_gap(OnGap::snapshot(async move || app.load().await).initial()).await
}

#[route(GET, "/bare")]
async fn bare(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let subscribe = app.topic().subscribe(from).opening_position(false);
    subscribe.on_gap(OnGap::snapshot(async move || app.load().await).initial()).await
}

#[route(GET, "/skip")]
async fn skip(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let subscribe = app.topic().subscribe(from).on_lag(OnLag::Skip);
    subscribe.on_gap(OnGap::snapshot(async move || app.load().await)).await
}

#[route(GET, "/until")]
async fn until(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let subscribe = app.topic().subscribe(from).on_gap(OnGap::snapshot(async move || app.load().await).initial());
    subscribe.until(|event| event.as_data() == Some("first")).await
}

#[route(GET, "/both")]
async fn both(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.hub.subscribe(["a", "b"], from)?.on_gap(OnGap::snapshot(async move || app.load().await)).await
}

fn message(data: &str, id: &str) -> Received {
    Received { name: "message".into(), data: data.into(), id: id.into() }
}

fn gap(reason: &str, from: &str, at: &str) -> Received {
    let data = format!(r#"{{"reason":"{reason}","from":"{from}","resumed_at":"{at}"}}"#);
    Received { name: "gap".into(), data, id: within(at) }
}

/// The id of a client that has a part of the snapshot at a position.
fn within(at: &str) -> String {
    format!("{at}.s")
}

async fn assert_snapshot(events: &mut Events, at: &str) {
    assert_eq!(events.next_event().await, Some(message("first", &within(at))));
    assert_eq!(events.next_event().await, Some(message("last", at)));
}

/// An app whose topic retains the last of three events, and their ids.
async fn trimmed() -> (App, TestApp, Vec<String>) {
    let app = App::new(Retention::new().events(1));
    let ids = app.publish(["1", "2", "3"]).await;
    (app.clone(), app.test(), ids)
}
