//! Parked connections: a subscription that is served without a task looks the same from outside as
//! one that is served as a body. Each promise is shown for both.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use support::{Client, Count, Running, until, within};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::{LastEventId, State};
use touka::server::{Handle, Park};
use touka::topic::{HubError, OnLag, Retention};
use touka::{CloseReason, Event, EventStream, Hub, Router, Server, Topic, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);

/// Long enough that a slow machine does not cut a client that reads, short enough to wait for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct App {
    hub: Hub,
    held: Count,
    ends: UnboundedSender<CloseReason>,
    stop: Arc<Notify>,
}

impl axum_core::extract::FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

impl App {
    fn told(&self, stream: EventStream) -> EventStream {
        let (ends, held) = (self.ends.clone(), self.held.hold());
        stream.on_close(move |reason| {
            drop(held);
            let _ = ends.send(reason);
        })
    }

    async fn follow(&self, from: LastEventId) -> Result<EventStream, HubError> {
        Ok(self.told(self.hub.topic("a")?.subscribe(from).await?))
    }
}

#[route(GET, "/a")]
async fn a(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.follow(from).await
}

#[route(GET, "/spoken")]
async fn spoken(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.follow(from).await?.retry(Duration::from_secs(3)).keep_alive(Duration::from_millis(100)))
}

#[route(GET, "/short")]
async fn short(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.follow(from).await?.max_lifetime(Duration::from_millis(50)))
}

#[route(GET, "/skips")]
async fn skips(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(app.told(app.hub.topic("a")?.subscribe(from).on_lag(OnLag::Skip).await?))
}

/// A body that fails when the test says so.
#[route(GET, "/fed")]
async fn fed(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stop = app.stop.clone();
    let fed = app.hub.topic("a")?.fed_by(|_| async move {
        stop.notified().await;
        Err(http::StatusCode::BAD_GATEWAY)
    });
    Ok(app.told(fed.subscribe(from).await?))
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "plain"
}

struct Scene {
    server: Running,
    handle: Handle,
    topic: Topic,
    held: Count,
    ends: UnboundedReceiver<CloseReason>,
    stop: Arc<Notify>,
    park: Park,
}

impl Scene {
    async fn with(park: Park, retention: Retention, set: impl FnOnce(Server) -> Server) -> Self {
        let (ends_tell, ends) = unbounded_channel();
        let hub = Hub::memory().retention(retention);
        let held = Count::default();
        let stop = Arc::new(Notify::new());
        let app = App { hub: hub.clone(), held: held.clone(), ends: ends_tell, stop: Arc::clone(&stop) };
        let router = Router::new().mount(routes![a, spoken, short, skips, fed, plain]).with_state(app);
        let server = set(Server::new().park(park).write_timeout(WRITE_TIMEOUT));
        let handle = server.handle();
        let server = Running::serve_with(server, router).await;
        Self { server, handle, topic: hub.topic("a").expect("a topic"), held, ends, stop, park }
    }

    async fn new(park: Park) -> Self {
        Self::with(park, Retention::new(), |server| server).await
    }

    /// A client whose stream is open, in the form that is looked at.
    async fn client(&self, path: &str) -> Client {
        let client = Client::stream(self.server.address, path).await;
        self.is_in_form();
        client
    }

    fn is_in_form(&self) {
        let streams = self.handle.streams();
        let newest = streams.last().expect("a stream");
        assert_eq!(newest.is_parked(), self.park != Park::Never, "{newest:?}");
    }

    async fn ended(&mut self) -> CloseReason {
        within(PATIENCE, "the end", self.ends.recv()).await.expect("an end")
    }

    async fn publish(&self, event: impl Into<Event>) -> String {
        self.topic.publish(event).await.expect("publish").to_string()
    }
}

