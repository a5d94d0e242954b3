//! The programs of `docs/cookbook.md` run, and match the text there.

#![allow(missing_docs, missing_debug_implementations, reason = "the programs stand in the guide, which explains them")]

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{Client, Running, until, within};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use touka::server::Handle;
use touka::testing::{Events, TestApp, TestRequest};
use touka::{Hub, Server};

mod axum_shutdown;
mod cart;
mod chat;
mod client_address;
mod completions;
mod dashboard;
mod mcp;
mod notifications;
mod relay;

const GUIDE: &str = include_str!("../../docs/cookbook.md");

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn the_guide_shows_these_programs() {
    for program in [
        include_str!("axum_shutdown.rs"),
        include_str!("cart.rs"),
        include_str!("chat.rs"),
        include_str!("client_address.rs"),
        include_str!("completions.rs"),
        include_str!("dashboard.rs"),
        include_str!("mcp.rs"),
        include_str!("notifications.rs"),
        include_str!("relay.rs"),
    ] {
        assert!(GUIDE.contains(program.trim()), "docs/cookbook.md does not have this program:\n{program}");
    }
}

/// The next event: its name and its data.
async fn next(events: &mut Events) -> (String, String) {
    let event = events.next_event().await.expect("the stream goes on");
    (event.name.clone(), event.data)
}

fn event(name: &str, data: &Value) -> (String, String) {
    (name.to_owned(), data.to_string())
}

#[tokio::test(start_paused = true)]
async fn the_chat_has_history_presence_and_resume() {
    let app = TestApp::new(chat::app());
    let say = |text: &str| app.post("/rooms/den").json(&json!({"nick": "ben", "text": text})).send();
    assert_eq!(say("hello?").await.status(), 404, "a POST creates no room");
    let mut ada = app.get("/rooms/den?nick=ada").events().await;
    let joined = event("joined", &json!({"nick": "ada", "present": 1}));
    assert_eq!(next(&mut ada).await, joined);
    let mut ben = app.get("/rooms/den?nick=ben").events().await;
    assert_eq!(next(&mut ben).await, joined, "the history");
    assert_eq!(say("hello").await.status(), 204);
    let said = event("said", &json!({"nick": "ben", "text": "hello"}));
    for events in [&mut ada, &mut ben] {
        assert_eq!(next(events).await, event("joined", &json!({"nick": "ben", "present": 2})));
        assert_eq!(next(events).await, said);
    }
    let last = ben.last_event_id();
    ben.disconnect();
    let left = event("left", &json!({"nick": "ben", "present": 1}));
    assert_eq!(next(&mut ada).await, left);
    let mut ben = app.get("/rooms/den?nick=ben").header("last-event-id", last).events().await;
    assert_eq!(next(&mut ben).await, left, "events after the last one, and no other");

    let refused = app.get("/rooms/Den?nick=ada").send().await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.contains("a room has 1 to 20 small letters"));
}

#[tokio::test(start_paused = true)]
async fn a_cart_is_sent_first_and_after_a_gap() {
    let app = TestApp::new(cart::app());
    let put = |article: &str, quantity: u32| app.put(&format!("/carts/ada/{article}")).json(&quantity).send();
    assert_eq!(put("tea", 2).await.status(), 204);
    let cart = event("cart", &json!({"tea": 2}));
    let mut tab = app.get("/carts/ada").events().await;
    assert_eq!(next(&mut tab).await, cart);
    put("milk", 1).await;
    assert_eq!(next(&mut tab).await, event("changed", &json!({"article": "milk", "quantity": 1})));
    let mut tab = tab.reconnect().await.expect("the topic goes on");
    put("tea", 0).await;
    assert_eq!(next(&mut tab).await, event("changed", &json!({"article": "tea", "quantity": 0})));
    // With the id of another server.
    let mut tab = app.get("/carts/ada").header("last-event-id", "7").events().await;
    assert_eq!(next(&mut tab).await.0, "gap");
    assert_eq!(next(&mut tab).await, event("cart", &json!({"milk": 1})));
}

fn with_session(app: &TestApp, path: &str) -> TestRequest {
    app.get(path).header("cookie", "theme=dark; session=7hQx2c")
}

