//! Whoever comes back and may have missed something is told so first, and of where it goes on: by a
//! `gap` event, never by an error status.

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

/// A topic of which the events 3 to 5 are kept, and the ids of all five.
struct Kept {
    app: TestApp,
    topic: Topic,
    ids: Vec<String>,
    /// Where a client is that has seen all that was trimmed, and where one is that came last.
    tail: String,
    head: String,
}

async fn kept() -> Kept {
    let hub = Hub::builder().retention(Retention::new().events(3)).memory();
    let app = TestApp::new(Router::new().mount(routes![topic, earliest, live, again]).with_state(hub.clone()));
    let topic: Topic = hub.topic("a").expect("it can be a topic");
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(topic.publish(number.to_string()).await.expect("it is published").to_string());
    }
    let (tail, head) = (ids[1].clone(), ids[4].clone());
    Kept { app, topic, ids, tail, head }
}

impl Kept {
    async fn come_back(&self, path: &str, id: &str) -> Events {
        self.app.get(path).header("last-event-id", id).events().await
    }

    /// Asserts that what is kept comes, from this number on, and then what is published now.
    async fn goes_on(&self, events: &mut Events, from: u32) {
        for number in from..=5 {
            assert_eq!(events.next_event().await.expect("an event").data, number.to_string());
        }
        events.assert_pending().await;
        let id = self.topic.publish("next").await.expect("it is published").to_string();
        assert_eq!(events.next_event().await, Some(Received { name: "message".into(), data: "next".into(), id }));
    }
}

