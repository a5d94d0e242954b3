//! Several topics on one stream, with one id for the positions in all of them.

use std::time::Duration;

use serde_json::Value;
use touka::extract::{LastEventId, State};
use touka::testing::{Events, Received, TestApp};
use touka::topic::{HubError, OnGap, OnLag, Retention};
use touka::{Event, EventStream, Hub, Router, Topic, route, routes};

/// Follows the topics whose names are in the path, separated by commas.
#[route(GET, "/all/{names}")]
async fn all(State(hub): State<Hub>, names: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(names.split(','), from)?.await
}

#[route(GET, "/earliest/{names}")]
async fn earliest(State(hub): State<Hub>, names: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(names.split(','), from)?.earliest().on_gap(OnGap::Earliest).await
}

#[route(GET, "/skip/{names}")]
async fn skip(State(hub): State<Hub>, names: String, from: LastEventId) -> Result<EventStream, HubError> {
    hub.subscribe(names.split(','), from)?.on_lag(OnLag::Skip).await
}

fn app(hub: &Hub) -> TestApp {
    TestApp::new(Router::new().mount(routes![all, earliest, skip]).with_state(hub.clone()))
}

fn topics<const N: usize>(hub: &Hub, names: [&str; N]) -> [Topic; N] {
    names.map(|name| hub.topic(name).expect("a valid topic name"))
}

/// The data of all received events.
async fn received(events: &mut Events) -> Vec<String> {
    let mut received = Vec::new();
    while !events.is_pending().await {
        received.push(events.next_event().await.expect("an event").data);
    }
    received
}

/// The received events of one topic: those that begin with its name.
fn of<'a>(received: &'a [String], topic: &str) -> Vec<&'a str> {
    received.iter().filter_map(|data| data.strip_prefix(topic)).collect()
}

async fn publish(topic: &Topic, text: &str) -> String {
    topic.publish(text.to_owned()).await.expect("published").to_string()
}

#[tokio::test(start_paused = true)]
async fn ten_topics_on_one_stream_each_in_its_order() {
    let hub = Hub::memory();
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let topics = topics(&hub, names);
    let mut events = app(&hub).get(&format!("/all/{}", names.join(","))).events().await;
    events.assert_pending().await;
    assert!(events.last_event_id().starts_with("2."), "one id for all: {}", events.last_event_id());
    for round in 0..30 {
        for (name, topic) in names.iter().zip(&topics).skip(round % 3) {
            publish(topic, &format!("{name}:{round}")).await;
        }
    }
    let received = received(&mut events).await;
    for (index, name) in names.iter().enumerate() {
        let rounds = (0..30).filter(|round| round % 3 <= index).map(|round| round.to_string());
        assert_eq!(of(&received, &format!("{name}:")), rounds.collect::<Vec<_>>());
        assert_eq!(topics[index].subscribers(), 1);
    }
    let id = events.last_event_id();
    assert!(id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)), "{id}");
}

#[tokio::test(start_paused = true)]
async fn a_merged_stream_changes_only_the_ids() {
    let hub = Hub::memory();
    let [a, _] = topics(&hub, ["a", "b"]);
    let mut events = app(&hub).get("/all/a,b").events().await;
    events.assert_pending().await;
    let opening = events.last_event_id();
    let whole = Event::data("two\nlines").event("note").id("own").retry(Duration::from_secs(2)).comment("why");
    a.publish(whole).await.unwrap();
    events.next_event().await.expect("an event");
    let id = events.last_event_id();
    let expected = format!("id: {opening}\n\n: why\nretry: 2000\nid: {id}\nevent: note\ndata: two\ndata: lines\n\n");
    assert_eq!(String::from_utf8_lossy(&events.bytes()), expected);
}

#[tokio::test(start_paused = true)]
async fn an_id_resumes_exactly_in_every_topic() {
    let hub = Hub::memory();
    let app = app(&hub);
    let [a, b, _] = topics(&hub, ["a", "b", "c"]);
    let mut events = app.get("/all/a,b,c").events().await;
    events.assert_pending().await;
    let mut seen = Vec::new();
    for round in 0..20 {
        for (name, topic, count) in [("a", &a, round % 3), ("b", &b, round % 2)] {
            for number in 0..count {
                publish(topic, &format!("{name}{round}.{number}")).await;
            }
        }
        // Cut off after no event, one, or several, and resumed for the rest.
        for _ in 0..round % 4 {
            if events.is_pending().await {
                break;
            }
            seen.push(events.next_event().await.expect("an event").data);
        }
        events = events.reconnect().await.expect("the stream goes on");
    }
    seen.extend(received(&mut events).await);
    for (name, modulo) in [("a", 3), ("b", 2)] {
        let all = (0..20).flat_map(|round| (0..round % modulo).map(move |number| format!("{round}.{number}")));
        assert_eq!(of(&seen, name), all.collect::<Vec<_>>());
    }
}