#[tokio::test(start_paused = true)]
async fn a_dashboard_ends_with_its_session() {
    let state = dashboard::App { hub: Hub::memory(), sessions: dashboard::Sessions::default() };
    let sessions = state.sessions.clone();
    let app = TestApp::new(dashboard::app(state));
    sessions.begin("7hQx2c", "<ada>", SystemTime::now() + Duration::from_hours(1));
    assert!(with_session(&app, "/").send().await.text().await.contains("Hello, &lt;ada>"));
    for tab in 0..2 {
        let mut events = with_session(&app, "/gauges").events().await;
        for name in ["load", "visitors"] {
            assert_eq!(next(&mut events).await.0, name, "tab {tab}");
        }
        if tab == 1 {
            let signed_out = app.post("/sign-out").header("cookie", "session=7hQx2c").send().await;
            assert_eq!(signed_out.header("set-cookie"), Some("session=; Max-Age=0; Path=/"));
            let rest = events.rest().await;
            assert_eq!(rest.last().map(|event| event.name.as_str()), Some("expired"), "{rest:?}");
        }
    }
    let answer = with_session(&app, "/gauges").events().await.rest().await;
    assert_eq!(answer.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["signed-out"]);
    let page = app.get("/").header("accept", "text/html").send().await;
    assert_eq!((page.status().as_u16(), page.header("location")), (303, Some("/sign-in")));
    assert_eq!(app.get("/gauges").header("accept", "*/*").send().await.status(), 401);

    // Without a sign-out, the stream ends when its session expires.
    sessions.begin("7hQx2c", "ada", SystemTime::now() + Duration::from_secs(30));
    let events = with_session(&app, "/gauges").timeout(Duration::from_mins(5)).events().await.rest().await;
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("expired"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_reach_all_tabs_of_one_user() {
    let server = Server::new();
    let users = [("a", 1), ("b", 2)].map(|(token, user)| (token.to_owned(), user));
    let users = std::sync::Arc::new(std::sync::Mutex::new(users.into()));
    let state = notifications::App { hub: Hub::memory(), handle: server.handle(), users };
    let running = Running::serve_with(server, notifications::app(state.clone())).await;
    let open = async |method: &str, path: &str, token: &str, last: &str| {
        let mut client = Client::connect(running.address).await;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n");
        client.send(format!("{head}last-event-id: {last}\r\n\r\n")).await;
        let head = client.head().await;
        (head.status(), client)
    };
    let mut tabs = [open("GET", "/notifications", "a", "").await.1, open("GET", "/notifications", "a", "").await.1];
    let (_, mut other) = open("GET", "/notifications", "b", "").await;
    state.notify(1, 5, "shipped".to_owned()).await.expect("published");
    assert_eq!(open("POST", "/notifications/5/read", "a", "").await.0, 204);
    for tab in &mut tabs {
        assert_eq!(tab.data().await, json!({"number": 5, "text": "shipped"}).to_string());
        assert_eq!(tab.data().await, json!({"number": 5}).to_string());
    }
    state.notify(2, 6, "yours".to_owned()).await.expect("published");
    assert_eq!(other.data().await, json!({"number": 6, "text": "yours"}).to_string());

    assert_eq!(open("POST", "/sign-out", "a", "").await.0, 204);
    for tab in &mut tabs {
        assert_eq!(tab.next().await.expect("a clean end"), None);
    }
    assert_eq!(open("GET", "/notifications", "a", "").await.0, 401);
    assert_eq!(open("DELETE", "/account", "b", "").await.0, 204);
    assert_eq!(other.next().await.expect("a clean end"), None);
    assert_eq!(state.hub.topics(), ["users/1"]);
}

/// A client of the MCP server, on connections of its own.
struct Mcp {
    address: std::net::SocketAddr,
    session: String,
}

impl Mcp {
    async fn send(&self, method: &str, more: &str, body: &Value) -> (support::Head, Client) {
        let mut client = Client::connect(self.address).await;
        let session = if self.session.is_empty() { "" } else { &format!("mcp-session-id: {}\r\n", self.session) };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        client
            .send(format!(
                "{method} /mcp HTTP/1.1\r\nhost: test\r\naccept: application/json, text/event-stream\r\n{session}{more}\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        (client.head().await, client)
    }

    async fn status(&self, method: &str, more: &str, body: &Value) -> u16 {
        self.send(method, more, body).await.0.status()
    }
}

fn request(id: u64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": "count", "_meta": {"progressToken": "p"}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_streams_resume_by_their_ids_alone() {
    let server = Server::new();
    let state = mcp::state(server.handle());
    let running = Running::serve_with(server, mcp::app(state.clone())).await;
    let mut mcp = Mcp { address: running.address, session: String::new() };
    assert_eq!(mcp.status("POST", "", &request(1, "ping")).await, 400, "no session");
    assert_eq!(mcp.status("POST", "origin: http://evil.test\r\n", &request(1, "initialize")).await, 403);
    let (head, _) = mcp.send("POST", "", &request(1, "initialize")).await;
    assert_eq!(head.header("content-type"), Some("application/json"));
    mcp.session = head.header("mcp-session-id").expect("a session").to_owned();
    assert_eq!(mcp.session.len(), 32);
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(mcp.status("POST", "", &initialized).await, 202);
    assert_eq!(mcp.status("POST", "mcp-protocol-version: 1999-01-01\r\n", &initialized).await, 400);

    let (head, mut call) = mcp.send("POST", "", &request(2, "tools/call")).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let first = call.next().await.expect("read").expect("progress");
    assert_eq!(serde_json::from_str::<Value>(&first.data).expect("JSON")["params"]["progress"], 1);
    drop(call);
    // The second stream of another call, whose messages the first must not get.
    let (_, _other) = mcp.send("POST", "", &request(3, "tools/call")).await;
    let (_, mut resumed) = mcp.send("GET", &format!("last-event-id: {}\r\n", first.id), &Value::Null).await;
    let mut rest = Vec::new();
    while let Some(event) = resumed.next().await.expect("read") {
        rest.push(serde_json::from_str::<Value>(&event.data).expect("JSON"));
    }
    let [second, third, response] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!((&second["params"]["progress"], &third["params"]["progress"]), (&json!(2), &json!(3)));
    assert_eq!((&response["id"], &response["result"]["content"][0]["text"]), (&json!(2), &json!("counted to 3")));

    let topic = state.hub.topic::<touka::Event>(format!("{}/server", mcp.session)).expect("a topic");
    let (_, mut old) = mcp.send("GET", "", &Value::Null).await;
    let (_, mut listening) = mcp.send("GET", "", &Value::Null).await;
    assert_eq!(old.next().await.expect("a clean end"), None, "a stream that was replaced ends");
    topic.publish(initialized.to_string()).await.expect("published");
    assert_eq!(listening.data().await, initialized.to_string());
    let stranger = Mcp { address: running.address, session: String::new() };
    assert_eq!(stranger.status("GET", &format!("last-event-id: {}\r\n", first.id), &Value::Null).await, 400);

    assert_eq!(mcp.status("DELETE", "", &Value::Null).await, 204);
    assert_eq!(listening.next().await.expect("a clean end"), None);
    assert_eq!(mcp.status("POST", "", &request(4, "ping")).await, 404, "the session has ended");
    assert!(state.hub.topics().is_empty());
}

fn complete(app: &TestApp, question: &str, more: &Value) -> TestRequest {
    let mut body = json!({"model": "echo", "messages": [{"role": "user", "content": question}]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    app.post("/v1/chat/completions").json(&body)
}

#[tokio::test(start_paused = true)]
async fn completions_are_chunks_or_one_json() {
    let app = TestApp::new(completions::app());
    let usage = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events = complete(&app, "one two", &usage).events().await.rest().await;
    let (done, chunks) = events.split_last().expect("events");
    assert_eq!(done.data, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(touka::testing::Received::json).collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "one two");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let [.., finish, usage] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&json!([]), &json!(2)));

    let whole: Value = complete(&app, "one two", &json!({})).send().await.json().await;
    assert_eq!(
        (&whole["object"], &whole["choices"][0]["message"]["content"]),
        (&json!("chat.completion"), &json!("one two"))
    );
}

#[tokio::test(start_paused = true)]
async fn completions_fail_as_json_before_and_in_the_stream() {
    let app = TestApp::new(completions::app());
    for (question, stream) in [("fail", true), ("fail", false), ("one fail", false)] {
        let response = complete(&app, question, &json!({ "stream": stream })).send().await;
        assert_eq!(response.status(), 503, "{question}");
        assert_eq!(response.json::<Value>().await["error"]["message"], "the model is down");
    }
    let bad = app.post("/v1/chat/completions").json(&json!({"model": "echo"})).send().await;
    assert_eq!(bad.status(), 400);
    assert_eq!(bad.json::<Value>().await["error"]["type"], "invalid_request_error");

    let events = complete(&app, "one fail", &json!({"stream": true})).events().await.rest().await;
    let [_, _, error] = &events[..] else { panic!("{events:?}") };
    assert_eq!(error.json::<Value>()["error"]["message"], "the model is down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axums_server_stops_although_a_stream_is_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(axum_shutdown::serve(listener, stopped));
    let mut client = Client::stream(address, "/clock").await;
    assert_eq!(client.data().await, "0");
    stop.send(()).expect("the server runs");
    while client.next().await.expect("a clean end").is_some() {}
    assert!(client.parser().retry().is_some(), "a retry spreads the clients");
    drop(client);
    within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_address_is_that_behind_the_proxy() {
    let server = client_address::server().expect("addresses");
    let handle: Handle = server.handle();
    let running = Running::serve_with(server, client_address::app()).await;
    let mut proxied = Client::connect(running.address).await;
    let forwarded = "host: test\r\nx-forwarded-for: 10.9.9.9, 203.0.113.7\r\n\r\n";
    proxied.send(format!("GET /whoami HTTP/1.1\r\n{forwarded}")).await;
    assert_eq!(proxied.response().await.1, "203.0.113.7", "not what the client has made up");
    proxied.send(format!("GET /hello HTTP/1.1\r\n{forwarded}")).await;
    proxied.head().await;
    assert_eq!(proxied.data().await, "hello, 203.0.113.7");
    until(PATIENCE, "the stream is over", || handle.count() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_publishes_to_the_topics_of_each_process() {
    for follows in [true, false] {
        let hub = Hub::memory();
        let (broker, messages) = tokio::sync::mpsc::channel(8);
        let news = follows.then(|| hub.topic::<touka::Event>("news").expect("a name"));
        broker.send(("news".to_owned(), "hello".to_owned())).await.expect("sent");
        drop(broker);
        relay::relay(messages, hub.clone()).await.expect("published");
        assert_eq!(hub.topics().len(), usize::from(follows), "a relay creates no topic");
        if let Some(topic) = news {
            let mut events = topic.subscribe(None).earliest().opening_position(false).await.expect("subscribed");
            assert_eq!(events.next().await.expect("an event").as_data(), Some("hello"));
        }
    }
}
