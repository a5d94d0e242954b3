//! Topics that are looked up without creating them, found by an event id, and removed, in memory and on disk.

use std::time::Duration;

use futures_util::StreamExt;
use support::{Count, Folder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::Retention;
use touka::{CloseReason, Event, EventId, EventStream, Hub, HubError, Router, Server, Topic, route, routes};

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct App {
    hub: Hub,
    closed: mpsc::UnboundedSender<CloseReason>,
}

#[route(GET, "/topics/{name}")]
async fn follow(State(app): State<App>, name: String, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.hub.topic(name)?.subscribe(from).earliest().await?;
    Ok(stream.on_close(move |reason| {
        let _ = app.closed.send(reason);
    }))
}

fn app(hub: &Hub) -> (Router<()>, mpsc::UnboundedReceiver<CloseReason>) {
    let (closed, reasons) = mpsc::unbounded_channel();
    (Router::new().mount(routes![follow]).with_state(App { hub: hub.clone(), closed }), reasons)
}

/// Runs a scene on a hub in memory and on one on disk.
async fn on_each(scene: impl AsyncFn(Hub)) {
    scene(Hub::memory()).await;
    let folder = Folder::new();
    scene(Hub::open(folder.path("hub")).expect("the file opens")).await;
}

fn topic(hub: &Hub, name: &str) -> Topic {
    hub.topic(name).expect("the name is valid")
}

async fn publish(hub: &Hub, name: &str, text: &str) -> EventId {
    topic(hub, name).publish(text).await.expect("it is published")
}

/// The data of all events of a topic.
async fn contents(hub: &Hub, name: &str) -> Vec<String> {
    publish(hub, name, "end").await;
    let stream = topic(hub, name).subscribe(None).earliest().until(|event| event.as_data() == Some("end")).await;
    let events: Vec<Event> = stream.expect("it opens").collect().await;
    events.iter().filter_map(Event::as_data).map(str::to_owned).collect()
}

#[tokio::test]
async fn get_never_creates_a_topic() {
    on_each(async |hub| {
        for name in ["a", "", &"x".repeat(1000)] {
            assert!(hub.get::<Event>(name).await.unwrap().is_none());
        }
        assert!(hub.topics().is_empty());
        publish(&hub, "a", "1").await;
        let found = hub.get::<Event>("a").await.unwrap().expect("it exists");
        assert_eq!(found.name(), "a");
        drop(hub.topic::<String>("typed").unwrap());
        assert!(hub.get::<u64>("typed").await.unwrap_err().is_type());
        assert!(hub.get::<String>("typed").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn get_finds_a_topic_that_only_the_file_has() {
    let folder = Folder::new();
    let id = publish(&Hub::open(folder.path("hub")).unwrap(), "a", "1").await;
    let hub = Hub::open(folder.path("hub")).unwrap();
    assert!(hub.topics().is_empty());
    assert_eq!(hub.topic_of(&id).await.unwrap().expect("it exists").name(), "a");
    assert!(hub.get::<Event>("b").await.unwrap().is_none());
    assert!(hub.get::<Event>("a").await.unwrap().is_some());
    assert_eq!(contents(&hub, "a").await, ["1", "end"]);
}

#[tokio::test]
async fn an_id_names_its_topic_and_no_other() {
    on_each(async |hub| {
        let mut ids = Vec::new();
        for number in 0..50 {
            ids.push((number.to_string(), publish(&hub, &number.to_string(), "x").await));
        }
        for (name, id) in &ids {
            assert_eq!(hub.topic_of(id).await.unwrap().expect("it exists").name(), name);
        }
        // The position with which a stream opens, of a topic that has no events.
        let mut stream = topic(&hub, "empty").subscribe(None).await.unwrap();
        let opening = stream.next().await.unwrap();
        assert_eq!(hub.topic_of(opening.as_id().unwrap()).await.unwrap().expect("it exists").name(), "empty");
    })
    .await;
}

#[tokio::test]
async fn foreign_ids_belong_to_no_topic() {
    on_each(async |hub| {
        let own = publish(&hub, "a", "1").await.to_string();
        let of_another_hub = publish(&Hub::memory(), "a", "1").await;
        let mut merged = hub.subscribe(["a", "b"], None).unwrap().await.unwrap();
        let of_several = merged.next().await.unwrap().as_id().unwrap().clone();
        let mut ids = vec![of_another_hub, of_several];
        for text in
            ["", "7", "1.abcdefgh.1.0bcdef", "1.zzzzzzzz.1.0bcdef", "2.AAAA", "☃", &own[1..], &own[..own.len() - 1]]
        {
            ids.extend(EventId::new(text));
        }
        for id in ids {
            assert!(hub.topic_of(&id).await.expect("no id is an error").is_none(), "{id}");
        }
        assert_eq!(hub.topics(), ["a", "b"]);
    })
    .await;
}

#[tokio::test]
async fn a_removed_topic_ends_streams_after_its_events() {
    on_each(async |hub| {
        let (router, mut reasons) = app(&hub);
        let app = TestApp::new(router);
        let first = publish(&hub, "a", "1").await;
        let mut events = app.get("/topics/a").events().await;
        publish(&hub, "a", "2").await;
        assert!(hub.remove("a").await.unwrap());
        let rest: Vec<_> = events.rest().await.into_iter().map(|event| event.data).collect();
        assert_eq!(rest, ["1", "2"]);
        assert_eq!(reasons.recv().await, Some(CloseReason::Completed));
        assert!(hub.get::<Event>("a").await.unwrap().is_none() && !hub.remove("a").await.unwrap());
        assert!(hub.topic_of(&first).await.unwrap().is_none());
        // The client comes back: the topic is created anew.
        let mut events = app.get("/topics/a").header("last-event-id", first.to_string()).events().await;
        let gap = events.next_event().await.unwrap();
        assert!(gap.name == "gap" && gap.data.contains(r#""reason":"foreign""#), "{gap:?}");
        publish(&hub, "a", "3").await;
        assert_eq!(events.next_event().await.unwrap().data, "3");
        assert_eq!(contents(&hub, "a").await, ["3", "end"]);
    })
    .await;
}

#[tokio::test]
async fn handles_of_a_removed_topic_publish_nothing() {
    on_each(async |hub| {
        let old = topic(&hub, "a");
        old.publish("1").await.unwrap();
        assert!(hub.remove("a").await.unwrap());
        let refused = old.publish("2").await.unwrap_err();
        assert!(refused.is_removed() && !refused.is_event(), "{refused:?}");
        assert!(refused.to_string().contains("\"a\" was removed"), "{refused}");
        // A stream of the handle ends at once, whatever its client has seen.
        let events: Vec<_> = old.subscribe(None).earliest().await.unwrap().collect().await;
        assert_eq!(events.iter().filter_map(Event::as_data).count(), 0);
        // The new topic may have another type.
        drop(hub.topic::<String>("a").unwrap());
        assert!(old.publish("3").await.unwrap_err().is_removed());
        assert_eq!(contents(&hub, "a").await, ["end"]);
    })
    .await;
}

/// A client has the position with which its stream opened.
#[tokio::test]
async fn a_removed_topic_without_events_has_new_ids() {
    on_each(async |hub| {
        let mut stream = topic(&hub, "a").subscribe(None).await.unwrap();
        let position = stream.next().await.unwrap().as_id().unwrap().clone();
        assert!(hub.remove("a").await.unwrap());
        publish(&hub, "a", "1").await;
        assert!(hub.topic_of(&position).await.unwrap().is_none());
        let gap = topic(&hub, "a").subscribe(position).await.unwrap().next().await.unwrap();
        assert!(gap.as_event().is_some_and(|name| name == "gap"), "{gap:?}");
    })
    .await;
}

#[tokio::test]
async fn the_file_has_no_event_of_a_removed_topic() {
    let folder = Folder::new();
    let hub = Hub::open(folder.path("hub")).unwrap();
    let (removed, kept) = (publish(&hub, "a", "1").await, publish(&hub, "b", "1").await);
    publish(&hub, "c", "1").await;
    assert!(hub.remove("a").await.unwrap());
    drop(hub);
    let hub = Hub::open(folder.path("hub")).unwrap();
    assert!(hub.get::<Event>("a").await.unwrap().is_none());
    assert!(hub.topic_of(&removed).await.unwrap().is_none());
    assert_eq!(hub.topic_of(&kept).await.unwrap().unwrap().name(), "b");
    // A topic that is not in memory is removed as well.
    drop(hub);
    let hub = Hub::open(folder.path("hub")).unwrap();
    assert!(hub.remove("c").await.unwrap() && !hub.remove("c").await.unwrap());
    // Topics that are created afterwards do not mix with those that were there.
    publish(&hub, "d", "4").await;
    publish(&hub, "a", "5").await;
    drop(hub);
    let hub = Hub::open(folder.path("hub")).unwrap();
    assert_eq!(contents(&hub, "b").await, ["1", "end"]);
    assert_eq!(contents(&hub, "d").await, ["4", "end"]);
    assert_eq!(contents(&hub, "a").await, ["5", "end"]);
    assert!(hub.get::<Event>("c").await.unwrap().is_none());
}

/// Publishers and a remover race: every topic that is left has all events that were acknowledged after its creation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_race_with_publishers() {
    on_each(async |hub| {
        let publisher = tokio::spawn({
            let hub = hub.clone();
            async move {
                let mut published = 0;
                while published < 200 {
                    let handle = topic(&hub, "a");
                    match handle.publish(published.to_string()).await {
                        Ok(_) => published += 1,
                        Err(refused) => assert!(refused.is_removed(), "{refused}"),
                    }
                }
            }
        });
        while !publisher.is_finished() {
            let (first, second) = tokio::join!(hub.remove("a"), hub.remove("a"));
            assert!(first.is_ok() && second.is_ok());
            tokio::task::yield_now().await;
        }
        publisher.await.unwrap();
        hub.remove("a").await.unwrap();
        assert_eq!(contents(&hub, "a").await, ["end"]);
    })
    .await;
}

#[tokio::test]
async fn a_parked_stream_of_a_removed_topic_ends() {
    let hub = Hub::memory();
    let (router, mut reasons) = app(&hub);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(listener, router));
    publish(&hub, "a", "before").await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /topics/a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    timeout(PATIENCE, async {
        while !handle.streams().iter().any(touka::server::OpenStream::is_parked) {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it is parked");
    assert!(hub.remove("a").await.unwrap());
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.ends_with("0\r\n\r\n") {
        let length = timeout(PATIENCE, socket.read(&mut bytes)).await.expect("it ends").expect("it ends cleanly");
        assert!(length > 0, "cut after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(text.contains("data: before") && !text.contains("retry:"), "{text}");
    assert_eq!(reasons.recv().await, Some(CloseReason::Completed));
    handle.shutdown();
    timeout(PATIENCE, serving).await.expect("it ends").unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn removing_a_topic_drops_the_body_that_feeds_it() {
    let hub = Hub::memory();
    let alive = Count::default();
    let held = alive.clone();
    let fed = topic(&hub, "a").fed_by(move |topic| async move {
        let _alive = held.hold();
        let _ = topic.publish("fed").await;
        std::future::pending::<()>().await;
    });
    let mut stream = fed.subscribe(None).await.unwrap().skip(1);
    assert_eq!(stream.next().await.unwrap().as_data(), Some("fed"));
    assert!(hub.remove("a").await.unwrap());
    assert!(stream.next().await.is_none());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(alive.get(), 0);
}

#[tokio::test]
async fn a_stream_of_several_topics_continues_after_a_removal() {
    let hub = Hub::memory();
    let mut stream = hub.subscribe(["a", "b"], None).unwrap().await.unwrap().skip(1);
    publish(&hub, "a", "1").await;
    assert_eq!(stream.next().await.unwrap().as_data(), Some("1"));
    hub.remove("a").await.unwrap();
    publish(&hub, "b", "2").await;
    assert_eq!(stream.next().await.unwrap().as_data(), Some("2"));
    hub.remove("b").await.unwrap();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn clones_of_a_hub_share_its_settings() {
    let hub = Hub::default();
    let clone = hub.clone();
    clone.set_retention(Retention::new().events(2));
    clone.set_max_topics(1);
    clone.set_expire_after(Duration::MAX);
    for text in ["1", "2", "3"] {
        publish(&hub, "a", text).await;
    }
    assert_eq!(contents(&hub, "a").await, ["3", "end"]);
    assert!(hub.topic::<Event>("b").unwrap_err().is_too_many_topics());
    let built = Hub::builder().retention(Retention::new().events(1)).max_topics(1).memory();
    publish(&built, "a", "1").await;
    assert_eq!(contents(&built, "a").await, ["end"]);
    assert!(built.topic::<Event>("b").unwrap_err().is_too_many_topics());
}

/// The handle of a removed topic is used after another topic has got its name.
#[tokio::test]
async fn a_subscriber_of_a_removed_topic_is_no_reader_of_a_new_one() {
    on_each(async |hub| {
        let old = topic(&hub, "a");
        publish(&hub, "a", "old").await;
        assert!(hub.remove("a").await.unwrap());
        let mut stream = topic(&hub, "a").subscribe(None).await.unwrap();
        let ended: Vec<Event> = old.subscribe(None).await.unwrap().collect().await;
        assert!(ended.iter().all(|event| event.as_data().is_none()), "{ended:?}");
        publish(&hub, "a", "new").await;
        let first = async {
            stream.by_ref().filter_map(async |event: Event| event.as_data().map(str::to_owned)).boxed().next().await
        };
        assert_eq!(timeout(PATIENCE, first).await.expect("an event").as_deref(), Some("new"));
    })
    .await;
}