fn gap(reason: GapReason, from: &str, resumed_at: &str) -> Received {
    let (from, reason) = (serde_json::Value::from(from), reason.as_str());
    let data = format!(r#"{{"reason":"{reason}","from":{from},"resumed_at":"{resumed_at}"}}"#);
    Received { name: "gap".into(), data, id: resumed_at.into() }
}

/// The same id with one of its four parts changed.
fn changed(id: &str, part: usize, to: &str) -> String {
    let mut parts: Vec<_> = id.split('.').collect();
    parts[part] = to;
    parts.join(".")
}

/// Another number or another text, of the same form.
fn other(id: &str, part: usize) -> String {
    let old = id.split('.').nth(part).expect("an id of four parts");
    let digit = if old.starts_with('0') { "1" } else { "0" };
    changed(id, part, &format!("{digit}{}", &old[1..]))
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_none_of_a_topics_is_malformed() {
    let id = kept().await.ids[3].clone();
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
        let kept = kept().await;
        let mut events = kept.come_back("/topics/a", &malformed).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Malformed, &malformed, &kept.head)), "{malformed}");
        kept.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_log_is_foreign() {
    // Of another topic, of another hub's topic of this name, and one that is like ours but for a digit.
    let kept = kept().await;
    let anothers = Hub::memory().topic::<touka::Event>("a").unwrap().publish("1").await.unwrap().to_string();
    for foreign in [anothers, other(&kept.ids[4], 1)] {
        let kept = self::kept().await;
        let mut events = kept.come_back("/topics/a", &foreign).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Foreign, &foreign, &kept.tail)));
        kept.goes_on(&mut events, 3).await;
    }
    let mut events = kept.come_back("/topics/b", &kept.ids[4]).await;
    let told = events.next_event().await.unwrap();
    assert_eq!((told.name.as_str(), told.json::<serde_json::Value>()["reason"].as_str()), ("gap", Some("foreign")));
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn an_id_behind_the_end_is_of_a_log_that_has_lost_it() {
    for offset in ["6", "18446744073709551615"] {
        let kept = kept().await;
        let future = changed(&kept.head, 2, offset);
        let mut events = kept.come_back("/topics/a", &future).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Future, &future, &kept.head)));
        kept.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_before_what_is_kept_is_trimmed_and_the_one_right_before_is_not() {
    let begin = kept().await;
    let zero = changed(&changed(&begin.ids[0], 2, "0"), 3, "000000");
    drop(begin);
    for number in [0, 1] {
        let kept = kept().await;
        let epoch = kept.head.split('.').nth(1).unwrap();
        let id = if number == 0 { changed(&zero, 1, epoch) } else { kept.ids[0].clone() };
        let mut events = kept.come_back("/topics/a", &id).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Trimmed, &id, &kept.tail)));
        kept.goes_on(&mut events, 3).await;
    }
    for number in 2..=5 {
        let kept = kept().await;
        let mut events = kept.come_back("/topics/a", &kept.ids[number - 1]).await;
        kept.goes_on(&mut events, u32::try_from(number).unwrap() + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_whose_place_another_event_has_is_forked() {
    // At the end, in the middle, and where only the tag of what was trimmed last tells.
    for number in [5, 4, 2] {
        let kept = kept().await;
        let forked = other(&kept.ids[number - 1], 3);
        let mut events = kept.come_back("/topics/a", &forked).await;
        assert_eq!(events.next_event().await, Some(gap(GapReason::Forked, &forked, &kept.head)), "{number}");
        kept.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_can_say_where_it_goes_on() {
    use GapReason::{Foreign, Forked, Future, Malformed, Trimmed};
    for reason in [Malformed, Foreign, Future, Trimmed, Forked] {
        for (path, from) in [("/live/a", 6), ("/again/a", 3)] {
            let kept = kept().await;
            let id = match reason {
                Malformed => "done".to_owned(),
                Foreign => other(&kept.head, 1),
                Future => changed(&kept.head, 2, "6"),
                Trimmed => kept.ids[0].clone(),
                _ => other(&kept.head, 3),
            };
            let mut events = kept.come_back(path, &id).await;
            let place = if from == 6 { &kept.head } else { &kept.tail };
            assert_eq!(events.next_event().await, Some(gap(reason, &id, place)), "{path}");
            kept.goes_on(&mut events, from).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_without_an_id_begins_where_the_route_says_and_has_no_gap() {
    for (path, from) in [("/topics/a", 6), ("/earliest/a", 3), ("/live/a", 3), ("/again/a", 6)] {
        let kept = kept().await;
        let mut events = kept.app.get(path).events().await;
        kept.goes_on(&mut events, from).await;
        let place = if from == 6 { &kept.head } else { &kept.tail };
        assert!(events.bytes().starts_with(format!("id: {place}\n\nid: ").as_bytes()), "{path}");
    }
    // What cannot be an id at all is none: an old proxy's header turns nobody away.
    for no_id in [&b"\xff\xfe"[..], &[b'x'; 257]] {
        let kept = kept().await;
        let id = http::HeaderValue::from_bytes(no_id).unwrap();
        let mut events = kept.app.get("/topics/a").header("last-event-id", id).events().await;
        kept.goes_on(&mut events, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_at_a_gap_is_not_told_twice() {
    let kept = kept().await;
    let mut events = kept.come_back("/topics/a", &kept.ids[0]).await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    let mut events = events.reconnect().await.expect("it goes on");
    kept.goes_on(&mut events, 3).await;
    // Nor is who was told of it and had nothing to get.
    let mut events = kept.come_back("/topics/a", "done").await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    let mut events = events.reconnect().await.expect("it goes on");
    events.assert_pending().await;
    let place = kept.topic.publish("next").await.unwrap().to_string();
    assert_eq!(events.next_event().await.unwrap().id, place);
}

#[tokio::test(start_paused = true)]
async fn in_this_process_a_gap_is_an_event_of_the_stream() {
    use futures_util::StreamExt;
    let kept = kept().await;
    let from = EventId::new(&*kept.ids[0]).unwrap();
    let mut stream = kept.topic.subscribe(from).await.unwrap();
    let told = gap(GapReason::Trimmed, &kept.ids[0], &kept.tail);
    let expected = touka::Event::data(told.data).event(touka::EventName::from_static("gap"));
    assert_eq!(stream.next().await, Some(expected.id(EventId::new(told.id).unwrap())));
    assert_eq!(stream.next().await.unwrap().as_data(), Some("3"));
}
