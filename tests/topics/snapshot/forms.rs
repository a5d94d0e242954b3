//! Snapshots of several topics, of typed topics, of other lists, and as bytes on a socket.

use futures_util::StreamExt;
use support::{Client, Running};
use touka::response::StatusCode;
use touka::topic::{OnGap, Retention};
use touka::{Event, EventId, Hub, IntoEvent, Server};

use super::{App, within};

/// A gap of one of several topics loads the state of all.
#[tokio::test(start_paused = true)]
async fn several_topics_have_one_snapshot() {
    let app = App::new(Retention::new().events(1));
    let test = app.test();
    let mut events = test.get("/both").events().await;
    app.publish(["1"]).await;
    events.next_event().await.expect("an event");
    let id = events.last_event_id();
    app.publish(["2", "3"]).await;
    let b = app.hub.topic::<Event>("b").expect("a topic");
    for text in ["4", "5"] {
        b.publish(text).await.expect("published");
    }
    let mut events = test.get("/both").header("last-event-id", &id).events().await;
    let mut gaps = Vec::new();
    for topic in ["a", "b"] {
        let gap = events.next_event().await.expect("a gap");
        assert_eq!(gap.json::<serde_json::Value>()["topic"], topic);
        gaps.push(gap);
    }
    let first = events.next_event().await.expect("the state");
    let last = events.next_event().await.expect("the state");
    assert_eq!((&*first.data, &*last.data), ("first", "last"));
    assert!([&gaps[0].id, &gaps[1].id, &first.id].into_iter().all(|id| *id == within(&last.id)));
    b.publish("6").await.expect("published");
    assert_eq!(events.next_event().await.expect("an event").data, "6");
    assert_eq!(app.loads(), 1);
    // Cut off in the middle, and at the end.
    let mut again = test.get("/both").header("last-event-id", &first.id).events().await;
    assert_eq!(again.next_event().await.expect("a gap").json::<serde_json::Value>()["reason"], "interrupted");
    assert_eq!(again.next_event().await.expect("the state").data, "first");
    let mut again = test.get("/both").header("last-event-id", &last.id).events().await;
    assert_eq!(again.next_event().await.expect("an event").data, "6");
}

#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read)]
enum Price {
    Tick {
        #[event(id)]
        id: Option<EventId>,
        cents: u64,
    },
}

#[tokio::test(start_paused = true)]
async fn a_typed_topic_has_typed_snapshots() {
    let topic = Hub::memory().topic::<Price>("prices").expect("a topic");
    let at = topic.publish(Price::Tick { id: None, cents: 1 }).await.expect("published");
    let snapshot = OnGap::snapshot(async || [Price::Tick { id: None, cents: 7 }]).initial();
    let mut stream = topic.subscribe(None).on_gap(snapshot).await.expect("memory");
    assert_eq!(stream.next().await, Some(Price::Tick { id: Some(at), cents: 7 }));
    let id = topic.publish(Price::Tick { id: None, cents: 2 }).await.expect("published");
    assert_eq!(stream.next().await, Some(Price::Tick { id: Some(id), cents: 2 }));
}

/// The function may return any list, and the last call of `on_gap` counts.
#[tokio::test(start_paused = true)]
async fn a_snapshot_is_any_list() {
    let topic = Hub::memory().topic::<Event>("a").expect("a topic");
    let lists = [
        OnGap::snapshot(async || ["x"]),
        OnGap::snapshot(async || vec![String::from("x")]),
        OnGap::snapshot(async || Some(Event::data("x"))),
        OnGap::snapshot(|| std::future::ready(Ok::<_, StatusCode>(std::iter::once("x")))),
    ];
    for list in lists {
        let mut stream = topic.subscribe(None).on_gap(OnGap::Earliest).on_gap(list.initial()).await.expect("memory");
        assert_eq!(stream.next().await.expect("an event").as_data(), Some("x"));
    }
    let replaced = topic.subscribe(None).on_gap(OnGap::snapshot(async || ["x"]).initial()).on_gap(OnGap::Live);
    let mut stream = replaced.await.expect("memory");
    assert_eq!(stream.next().await.expect("the position").as_data(), None);
}

/// A stream with a snapshot has a task of its own, and its head does not wait for the load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_over_a_socket() {
    let app = App::new(Retention::new().events(1));
    let ids = app.publish(["1", "2", "3"]).await;
    app.hold();
    let server = Server::new();
    let handle = server.handle();
    let running = Running::serve_with(server, app.router()).await;
    let mut client = Client::connect(running.address).await;
    client.send(format!("GET /gap-only HTTP/1.1\r\nhost: a\r\nlast-event-id: {}\r\n\r\n", ids[0])).await;
    assert_eq!(client.head().await.status(), 200);
    let at = &ids[2];
    let mut bytes = String::new();
    while !bytes.ends_with("\n\n") {
        bytes += std::str::from_utf8(&client.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(
        bytes,
        format!(
            "id: {at}.s\nevent: gap\ndata: {{\"reason\":\"trimmed\",\"from\":\"{}\",\"resumed_at\":\"{at}\"}}\n\n",
            ids[0]
        )
    );
    let next = app.publish(["4"]).await;
    app.permits.add_permits(1);
    bytes.clear();
    while !bytes.ends_with("data: 4\n\n") {
        bytes += std::str::from_utf8(&client.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(bytes, format!("id: {at}.s\ndata: first\n\nid: {at}\ndata: last\n\nid: {}\ndata: 4\n\n", next[0]));
    assert!(!handle.streams().last().expect("a stream").is_parked());
}