fn gap(event: Option<Received>) -> (String, Value, String) {
    let event = event.expect("a gap");
    let data: Value = event.json();
    assert_eq!((event.name.as_str(), data["resumed_at"].as_str()), ("gap", Some(&*event.id)));
    (data["reason"].as_str().unwrap_or_default().to_owned(), data["topic"].clone(), event.id)
}

#[tokio::test(start_paused = true)]
async fn a_gap_names_its_topic_and_the_others_have_none() {
    let hub = Hub::builder().retention(Retention::new().events(2)).memory();
    let app = app(&hub);
    let [quote, b] = topics(&hub, ["a \"quoted\" one", "b"]);
    let path = "/all/a%20%22quoted%22%20one,b";
    let mut events = app.get(path).events().await;
    events.assert_pending().await;
    publish(&b, "b1").await;
    for number in 1..=5 {
        publish(&quote, &format!("a{number}")).await;
    }
    let from = events.last_event_id();
    let mut events = events.reconnect().await.expect("the stream goes on");
    // The position in `b` within this id is still valid.
    let first = events.next_event().await;
    assert_eq!(first.as_ref().unwrap().json::<Value>()["from"], from);
    let (reason, topic, _) = gap(first);
    assert_eq!((reason.as_str(), topic.as_str()), ("trimmed", Some("a \"quoted\" one")));
    let seen = received(&mut events).await;
    assert_eq!((of(&seen, "a"), of(&seen, "b")), (vec!["4", "5"], vec!["1"]));
}

/// Each topic has a gap of its own, and a client cut off between two gaps gets the second one.
#[tokio::test(start_paused = true)]
async fn each_topic_has_a_gap_of_its_own() {
    let hub = Hub::builder().retention(Retention::new().events(2)).memory();
    let app = app(&hub);
    let [a, b, c] = topics(&hub, ["a", "b", "c"]);
    let begin = || async {
        let mut events = app.get("/all/a,b,c").events().await;
        events.assert_pending().await;
        for number in 1..=5 {
            publish(&a, &format!("a{number}")).await;
            publish(&c, &format!("c{number}")).await;
        }
        publish(&b, "b").await;
        events.reconnect().await.expect("the stream goes on")
    };
    let mut events = begin().await;
    let (_, first, _) = gap(events.next_event().await);
    let (_, second, _) = gap(events.next_event().await);
    assert_eq!((&first, &second), (&"a".into(), &"c".into()));
    let seen = received(&mut events).await;
    assert_eq!((of(&seen, "a"), of(&seen, "b"), of(&seen, "c")), (vec!["4", "5"], vec![""], vec!["4", "5"]));

    // Cut off after the first gap, the client resumes with an id that has no position for `c`.
    let mut events = begin().await;
    assert_eq!(gap(events.next_event().await).1, "a");
    let mut events = events.reconnect().await.expect("the stream goes on");
    assert_eq!(gap(events.next_event().await).1, "c");
    let mut events = events.reconnect().await.expect("the stream goes on");
    let seen = received(&mut events).await;
    assert_eq!((of(&seen, "a"), of(&seen, "b"), of(&seen, "c")), (vec!["4", "5"], vec![""], vec!["4", "5"]));
}

