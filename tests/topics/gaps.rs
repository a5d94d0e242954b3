//! A client that resumes and may have missed something first gets a `gap` event, with the position from which
//! it goes on, and never an error status.

use touka::extract::{LastEventId, State};
use touka::testing::{Events, Received, TestApp};
use touka::topic::{GapReason, HubError, OnGap, Retention};
use touka::{EventId, EventStream, Hub, Router, Topic, route, routes};

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).await
}

#[route(GET, "/earliest/{name}")]
async fn earliest(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).earliest().await
}

#[route(GET, "/live/{name}")]
async fn live(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).earliest().on_gap(OnGap::Live).await
}

#[route(GET, "/again/{name}")]
async fn again(State(hub): State<Hub>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(from).on_gap(OnGap::Earliest).await
}

/// A topic of which the events 3 to 5 are retained, and the ids of all five.
struct Retained {
    app: TestApp,
    topic: Topic,
    ids: Vec<String>,
    /// Positions: of a client that has seen all trimmed events, and of one that has seen all events.
    tail: String,
    head: String,
}

async fn retained() -> Retained {
    let hub = Hub::builder().retention(Retention::new().events(3)).memory();
    let app = TestApp::new(Router::new().mount(routes![topic, earliest, live, again]).with_state(hub.clone()));
    let topic: Topic = hub.topic("a").expect("a valid topic name");
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(topic.publish(number.to_string()).await.expect("published").to_string());
    }
    let (tail, head) = (ids[1].clone(), ids[4].clone());
    Retained { app, topic, ids, tail, head }
}

impl Retained {
    async fn come_back(&self, path: &str, id: &str) -> Events {
        self.app.get(path).header("last-event-id", id).events().await
    }

    /// Asserts that the retained events from `from` on arrive, and then a new one.
    async fn goes_on(&self, events: &mut Events, from: u32) {
        for number in from..=5 {
            assert_eq!(events.next_event().await.expect("an event").data, number.to_string());
        }
        events.assert_pending().await;
        let id = self.topic.publish("next").await.expect("published").to_string();
        assert_eq!(events.next_event().await, Some(Received { name: "message".into(), data: "next".into(), id }));
    }
}

fn gap(reason: GapReason, from: &str, resumed_at: &str) -> Received {
    let (from, reason) = (serde_json::Value::from(from), reason.as_str());
    let data = format!(r#"{{"reason":"{reason}","from":{from},"resumed_at":"{resumed_at}"}}"#);
    Received { name: "gap".into(), data, id: resumed_at.into() }
}

/// A valid id with one of its four parts replaced.
fn changed(id: &str, part: usize, to: &str) -> String {
    let mut parts: Vec<_> = id.split('.').collect();
    parts[part] = to;
    parts.join(".")
}

/// A different number or text of the same form.
fn other(id: &str, part: usize) -> String {
    let old = id.split('.').nth(part).expect("an id of four parts");
    let digit = if old.starts_with('0') { "1" } else { "0" };
    changed(id, part, &format!("{digit}{}", &old[1..]))
}

#[tokio::test(start_paused = true)]
async fn an_id_in_another_format_is_malformed() {
    let id = retained().await.ids[3].clone();
    for malformed in [
        "7".to_owned(),
        "done".to_owned(),
        r#"quotes " and \ in it"#.to_owned(),
        "…".to_owned(),
        "x".repeat(256),
        changed(&id, 0, "2"),
        changed(&id, 0, "3"),
        changed(&id, 1, "short"),
        changed(&id, 1, "-bcdefgh"),
        changed(&id, 2, ""),
        changed(&id, 2, "04"),
        changed(&id, 2, "+4"),
        changed(&id, 2, "18446744073709551616"),
        changed(&id, 3, "zzzzzz"),
        changed(&id, 3, "1234567"),
        format!("{id}.0"),
        format!("{id} x"),
    ] {
        let retained = retained().await;
        let mut events = retained.come_back("/topics/a", &malformed).await;
        assert_eq!(
            events.next_event().await,
            Some(gap(GapReason::Malformed, &malformed, &retained.head)),
            "{malformed}"
        );
        retained.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_log_is_foreign() {
    // Of another topic, of another hub's topic of the same name, and an id that differs from a valid one in
    // one digit.
    let retained = retained().await;
    let anothers = Hub::memory().topic::<touka::Event>("a").unwrap().publish("1").await.unwrap().to_string();
    for foreign in [anothers, other(&retained.ids[4], 1)] {
        let retained = self::retained().await;
        let mut events = retained.come_back("/topics/a", &foreign).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Foreign, &foreign, &retained.tail)));
        retained.goes_on(&mut events, 3).await;
    }
    let mut events = retained.come_back("/topics/b", &retained.ids[4]).await;
    let told = events.next_event().await.unwrap();
    assert_eq!((told.name.as_str(), told.json::<serde_json::Value>()["reason"].as_str()), ("gap", Some("foreign")));
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn an_id_behind_the_end_means_that_the_log_lost_events() {
    for offset in ["6", "18446744073709551615"] {
        let retained = retained().await;
        let future = changed(&retained.head, 2, offset);
        let mut events = retained.come_back("/topics/a", &future).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Future, &future, &retained.head)));
        retained.goes_on(&mut events, 6).await;
    }
}