const FORMS: [Park; 2] = [Park::Auto, Park::Never];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_are_the_same() {
    let mut heads = Vec::new();
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut client = Client::get(scene.server.address, "/spoken").await;
        let head = client.head().await;
        assert!(head.header("date").is_some());
        heads.push(
            head.lines().filter(|(name, _)| *name != "date").map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>(),
        );
        let opening = client.chunk().await.unwrap().unwrap();
        scene.is_in_form();
        let opening = String::from_utf8(opening).unwrap();
        let (retry, id) = opening.split_once("\n\n").unwrap();
        assert!(retry.starts_with("retry: "), "{opening:?}");
        assert!(id.starts_with("id: 1.") && id.ends_with(".0.000000\n\n"), "{opening:?}");
        let id = scene.publish(Event::data("two\nlines").event("note").id(7)).await;
        // A chunk, whatever comes in between to keep it alive.
        let mut chunk = client.chunk().await.unwrap().unwrap();
        while chunk == b":\n\n" {
            chunk = client.chunk().await.unwrap().unwrap();
        }
        assert_eq!(String::from_utf8(chunk).unwrap(), format!("id: {id}\nevent: note\ndata: two\ndata: lines\n\n"));
        assert_eq!(client.chunk().await.unwrap().unwrap(), b":\n\n");
    }
    assert_eq!(heads[0], heads[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_everything_and_who_comes_back_misses_nothing() {
    for park in FORMS {
        let scene = Scene::new(park).await;
        let mut clients = Vec::new();
        for _ in 0..300 {
            clients.push(scene.client("/a").await);
        }
        let mut ids = Vec::new();
        for number in 0..200 {
            ids.push(scene.publish(number.to_string()).await);
        }
        for client in &mut clients {
            for (number, id) in ids.iter().enumerate() {
                let event = client.next().await.unwrap().unwrap();
                assert_eq!((event.data, event.id), (number.to_string(), id.clone()));
            }
        }
        let mut back = Client::connect(scene.server.address).await;
        back.send(format!("GET /a HTTP/1.1\r\nhost: test\r\nlast-event-id: {}\r\n\r\n", ids[49])).await;
        assert_eq!(back.head().await.status(), 200);
        for number in 50..200 {
            assert_eq!(back.data().await, number.to_string());
        }
        scene.publish("live").await;
        assert_eq!(back.data().await, "live");
        let streams = scene.handle.streams();
        assert_eq!(streams.len(), 301);
        assert_eq!(streams[300].events(), Some(151));
        assert_eq!((streams[0].route(), streams[0].path()), (Some("/a"), "/a"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_noticed_at_once() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let client = scene.client("/a").await;
        assert_eq!(scene.topic.subscribers(), 1);
        drop(client);
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        scene.client("/a").await.reset();
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        until(PATIENCE, "all is freed", || {
            scene.held.get() == 0 && scene.topic.subscribers() == 0 && scene.handle.count() == 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_is_closed_and_delays_nobody() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new().bytes(64 * 1024 * 1024), |server| server).await;
        let mut reads = scene.client("/a").await;
        let stalled = Client::connect_small(scene.server.address, 4096).await;
        let mut stalled = stalled;
        stalled.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        stalled.head().await;
        // More than all buffers on the way take.
        let megabyte = "x".repeat(1024 * 1024);
        for _ in 0..16 {
            scene.publish(megabyte.as_str()).await;
            assert_eq!(reads.data().await.len(), megabyte.len());
        }
        assert_eq!(scene.ended().await, CloseReason::Stalled);
        scene.publish("still there").await;
        assert_eq!(reads.data().await, "still there");
        drop(stalled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lags_is_closed_or_told_what_it_missed() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new().events(3), |server| server.write_timeout(PATIENCE)).await;
        for path in ["/a", "/skips"] {
            let mut client = Client::connect_small(scene.server.address, 4096).await;
            client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
            client.head().await;
            scene.is_in_form();
            let megabyte = "x".repeat(1024 * 1024);
            for _ in 0..16 {
                scene.publish(megabyte.as_str()).await;
            }
            // The events that it gets are whole.
            loop {
                let Some(event) = client.next().await.unwrap() else {
                    assert_eq!(path, "/a");
                    assert_eq!(scene.ended().await, CloseReason::Lagged);
                    break;
                };
                if event.name == "gap" {
                    assert_eq!(path, "/skips");
                    assert!(event.data.starts_with(r#"{"reason":"lagged","from":"1."#), "{}", event.data);
                    scene.publish("after").await;
                    let mut data = client.data().await;
                    while data.len() == megabyte.len() {
                        data = client.data().await;
                    }
                    assert_eq!(data, "after");
                    break;
                }
                assert_eq!(event.data.len(), megabyte.len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifetimes_end_it() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = Client::stream(scene.server.address, "/short").await;
        assert_eq!(client.next().await.unwrap(), None);
        assert_eq!((scene.ended().await, client.parser().retry()), (CloseReason::Expired, None));
        let mut scene =
            Scene::with(park, Retention::new(), |server| server.max_lifetime(Duration::from_millis(50))).await;
        let mut client = Client::stream(scene.server.address, "/a").await;
        assert_eq!(client.next().await.unwrap(), None);
        assert_eq!(scene.ended().await, CloseReason::Expired);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_and_a_handle_end_it_with_a_retry() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = scene.client("/a").await;
        let mut other = scene.client("/a").await;
        let first = scene.handle.streams().remove(0);
        first.close();
        assert_eq!(client.next().await.unwrap(), None);
        assert!(client.parser().retry().is_some());
        assert_eq!(scene.ended().await, CloseReason::Shutdown);
        scene.publish("still there").await;
        assert_eq!(other.data().await, "still there");
        scene.server.stop();
        assert_eq!(other.next().await.unwrap(), None);
        assert!(other.parser().retry().is_some());
        assert_eq!(within(PATIENCE, "the end", scene.ends.recv()).await, Some(CloseReason::Shutdown));
        scene.server.stopped(PATIENCE).await;
        assert_eq!(scene.held.get(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_at_the_deadline() {
    for park in FORMS {
        let set = |server: Server| server.write_timeout(PATIENCE).shutdown_timeout(Duration::from_millis(300));
        let mut scene = Scene::with(park, Retention::new().bytes(64 * 1024 * 1024), set).await;
        let mut client = Client::connect_small(scene.server.address, 4096).await;
        client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.head().await;
        let megabyte = "x".repeat(1024 * 1024);
        for _ in 0..16 {
            scene.publish(megabyte.as_str()).await;
        }
        scene.server.stop();
        assert_eq!(within(PATIENCE, "the end", scene.ends.recv()).await, Some(CloseReason::Shutdown));
        scene.server.stopped(PATIENCE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_answered_before_is_taken_too_and_what_it_says_then_is_ignored() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = Client::get(scene.server.address, "/plain").await;
        assert_eq!(client.response().await.1, "plain");
        client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
        scene.is_in_form();
        client.send("GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
        scene.publish("one").await;
        assert_eq!(client.data().await, "one");
        drop(client);
        // As a body, it is the next write that finds out: the connection has more to read.
        until(PATIENCE, "the end", || {
            scene.topic.subscribers() == 0 || {
                futures_util::FutureExt::now_or_never(scene.topic.publish("more"));
                false
            }
        })
        .await;
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_feed_is_told_to_those_who_were_there_though_another_begins() {
    for form in [FORMS; 10].concat() {
        let mut scene = Scene::new(form).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(scene.client("/fed").await);
        }
        // Somebody who begins another body as soon as this one has ended: before the others have
        // looked, or after.
        let topic = scene.topic.clone();
        let mut follows = topic.subscribe(None).await.expect("it follows");
        let follower = tokio::spawn(async move {
            while follows.next().await.is_some() {}
            let next = topic.fed_by(|topic| async move {
                let _ = topic.publish("of the next body").await;
                std::future::pending::<()>().await;
            });
            next.subscribe(None).await
        });
        scene.publish("one").await;
        for client in &mut clients {
            assert_eq!(client.data().await, "one");
        }
        scene.stop.notify_one();
        for client in &mut clients {
            assert_eq!(client.data().await, r#"{"status":502,"title":"Bad Gateway"}"#);
            assert_eq!(scene.ended().await, CloseReason::Failed);
        }
        drop(follower.await.expect("it begins").expect("it follows"));
    }
}
