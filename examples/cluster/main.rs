//! One app in several processes, which share their topics on a Redis.
//!
//! ```text
//! examples/cluster/start.sh                           # all of it; then open http://127.0.0.1:3000
//! REDIS_URL=redis://127.0.0.1 cargo run --example cluster -- 127.0.0.1:3001 a     # one node
//! curl -N http://127.0.0.1:3000/messages              # the stream itself
//! curl http://127.0.0.1:3000/messages -d hello        # publish a message
//! ```
//!
//! `start.sh` starts a Redis, two nodes and nginx in front of them. A page follows one of the nodes; when that one is
//! killed, the browser reconnects through nginx to the other one and goes on after its last event. When Redis is killed,
//! streams stay open, and go on when it is back. Each node
//! publishes a message per second and numbers its messages, so the page sees whether one is missing. `page.html` is
//! the page.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use touka::extract::{LastEventId, State};
use touka::response::Result;
use touka::topic::{HubError, Retention};
use touka::{Event, EventStream, Hub, IntoEvent, Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The URL of Redis if `REDIS_URL` is not set.
const REDIS: &str = "redis://127.0.0.1:6379";

/// The topic of all messages.
const MESSAGES: &str = "messages";

/// The number of messages that Redis keeps for clients that reconnect.
const HISTORY: usize = 2_000;

/// The time between two messages that a node publishes by itself.
const BEAT: Duration = Duration::from_secs(1);

/// The maximum length of a text, in bytes.
const LONGEST_TEXT: usize = 500;

/// One of the processes.
#[derive(Clone)]
struct Node {
    name: Arc<str>,
    hub: Hub,
    /// The number of the last message of this node.
    number: Arc<Mutex<u64>>,
}

/// An event of the topic: the name is `message`, the data is the JSON of the fields.
#[derive(IntoEvent)]
struct Message {
    node: String,
    number: u64,
    text: String,
}

impl Node {
    fn new(name: &str, hub: Hub) -> Self {
        Self { name: name.into(), hub, number: Arc::default() }
    }

    /// Publishes a message with this node's next number.
    async fn publish(&self, text: String) -> Result<(), HubError> {
        // Locked until the message is published, so that the messages are in the order of their numbers.
        let mut number = self.number.lock().await;
        let message = Message { node: self.name.to_string(), number: *number + 1, text };
        let published = self.hub.topic::<Message>(MESSAGES)?.publish(message).await;
        match &published {
            Ok(_) => *number += 1,
            // The message may be in the topic or not. Numbers begin anew, so that no page takes it for a missing one.
            Err(error) if error.is_unknown() => *number = 0,
            Err(_) => {}
        }
        published.map(drop)
    }

    /// Publishes a message per [`BEAT`].
    async fn beat(self) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            if let Err(error) = self.publish(String::new()).await {
                eprintln!("node {}: {error}", self.name);
            }
        }
    }
}

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// Whether this node should get new clients: it hears what the other one publishes.
#[route(GET, "/ready")]
async fn ready(State(node): State<Node>) -> StatusCode {
    if node.hub.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The name of this node, then the messages: those after the client's id, or all that are retained.
///
/// The name has no id, so the id with which a browser reconnects is that of its last message.
#[sse_handler(retry = "500ms")]
#[route(GET, "/messages")]
async fn messages(State(node): State<Node>, from: LastEventId) -> Result<EventStream, HubError> {
    // While Redis is away, this error is a stream that ends at once, after which a browser reconnects.
    let mut messages = node.hub.topic::<Event>(MESSAGES)?.subscribe(from).earliest().await?;
    emit!(Event::data(&*node.name).event("node"));
    while let Some(message) = messages.next().await {
        emit!(message);
    }
}

/// Publishes a message from the node that gets the request.
#[route(POST, "/messages")]
async fn publish(State(node): State<Node>, text: String) -> Result<(StatusCode, String)> {
    if text.len() > LONGEST_TEXT {
        return Ok((StatusCode::PAYLOAD_TOO_LARGE, format!("the text is longer than {LONGEST_TEXT} bytes\n")));
    }
    node.publish(text).await?;
    Ok((StatusCode::CREATED, format!("{}\n", node.name)))
}

fn app(node: Node) -> Router {
    Router::new().mount(routes![index, ready, messages, publish]).with_state(node)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let redis = env::var("REDIS_URL").unwrap_or_else(|_| REDIS.to_owned());
    let hub = Hub::builder().retention(Retention::new().events(HISTORY)).redis(redis).await?;
    let node = Node::new(&env::args().nth(2).unwrap_or_else(|| "a".to_owned()), hub);
    let app = app(node.clone());
    let listener = begin("cluster", app.routes()).await?;
    let beats = tokio::spawn(node.beat());
    app.serve(listener).await?;
    beats.abort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use touka::testing::{Events, TestApp};

    use super::*;

    /// Two nodes with one hub. In production each has a hub of its own, and the Redis is what they share.
    fn cluster() -> [TestApp; 2] {
        let hub = Hub::memory();
        ["a", "b"].map(|name| TestApp::new(app(Node::new(name, hub.clone()))))
    }

    async fn post(app: &TestApp, text: &str) {
        assert_eq!(app.post("/messages").body(text.to_owned()).send().await.status(), StatusCode::CREATED);
    }

    /// The next event: its name and its data.
    async fn next(events: &mut Events) -> (String, String) {
        let event = events.next_event().await.expect("the stream never ends");
        (event.name.clone(), event.data)
    }

    async fn message(events: &mut Events) -> Value {
        let event = events.next_event().await.expect("the stream never ends");
        assert_eq!(event.name, "message");
        event.json()
    }

    fn said(node: &str, number: u64, text: &str) -> Value {
        json!({"node": node, "number": number, "text": text})
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_begins_with_the_name_of_its_node() {
        for (app, name) in cluster().iter().zip(["a", "b"]) {
            let mut events = app.get("/messages").events().await;
            assert_eq!(next(&mut events).await, ("node".to_owned(), name.to_owned()));
            events.assert_pending().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_continues_on_the_other_node() {
        let [a, b] = cluster();
        let mut events = a.get("/messages").events().await;
        next(&mut events).await;
        post(&a, "one").await;
        post(&b, "two").await;
        assert_eq!(message(&mut events).await, said("a", 1, "one"));
        let last = events.last_event_id();
        events.disconnect();
        post(&b, "three").await;

        let mut events = b.get("/messages").header("last-event-id", last).events().await;
        assert_eq!(next(&mut events).await, ("node".to_owned(), "b".to_owned()));
        assert_eq!(message(&mut events).await, said("b", 1, "two"));
        assert_eq!(message(&mut events).await, said("b", 2, "three"));
        events.assert_pending().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_numbers_its_messages() {
        let hub = Hub::memory();
        let node = Node::new("a", hub);
        let app = TestApp::new(app(node.clone()));
        let beats = tokio::spawn(node.beat());
        let mut events = app.get("/messages").events().await;
        next(&mut events).await;
        for number in 1..=3 {
            assert_eq!(message(&mut events).await, said("a", number, ""));
        }
        post(&app, "hello").await;
        assert_eq!(message(&mut events).await, said("a", 4, "hello"));
        beats.abort();
    }

    #[tokio::test]
    async fn a_text_that_is_too_long_is_refused() {
        let [app, _] = cluster();
        let refused = app.post("/messages").body("x".repeat(LONGEST_TEXT + 1)).send().await;
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn the_page_listens() {
        let [app, _] = cluster();
        assert_eq!(app.get("/ready").send().await.status(), StatusCode::OK);
        let page = app.get("/").send().await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().await.contains("new EventSource("));
    }
}
