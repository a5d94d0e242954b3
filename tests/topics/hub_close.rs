//! `Hub::close` ends the streams of a hub's topics under any server.

use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use support::Count;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use touka::extract::{LastEventId, State};
use touka::testing::TestApp;
use touka::topic::HubError;
use touka::{CloseReason, Event, EventStream, Hub, Router, Server, Topic, route, routes};

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct App {
    hub: Hub,
    closed: mpsc::UnboundedSender<CloseReason>,
}

#[route(GET, "/one")]
async fn one(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.hub.topic("a")?.subscribe(from).earliest().await?;
    Ok(stream.end("done").on_close(move |reason| {
        let _ = app.closed.send(reason);
    }))
}

#[route(GET, "/several")]
async fn several(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    let stream = app.hub.subscribe(["a", "b"], from)?.await?;
    Ok(stream.on_close(move |reason| {
        let _ = app.closed.send(reason);
    }))
}

fn app() -> (Router<()>, Hub, mpsc::UnboundedReceiver<CloseReason>) {
    let hub = Hub::memory();
    let (closed, reasons) = mpsc::unbounded_channel();
    let router = Router::new().mount(routes![one, several]).with_state(App { hub: hub.clone(), closed });
    (router, hub, reasons)
}

fn topic(hub: &Hub) -> Topic {
    hub.topic("a").expect("a valid topic name")
}

/// Whether the text ends with a reconnection time of one to three seconds.
fn ends_with_retry(text: &str) -> bool {
    let retry = text.lines().rev().find_map(|line| line.strip_prefix("retry: "));
    retry.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| (1000..=3000).contains(&time)))
}

/// Sends a request over HTTP/1.1, and returns the connection with the head and the first event read.
async fn follow(address: std::net::SocketAddr, path: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(address).await.expect("a server listens");
    socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.expect("accepted");
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.contains("id: ") {
        let length = timeout(PATIENCE, socket.read(&mut bytes)).await.expect("the stream opens").expect("readable");
        assert!(length > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    (socket, text)
}

/// The rest of a stream, up to the last chunk.
async fn rest((mut socket, mut text): (TcpStream, String)) -> String {
    let mut bytes = [0; 4096];
    while !text.ends_with("0\r\n\r\n") {
        let length = timeout(PATIENCE, socket.read(&mut bytes)).await.expect("the stream ends").expect("a clean end");
        assert!(length > 0, "cut off after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}

#[tokio::test]
async fn closing_ends_all_streams_under_axums_server() {
    let (router, hub, mut reasons) = app();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let closes = hub.clone();
    let shutdown = async move {
        let _ = stopped.await;
        closes.close();
    };
    let app = axum::Router::new().fallback_service(router);
    let server = tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(shutdown).await });
    topic(&hub).publish("before").await.unwrap();
    let mut clients = Vec::new();
    for path in ["/one", "/one", "/several"] {
        clients.push(follow(address, path).await);
    }
    stop.send(()).unwrap();
    for client in clients {
        let text = rest(client).await;
        assert!(ends_with_retry(&text), "{text}");
        assert!(!text.contains("event: done"), "not a normal end: {text}");
        assert_eq!(reasons.recv().await, Some(CloseReason::Shutdown));
    }
    timeout(PATIENCE, server).await.expect("the server waits for nothing").unwrap().unwrap();
}

#[tokio::test]
async fn closing_ends_parked_streams() {
    let (router, hub, mut reasons) = app();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(listener, router));
    topic(&hub).publish("before").await.unwrap();
    let clients = [follow(address, "/one").await, follow(address, "/one").await];
    timeout(PATIENCE, async {
        while handle.streams().iter().filter(|stream| stream.is_parked()).count() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("both are parked");
    hub.close();
    for client in clients {
        let text = rest(client).await;
        assert!(ends_with_retry(&text), "{text}");
        assert_eq!(reasons.recv().await, Some(CloseReason::Shutdown));
    }
    // A later client gets what it has missed, and ends in the same way.
    let text = rest(follow(address, "/one").await).await;
    assert!(text.contains("data: before") && ends_with_retry(&text), "{text}");
    assert_eq!(reasons.recv().await, Some(CloseReason::Shutdown));
    handle.shutdown();
    timeout(PATIENCE, serving).await.expect("the stream ends").unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_opens_later_ends_after_what_it_has_missed() {
    let (router, hub, mut reasons) = app();
    let app = TestApp::new(router);
    let first = topic(&hub).publish("1").await.unwrap();
    topic(&hub).publish("2").await.unwrap();
    hub.close();
    hub.close();
    // A request in progress publishes: the event is kept for the next process to send.
    topic(&hub).publish("3").await.unwrap();
    let mut events = app.get("/one").header("last-event-id", first.to_string()).events().await;
    let rest: Vec<_> = events.rest().await.into_iter().map(|event| event.data).collect();
    assert_eq!(rest, ["2"]);
    assert_eq!(reasons.recv().await, Some(CloseReason::Shutdown));
    assert!(ends_with_retry(&String::from_utf8_lossy(&events.bytes())));
    // A new topic is closed as well.
    let body = hub.topic::<Event>("new").unwrap().subscribe(None).await.unwrap().into_response().into_body();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert!(ends_with_retry(&String::from_utf8_lossy(&bytes)));
}

#[tokio::test(start_paused = true)]
async fn feeding_bodies_are_dropped_and_none_is_started() {
    let (_, hub, _) = app();
    let (started, alive) = (Count::default(), Count::default());
    let fed = || {
        let (started, alive) = (started.clone(), alive.clone());
        topic(&hub).fed_by(move |topic| async move {
            let _alive = alive.hold();
            started.add();
            let _ = topic.publish("fed").await;
            std::future::pending::<()>().await;
        })
    };
    let mut stream = fed().subscribe(None).await.unwrap().skip(1);
    assert_eq!(stream.next().await.unwrap().as_data(), Some("fed"));
    // The last subscriber has left, and the body lingers: a lingering body does not delay the close.
    drop(stream);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((started.get(), alive.get()), (1, 1));
    hub.close();
    sleep(Duration::from_millis(1)).await;
    assert_eq!((started.get(), alive.get()), (1, 0));
    let mut late = fed().subscribe(None).await.unwrap().skip(1);
    assert!(late.next().await.is_none());
    assert_eq!((started.get(), alive.get()), (1, 0));
}

#[tokio::test]
async fn a_topic_on_disk_that_is_read_after_the_call_has_its_events() {
    let folder = support::Folder::new();
    let path = folder.path("hub");
    let hub = Hub::open(&path).unwrap();
    let first = topic(&hub).publish("1").await.unwrap();
    topic(&hub).publish("2").await.unwrap();
    drop(hub);
    let hub = Hub::open(&path).unwrap();
    let known = topic(&hub);
    hub.close();
    for topic in [known, topic(&hub)] {
        let mut stream = topic.subscribe(first.clone()).await.unwrap().skip(1);
        assert_eq!(stream.next().await.unwrap().as_data(), Some("2"));
        assert!(stream.next().await.is_none());
    }
    // An event published now is for the next process and its clients.
    topic(&hub).publish("3").await.unwrap();
    drop(hub);
    let mut stream = topic(&Hub::open(&path).unwrap()).subscribe(first).await.unwrap().skip(1);
    assert_eq!(stream.next().await.unwrap().as_data(), Some("2"));
    assert_eq!(stream.next().await.unwrap().as_data(), Some("3"));
}