/// The id right before the oldest retained event is no gap; an earlier one is.
#[tokio::test(start_paused = true)]
async fn an_id_before_the_retained_events_is_trimmed() {
    let begin = retained().await;
    let zero = changed(&changed(&begin.ids[0], 2, "0"), 3, "000000");
    drop(begin);
    for number in [0, 1] {
        let retained = retained().await;
        let epoch = retained.head.split('.').nth(1).unwrap();
        let id = if number == 0 { changed(&zero, 1, epoch) } else { retained.ids[0].clone() };
        let mut events = retained.come_back("/topics/a", &id).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Trimmed, &id, &retained.tail)));
        retained.goes_on(&mut events, 3).await;
    }
    for number in 2..=5 {
        let retained = retained().await;
        let mut events = retained.come_back("/topics/a", &retained.ids[number - 1]).await;
        retained.goes_on(&mut events, u32::try_from(number).unwrap() + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_whose_offset_has_another_event_is_forked() {
    // At the end, in the middle, and where only the tag of the last trimmed event differs.
    for number in [5, 4, 2] {
        let retained = retained().await;
        let forked = other(&retained.ids[number - 1], 3);
        let mut events = retained.come_back("/topics/a", &forked).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Forked, &forked, &retained.head)), "{number}");
        retained.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_can_choose_where_a_gap_resumes() {
    use GapReason::{Foreign, Forked, Future, Malformed, Trimmed};
    for reason in [Malformed, Foreign, Future, Trimmed, Forked] {
        for (path, from) in [("/live/a", 6), ("/again/a", 3)] {
            let retained = retained().await;
            let id = match reason {
                Malformed => "done".to_owned(),
                Foreign => other(&retained.head, 1),
                Future => changed(&retained.head, 2, "6"),
                Trimmed => retained.ids[0].clone(),
                _ => other(&retained.head, 3),
            };
            let mut events = retained.come_back(path, &id).await;
            let place = if from == 6 { &retained.head } else { &retained.tail };
            assert_eq!(events.next_event().await, Some(gap(reason, &id, place)), "{path}");
            retained.goes_on(&mut events, from).await;
        }
    }
}

/// A client without an id starts where the route says, without a gap.
#[tokio::test(start_paused = true)]
async fn a_client_without_an_id_gets_no_gap() {
    for (path, from) in [("/topics/a", 6), ("/earliest/a", 3), ("/live/a", 3), ("/again/a", 6)] {
        let retained = retained().await;
        let mut events = retained.app.get(path).events().await;
        retained.goes_on(&mut events, from).await;
        let place = if from == 6 { &retained.head } else { &retained.tail };
        assert!(events.bytes().starts_with(format!("id: {place}\n\nid: ").as_bytes()), "{path}");
    }
    // A header that cannot be an id is ignored: a proxy that mangles it turns no client away.
    for no_id in [&b"\xff\xfe"[..], &[b'x'; 257]] {
        let retained = retained().await;
        let id = http::HeaderValue::from_bytes(no_id).unwrap();
        let mut events = retained.app.get("/topics/a").header("last-event-id", id).events().await;
        retained.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_cut_off_at_a_gap_does_not_get_it_twice() {
    let retained = retained().await;
    let mut events = retained.come_back("/topics/a", &retained.ids[0]).await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    let mut events = events.reconnect().await.expect("the stream goes on");
    retained.goes_on(&mut events, 3).await;
    // A client that got a gap and no event does not get it twice either.
    let mut events = retained.come_back("/topics/a", "done").await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    let mut events = events.reconnect().await.expect("the stream goes on");
    events.assert_pending().await;
    let place = retained.topic.publish("next").await.unwrap().to_string();
    assert_eq!(events.next_event().await.unwrap().id, place);
}

#[tokio::test(start_paused = true)]
async fn a_local_subscriber_gets_a_gap_as_an_event() {
    use futures_util::StreamExt;
    let retained = retained().await;
    let from = EventId::new(&*retained.ids[0]).unwrap();
    let mut stream = retained.topic.subscribe(from).await.unwrap();
    let told = gap(GapReason::Trimmed, &retained.ids[0], &retained.tail);
    let expected = touka::Event::data(told.data).event(touka::EventName::from_static("gap"));
    assert_eq!(stream.next().await, Some(expected.id(EventId::new(told.id).unwrap())));
    assert_eq!(stream.next().await.unwrap().as_data(), Some("3"));
}
