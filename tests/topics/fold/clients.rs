//! Which clients get folded events, and what ends a run of them.

use futures_util::StreamExt;
use support::Folder;
use touka::testing::TestApp;
use touka::topic::{Cache, Disk, Durability, Retention};
use touka::{CloseReason, Event, Hub};

use super::{Turn, delta, next, note, publish, router, topic};

fn deltas(texts: &str) -> Vec<Turn> {
    texts.chars().map(delta).collect()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_behind_gets_one_event_with_the_newest_id() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let ids = publish(&topic(&hub), deltas("abcdef")).await;
    // It is five events behind after its first one.
    let mut events = app.get("/after/4").header("last-event-id", &ids[0]).events().await;
    let event = events.next_event().await.unwrap();
    assert_eq!((event.data.as_str(), &event.id), (r#"{"text":"bcdef"}"#, &ids[5]));
    events.assert_pending().await;
    // From then on, single events.
    for text in ["g", "h"] {
        publish(&topic(&hub), [delta(text)]).await;
        assert_eq!(next(&mut events, 1).await, [format!("delta {text}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_far_behind_gets_single_events() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let ids = publish(&topic(&hub), deltas("abcdef")).await;
    let mut events = app.get("/after/5").header("last-event-id", &ids[0]).events().await;
    assert_eq!(next(&mut events, 5).await, ["delta b", "delta c", "delta d", "delta e", "delta f"]);
    events.assert_pending().await;
    // With 0, all that is ready is folded.
    let mut events = app.get("/after/0").header("last-event-id", &ids[3]).events().await;
    assert_eq!(next(&mut events, 1).await, ["delta ef"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_behind_later_gets_folded_events() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let topic = topic(&hub);
    let mut events = app.get("/after/3").events().await;
    publish(&topic, deltas("a")).await;
    assert_eq!(next(&mut events, 1).await, ["delta a"]);
    events.stall();
    // Larger than what is buffered for a client that reads nothing.
    for number in 0..20 {
        publish(&topic, [delta(format!("{number} {}", "x".repeat(20_000)))]).await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    events.resume();
    let (mut whole, mut sizes) = (String::new(), Vec::new());
    while !whole.contains("19 x") || whole.len() < 400_000 {
        let event = events.next_event().await.unwrap();
        let text = super::shown(&event);
        let text = text.strip_prefix("delta ").unwrap();
        assert!(event.data.len() <= 64 * 1024);
        sizes.push(text.len() / 20_000);
        whole += text;
    }
    let expected: Vec<_> = (0..20).map(|number| format!("{number} {}", "x".repeat(20_000))).collect();
    assert_eq!(whole, expected.concat());
    assert!(
        sizes.starts_with(&[1]) && sizes.contains(&3),
        "single ones were buffered, then three fit into one: {sizes:?}"
    );
    events.assert_pending().await;
    publish(&topic, deltas("yz")).await;
    assert_eq!(next(&mut events, 2).await, ["delta y", "delta z"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_fold_keeps_its_place() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let topic = topic(&hub);
    let usage = |input| Turn::Usage { input, output: 1 };
    publish(&topic, deltas("abc")).await;
    publish(&topic, [note("x"), note("y"), delta("d"), usage(1), usage(2), usage(4)]).await;
    publish(&topic, [Turn::Line("one\n".into()), Turn::Line("two".into()), delta("e")]).await;
    // Another writer's event, which cannot be read as a delta, is sent as it is.
    let raw: touka::Topic = hub.topic("a").unwrap();
    raw.publish(Event::data("{ }").event("delta").comment("raw")).await.unwrap();
    publish(&topic, deltas("fg")).await;
    let mut events = app.get("/after/2").events().await;
    let expected = [
        "delta abc",
        "note \"x\"",
        "note \"y\"",
        "delta d",
        "usage {\"input\":7,\"output\":3}",
        "line one\ntwo",
        "delta e",
    ];
    assert_eq!(next(&mut events, 7).await, expected);
    assert_eq!(events.next_event().await.unwrap().data, "{ }");
    assert_eq!(events.next_comment().await, "raw");
    assert_eq!(next(&mut events, 1).await, ["delta fg"]);
    events.assert_pending().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_ends_a_run() {
    let hub = Hub::builder().retention(Retention::new().events(3)).memory();
    let app = TestApp::new(router(&hub));
    let topic = topic(&hub);
    let ids = publish(&topic, deltas("abcdef")).await;
    let mut events = app.get("/skip/1").header("last-event-id", &ids[0]).events().await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    assert_eq!(next(&mut events, 1).await, ["delta def"]);
    events.stall();
    for text in 0..40 {
        publish(&topic, [delta(format!("{text} {}", "x".repeat(20_000)))]).await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    events.resume();
    // What was sent before, the gap, and what follows it.
    let gap = loop {
        let event = events.next_event().await.unwrap();
        if event.name == "gap" {
            break event;
        }
    };
    assert_eq!(gap.json::<serde_json::Value>()["reason"], "lagged");
    events.assert_pending().await;
    publish(&topic, deltas("yz")).await;
    assert_eq!(next(&mut events, 1).await, ["delta yz"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_event_that_is_chosen() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let texts = ["a", "b", "stop", "c", "d"];
    let ids = publish(&topic(&hub), texts.map(delta)).await;
    for (path, expected) in [("/until/1", vec!["delta abstop"]), ("/until/9", vec!["delta a", "delta b", "delta stop"])]
    {
        let mut events = app.get(path).events().await;
        assert_eq!(events.rest().await.iter().map(super::shown).collect::<Vec<_>>(), expected);
        assert_eq!(events.last_event_id(), ids[2]);
        let mut events = events.reconnect().await.unwrap();
        let expected = if path == "/until/1" { vec!["delta cd"] } else { vec!["delta c", "delta d"] };
        assert_eq!(next(&mut events, expected.len()).await, expected);
        events.assert_pending().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_folded_and_what_follows_it_is() {
    let hub = Hub::builder().retention(Retention::new().events(3)).memory();
    let app = TestApp::new(router(&hub));
    let topic = topic(&hub);
    let ids = publish(&topic, deltas("abcdef")).await;
    let mut events = app.get("/snapshot/1").header("last-event-id", &ids[0]).events().await;
    assert_eq!(events.next_event().await.unwrap().name, "gap");
    assert_eq!(next(&mut events, 3).await, ["delta one", "delta two", "delta three"]);
    assert_eq!(events.last_event_id(), ids[5]);
    publish(&topic, deltas("ghi")).await;
    assert_eq!(next(&mut events, 1).await, ["delta ghi"]);
    // The test of `until` sees the events of a snapshot, and each event that is folded.
    for (word, expected) in [("two", vec!["delta one", "delta two", "delta three"]), ("j", vec!["delta j"])] {
        let path = format!("/snapshot/1?until={word}");
        let from = if word == "two" { &ids[0] } else { &events.last_event_id() };
        publish(&topic, if word == "two" { vec![] } else { deltas("jkl") }).await;
        let mut events = app.get(&path).header("last-event-id", from).events().await;
        let rest = events.rest().await;
        let shown: Vec<_> = rest.iter().filter(|event| event.name != "gap").map(super::shown).collect();
        assert_eq!(shown, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fold_that_panics_ends_its_own_stream_only() {
    let hub = Hub::memory();
    let app = TestApp::new(router(&hub));
    let topic = topic(&hub);
    publish(&topic, deltas("ab")).await;
    publish(&topic, [Turn::Bad(1), Turn::Bad(2), Turn::Bad(3)]).await;
    let mut other = app.get("/after/100").events().await;
    let mut events = app.get("/after/1").events().await;
    // The events are sent first, so the client gets on: it does not ask for the same ones again.
    let seen: Vec<_> = events.rest().await.iter().map(super::shown).collect();
    assert_eq!(seen[..3], ["delta ab", "bad 1", "bad 2"]);
    assert!(seen[3].starts_with("error "), "{seen:?}");
    let mut events = events.reconnect().await.unwrap();
    assert_eq!(next(&mut events, 1).await, ["bad 3"]);
    events.assert_pending().await;
    assert_eq!(next(&mut other, 5).await, ["delta a", "delta b", "bad 1", "bad 2", "bad 3"]);
    let reasons = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = std::sync::Arc::clone(&reasons);
    publish(&topic, [Turn::Bad(1), Turn::Bad(2)]).await;
    let stream = topic.subscribe(None).earliest().fold_after(0).await.unwrap();
    let stream = stream.on_close(move |reason| told.lock().unwrap().push(reason));
    stream.collect::<Vec<_>>().await;
    assert_eq!(*reasons.lock().unwrap(), [CloseReason::Panicked]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_in_the_process_gets_folded_values() {
    let hub = Hub::memory();
    let topic = topic(&hub);
    publish(&topic, deltas("abc")).await;
    let mut values = topic.subscribe(None).earliest().fold_after(1).await.unwrap();
    assert_eq!(values.next().await, Some(delta("abc")));
}

/// The topic of a handler without a type has no fold.
#[tokio::test(start_paused = true)]
async fn without_a_fold_of_the_type_nothing_changes() {
    let hub = Hub::memory();
    publish(&topic(&hub), deltas("abc")).await;
    let untyped: touka::Topic = hub.topic("a").unwrap();
    let stream = untyped.subscribe(None).earliest().fold_after(0).await.unwrap();
    let several = hub.subscribe(["a", "b"], None).unwrap().earliest().fold_after(0).await.unwrap();
    for stream in [stream, several] {
        let events = stream.filter_map(async |event| event.as_data().map(str::to_owned));
        let data: Vec<_> = events.take(3).collect().await;
        assert_eq!(data, ["a", "b", "c"].map(|text| format!("{{\"text\":\"{text}\"}}")));
    }
}

/// Most events are only in the file, and come in pages.
#[tokio::test]
async fn events_that_only_the_file_has_fold_as_well() {
    let folder = Folder::new();
    let disk = Disk::new(folder.path("hub")).durability(Durability::Eventual);
    let hub = Hub::builder().cache(Cache::new().events(5)).open(disk).unwrap();
    let topic = topic(&hub);
    let texts: Vec<_> = (0..5000).map(|number| format!("{number} ")).collect();
    let publishes = texts.iter().map(|text| topic.publish(delta(text)));
    let ids = futures_util::future::try_join_all(publishes).await.unwrap();
    let app = TestApp::new(router(&hub));
    let mut events = app.get("/after/10").events().await;
    let (mut whole, mut count) = (String::new(), 0);
    while whole.len() < texts.concat().len() {
        whole += next(&mut events, 1).await[0].strip_prefix("delta ").unwrap();
        count += 1;
    }
    assert_eq!(whole, texts.concat());
    assert_eq!(events.last_event_id(), ids[4999].to_string());
    // Some hundred events each, as many as a page or a folded event has.
    assert!(count < 50, "{count} events");
}
