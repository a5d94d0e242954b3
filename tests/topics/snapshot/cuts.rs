//! A page that is cut off after any byte shows the state in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use touka::extract::{LastEventId, State};
use touka::testing::{Events, Parser, Received, TestApp};
use touka::topic::{HubError, OnGap, Retention};
use touka::{Event, EventStream, Hub, Router, Topic, route, routes};

/// The server's state: values by key.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) hub: Hub,
    pub(super) values: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Store {
    pub(super) fn topic(&self) -> Topic {
        self.hub.topic("store").expect("a topic")
    }

    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.values.lock().expect("no panic").clone()
    }

    /// Changes the state first, and publishes then. No value removes the key.
    pub(super) async fn change(&self, key: &str, value: Option<&str>) {
        let event = if let Some(value) = value {
            self.values.lock().expect("no panic").insert(key.to_owned(), value.to_owned());
            set(key, value)
        } else {
            self.values.lock().expect("no panic").remove(key);
            Event::data(key.to_owned()).event("removed")
        };
        self.topic().publish(event).await.expect("published");
    }

    /// The state as events: one that clears the page, and one for each value.
    pub(super) fn snapshot(&self) -> Vec<Event> {
        let values = self.values();
        let sets = values.iter().map(|(key, value)| set(key, value));
        std::iter::once(Event::data("").event("clear")).chain(sets).collect()
    }
}

fn set(key: &str, value: &str) -> Event {
    Event::data(format!("{key}={value}")).event("set")
}

/// A page with a plain `EventSource` and no code for gaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) shown: BTreeMap<String, String>,
    pub(super) id: String,
}

impl Page {
    pub(super) fn apply(&mut self, name: &str, data: &str) {
        match name {
            "clear" => self.shown.clear(),
            "set" => {
                let (key, value) = data.split_once('=').expect("a key and a value");
                self.shown.insert(key.to_owned(), value.to_owned());
            }
            "removed" => {
                self.shown.remove(data);
            }
            _ => {}
        }
    }

    /// Applies the complete events of these bytes.
    fn read(&mut self, bytes: &[u8]) {
        let mut parser = Parser::new();
        parser.feed(bytes);
        for Received { name, data, .. } in parser.take() {
            self.apply(&name, &data);
        }
        if !parser.last_event_id().is_empty() {
            parser.last_event_id().clone_into(&mut self.id);
        }
    }

    async fn connect(&self, app: &TestApp) -> Events {
        let request = app.get("/store");
        if self.id.is_empty() {
            request.events().await
        } else {
            request.header("last-event-id", &self.id).events().await
        }
    }

    /// Reads all that there is.
    async fn catch_up(&mut self, app: &TestApp) -> Vec<u8> {
        let mut events = self.connect(app).await;
        // It keeps what it has read: the clock does not go on while there is more.
        while !events.is_pending().await {
            events.next_event().await.expect("the topic goes on");
        }
        let bytes = events.bytes().to_vec();
        self.read(&bytes);
        bytes
    }
}

#[route(GET, "/store")]
async fn follow(State(store): State<Store>, from: LastEventId) -> Result<EventStream, HubError> {
    let topic = store.topic();
    topic.subscribe(from).on_gap(OnGap::snapshot(async move || store.snapshot()).initial()).await
}

fn scene() -> (Store, TestApp) {
    let hub = Hub::builder().retention(Retention::new().events(2)).memory();
    let store = Store { hub, values: Arc::default() };
    (store.clone(), TestApp::new(Router::new().mount(routes![follow]).with_state(store)))
}

/// After any byte, with and without changes while the page is away, at the first snapshot and at a later one.
#[tokio::test(start_paused = true)]
async fn a_page_that_is_cut_off_after_any_byte_shows_the_state() {
    for (is_new, away) in [(true, 0), (true, 1), (true, 5), (false, 0), (false, 1), (false, 5)] {
        let (store, app) = scene();
        let mut page = Page::default();
        if !is_new {
            store.change("stale", Some("1")).await;
            page.catch_up(&app).await;
            store.change("stale", None).await;
        }
        for (key, value) in [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2")] {
            store.change(key, Some(value)).await;
        }
        let whole = page.clone().catch_up(&app).await;
        for cut in 0..=whole.len() {
            let mut page = page.clone();
            page.read(&whole[..cut]);
            for number in 0..away {
                store.change("b", Some(&format!("{cut}-{number}"))).await;
            }
            page.catch_up(&app).await;
            assert_eq!(page.shown, store.values(), "cut off after {:?}", String::from_utf8_lossy(&whole[..cut]));
        }
    }
}