#[tokio::test(start_paused = true)]
async fn only_a_topic_that_was_started_anew_is_foreign() {
    let hub = Hub::memory();
    let app = app(&hub);
    let [_, b] = topics(&hub, ["a", "b"]);
    let mut events = app.get("/all/a,b").events().await;
    events.assert_pending().await;
    let id = events.last_event_id();
    drop(events);
    app.assert_nothing_left().await;
    // `a` expires: no handle of it is left. `b` has one.
    tokio::time::advance(Duration::from_mins(11)).await;
    topics(&hub, ["another"]);
    assert_eq!(hub.topics(), ["another", "b"]);
    publish(&topics(&hub, ["a"])[0], "a").await;
    publish(&b, "b").await;
    let mut events = app.get("/all/a,b").header("last-event-id", &id).events().await;
    let (reason, topic, _) = gap(events.next_event().await);
    assert_eq!((reason.as_str(), topic.as_str()), ("foreign", Some("a")));
    assert_eq!(received(&mut events).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_id_of_other_topics_is_malformed() {
    let hub = Hub::memory();
    let app = app(&hub);
    let [a, b, _] = topics(&hub, ["a", "b", "c"]);
    publish(&a, "a").await;
    publish(&b, "b").await;
    let mut events = app.get("/earliest/a,b").events().await;
    assert_eq!(received(&mut events).await, ["a", "b"]);
    let id = events.last_event_id();
    let single = app.get("/earliest/a").events().await;
    let single = { single }.next_event().await.unwrap().id;
    for (path, id) in [
        ("b,a", &*id),
        ("a,b,c", &id),
        ("a,c", &id),
        ("a", &id),
        ("a,b", &single),
        ("a,b", "2."),
        ("a,b", &id[..id.len() - 1]),
        ("a,b", &format!("{id}A")),
        ("a,b", "7"),
    ] {
        for (prefix, again) in [("/all/", 0), ("/earliest/", 1)] {
            let mut events = app.get(&format!("{prefix}{path}")).header("last-event-id", id).events().await;
            let (reason, topic, _) = gap(events.next_event().await);
            assert_eq!((reason.as_str(), topic), ("malformed", Value::Null), "{path} {id}");
            let expected = path.split(',').filter(|name| *name != "c").count();
            assert_eq!(received(&mut events).await.len(), expected * again, "{path} {id}");
        }
    }
    // Naming a topic twice is another spelling of the same list.
    let mut events = app.get("/all/a,b,a").header("last-event-id", &id).events().await;
    events.assert_pending().await;
    assert_eq!(events.bytes(), format!("id: {id}\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_topic_starves_no_other() {
    let hub = Hub::builder().retention(Retention::new().events(100_000).bytes(64 << 20)).memory();
    let [busy, quiet] = topics(&hub, ["busy", "quiet"]);
    for number in 0..2000 {
        publish(&busy, &format!("{number} {}", "x".repeat(1000))).await;
    }
    publish(&quiet, "quiet").await;
    let mut events = app(&hub).get("/earliest/busy,quiet").events().await;
    let mut before = 0;
    while events.next_event().await.expect("an event").data != "quiet" {
        before += 1;
    }
    // One frame of the busy topic, not two megabytes.
    assert!(before < 30, "{before} events before the other's turn");
}

#[tokio::test(start_paused = true)]
async fn one_topic_can_lag_alone() {
    let hub = Hub::builder().retention(Retention::new().events(3)).memory();
    let [busy, quiet] = topics(&hub, ["busy", "quiet"]);
    let app = app(&hub);
    for (path, goes_on) in [("/skip/busy,quiet", true), ("/all/busy,quiet", false)] {
        let mut events = app.get(path).events().await;
        events.assert_pending().await;
        for number in 0..20 {
            publish(&busy, &format!("busy{number}")).await;
        }
        publish(&quiet, "quiet").await;
        if goes_on {
            let (reason, topic, _) = gap(events.next_event().await);
            assert_eq!((reason.as_str(), topic.as_str()), ("lagged", Some("busy")));
            assert_eq!(received(&mut events).await, ["quiet"]);
            publish(&busy, "next").await;
            assert_eq!(events.next_event().await.unwrap().data, "next");
        } else {
            assert_eq!(events.rest().await, []);
            let mut events = events.reconnect().await.expect("the stream goes on");
            assert_eq!(gap(events.next_event().await).1, "busy");
            let seen = received(&mut events).await;
            assert_eq!((of(&seen, "busy"), of(&seen, "quiet")), (vec!["17", "18", "19"], vec![""]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_all_its_topics_have_ended() {
    let hub = Hub::memory();
    let [a, b] = topics(&hub, ["a", "b"]);
    // A body that publishes once a second and ends after three.
    let feed = |topic: &Topic| {
        topic.fed_by(|topic| async move {
            for number in 0..3 {
                let _ = topic.publish(format!("fed{number}")).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    };
    let mut events = app(&hub).get("/all/a,b").events().await;
    let first = feed(&a).subscribe(None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(received(&mut events).await, ["fed0", "fed1", "fed2"]);
    // The other topic has more, and so has this one when it begins again.
    publish(&b, "b").await;
    let second = feed(&a).subscribe(None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(received(&mut events).await, ["b", "fed0"]);
    let third = feed(&b).subscribe(None).await.unwrap();
    let rest: Vec<_> = events.rest().await.into_iter().map(|event| event.data).collect();
    assert_eq!(rest.len(), 5, "{rest:?}");
    drop((first, second, third));
}

#[tokio::test(start_paused = true)]
async fn a_stream_follows_between_one_and_ten_topics() {
    let hub = Hub::memory();
    let eleven: Vec<_> = (0..11).map(|number| number.to_string()).collect();
    for names in [&eleven[..], &[]] {
        let error = hub.subscribe(names, None).unwrap_err();
        assert!(error.is_name() && error.to_string().contains("between 1 and 10"), "{error:?}");
    }
    drop(hub.subscribe(&eleven[..10], None).expect("ten topics are allowed"));
    let twice = eleven[..10].iter().chain(&eleven[..10]);
    drop(hub.subscribe(twice, None).expect("ten topics are allowed, however often each is named"));
    assert!(hub.subscribe(["a", ""], None).unwrap_err().is_name());
    let response = app(&hub).get(&format!("/all/{}", eleven.join(","))).send().await;
    assert_eq!(response.status(), 400);
}
