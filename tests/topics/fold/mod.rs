//! A client that is far behind gets folded events, and the same in the end.

mod clients;
mod laws;
mod model;
mod wire;

use touka::extract::{LastEventId, State};
use touka::testing::{Events, Received};
use touka::topic::{HubError, OnGap, OnLag};
use touka::{Event, EventStream, Hub, IntoEvent, Router, Topic, route, routes};

/// The events of an answer.
#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read)]
enum Turn {
    #[event(fold = "concat")]
    Delta {
        text: String,
    },
    #[event(fold = "concat", data = "text")]
    Line(String),
    #[event(fold = add)]
    Usage {
        input: u64,
        output: u64,
    },
    Note(String),
    #[event(fold = fails)]
    Bad(u8),
}

type Usage = (u64, u64);

fn add(earlier: Usage, later: Usage) -> Usage {
    (earlier.0 + later.0, earlier.1 + later.1)
}

fn fails(_: u8, _: u8) -> u8 {
    panic!("this fold panics on purpose")
}

fn delta(text: impl Into<String>) -> Turn {
    Turn::Delta { text: text.into() }
}

fn note(text: &str) -> Turn {
    Turn::Note(text.into())
}

#[route(GET, "/after/{after}")]
async fn after(State(hub): State<Hub>, after: u64, from: LastEventId) -> Result<EventStream<Turn>, HubError> {
    hub.topic("a")?.subscribe(from).earliest().fold_after(after).await
}

#[route(GET, "/skip/{after}")]
async fn skip(State(hub): State<Hub>, after: u64, from: LastEventId) -> Result<EventStream<Turn>, HubError> {
    hub.topic("a")?.subscribe(from).earliest().on_lag(OnLag::Skip).fold_after(after).await
}

/// Follows until an event whose data contains "stop".
#[route(GET, "/until/{after}")]
async fn until(State(hub): State<Hub>, after: u64, from: LastEventId) -> Result<EventStream<Turn>, HubError> {
    let is_last = |event: &Event| event.as_data().is_some_and(|data| data.contains("stop"));
    hub.topic("a")?.subscribe(from).earliest().fold_after(after).until(is_last).await
}

/// The state is three deltas, the second of which an `until` may look for.
#[route(GET, "/snapshot/{after}?{until}")]
async fn snapshot(
    State(hub): State<Hub>,
    after: u64,
    until: Option<String>,
    from: LastEventId,
) -> Result<EventStream<Turn>, HubError> {
    let snapshot = OnGap::snapshot(async || ["one", "two", "three"].map(delta));
    let subscribe = hub.topic("a")?.subscribe(from).earliest().fold_after(after).on_gap(snapshot);
    match until {
        Some(word) => subscribe.until(move |event| event.as_data().is_some_and(|data| data.contains(&word))).await,
        None => subscribe.await,
    }
}

fn router(hub: &Hub) -> Router {
    Router::new().mount(routes![after, skip, until, snapshot]).with_state(hub.clone())
}

fn topic(hub: &Hub) -> Topic<Turn> {
    hub.topic("a").expect("a topic")
}

/// Publishes, and returns the ids.
async fn publish(topic: &Topic<Turn>, values: impl IntoIterator<Item = Turn>) -> Vec<String> {
    let mut ids = Vec::new();
    for value in values {
        ids.push(topic.publish(value).await.expect("published").to_string());
    }
    ids
}

/// The name and the data of an event, with the text of a delta in place of its JSON.
fn shown(event: &Received) -> String {
    let data = match event.name.as_str() {
        "delta" => event.json::<serde_json::Value>()["text"].as_str().expect("a text").to_owned(),
        _ => event.data.clone(),
    };
    format!("{} {data}", event.name)
}

/// The next events.
async fn next(events: &mut Events, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(shown(&events.next_event().await.expect("an event")));
    }
    seen
}
