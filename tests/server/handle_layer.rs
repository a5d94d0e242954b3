//! A handle's layer: event streams are listed and ended under a server that is not touka's.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use axum::routing::get;
use http_body::Body as _;
use http_body_util::BodyExt;
use support::{Client, Running, until, within};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use touka::server::Handle;
use touka::{CloseReason, EventStream, Hub, Router, Server, route, routes, sse_handler};
use tower_layer::Layer;
use tower_service::Service;

use crate::axum_streams::{foreign, room};

const PATIENCE: Duration = Duration::from_mins(1);

/// The app under axum's server, with a handle's layer, until the signal comes.
async fn under_axum(app: axum::Router, handle: Handle) -> (SocketAddr, oneshot::Sender<()>, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let (ends, ended) = oneshot::channel();
    let app = app.layer(handle.layer());
    tokio::spawn(async move {
        let signal = async move {
            let _ = stopped.await;
            handle.shutdown();
        };
        axum::serve(listener, app).with_graceful_shutdown(signal).await.expect("serve");
        let _ = ends.send(());
    });
    (address, stop, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_shutdown_of_axum_ends_each_stream_with_a_retry() {
    let handle = Handle::new();
    let (tell, told) = std::sync::mpsc::channel();
    let watched = move || {
        let tell = tell.clone();
        async move {
            let stream: EventStream = EventStream::generate(|out| async move {
                out.emit("watched").await;
                std::future::pending::<()>().await;
            });
            stream.on_close(move |reason| {
                let _ = tell.send(reason);
            })
        }
    };
    let topic = |topic: touka::Topic| async move { topic.subscribe(None).await.expect("subscribe") };
    let followed = Hub::memory().topic("a").expect("a name");
    let app = axum::Router::new()
        .route("/rooms/{room}", get(room))
        .route("/foreign", get(foreign))
        .route("/watched", get(watched))
        .route("/topic", get(move || topic(followed.clone())))
        .nest_service("/touka", touka_router());
    let (address, stop, ended) = under_axum(app, handle.clone()).await;
    let mut streams = Vec::new();
    for path in ["/rooms/red", "/foreign", "/watched", "/topic", "/touka/endless"] {
        streams.push(Client::stream(address, path).await);
    }
    until(PATIENCE, "all are open", || handle.count() == 5).await;
    let routes: Vec<_> = handle.streams().iter().map(|stream| stream.route().map(str::to_owned)).collect();
    let expected = ["/rooms/{room}", "/foreign", "/watched", "/topic", "/endless"].map(|route| Some(route.to_owned()));
    assert_eq!(routes, expected);

    // One alone, as by hand.
    assert_eq!(handle.close(|stream| stream.path() == "/rooms/red"), 1);
    let mut red = streams.remove(0);
    while red.next().await.expect("a clean end").is_some() {}
    assert!(red.parser().retry().is_some());
    drop(red);
    until(PATIENCE, "the stream is not listed", || handle.count() == 4).await;

    stop.send(()).expect("running");
    for mut stream in streams {
        while stream.next().await.expect("a clean end").is_some() {}
        let retry = stream.parser().retry().expect("a retry").as_millis();
        assert!((1000..=3000).contains(&retry), "{retry}");
    }
    within(PATIENCE, "the end of axum's server", ended).await.expect("a clean end");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(CloseReason::Shutdown));
    assert_eq!(handle.count(), 0);
}

/// An app keeps its layer when it moves to touka's server, and layers may nest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_listed_once_under_several_layers() {
    let server = Server::new();
    let handle = server.handle();
    let inner = axum::Router::new().route("/foreign", get(foreign)).layer(handle.layer());
    let app = axum::Router::new().route("/rooms/{room}", get(room)).nest("/in", inner).layer(handle.layer());
    let mut server = Running::serve_with(server, app).await;
    for path in ["/rooms/red", "/in/foreign"] {
        let mut stream = Client::stream(server.address, path).await;
        until(PATIENCE, "the stream is open", || handle.count() > 0).await;
        assert_eq!(handle.streams().len(), 1, "{path}");
        assert_eq!(handle.close(|_| true), 1);
        while stream.next().await.expect("a clean end").is_some() {}
        assert!(stream.parser().retry().is_some());
        until(PATIENCE, "the stream is not listed", || handle.count() == 0).await;
    }
    // Another handle has a list of its own.
    let other = Handle::new();
    let mut twice = other.layer().layer(handle.layer().layer(touka_router()));
    let request = http::Request::get("/endless").body(axum::body::Body::empty()).expect("a request");
    let response = twice.call(request).await.expect("an answer");
    assert_eq!((handle.count(), other.count()), (1, 1));
    drop(response);
    assert_eq!((handle.count(), other.count()), (0, 0));
    server.stop();
    server.stopped(PATIENCE).await;
}

/// A waker keeps its task in memory.
#[tokio::test]
async fn the_entry_of_an_ended_stream_keeps_no_waker() {
    let handle = Handle::new();
    let request = http::Request::get("/endless").body(axum::body::Body::empty()).expect("a request");
    let mut body = handle.layer().layer(touka_router()).call(request).await.expect("an answer").into_body();
    let task = Arc::new(Task);
    let waker = Waker::from(Arc::clone(&task));
    let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(&waker));
    // The body waits until its head was flushed.
    assert!(polled.is_pending());
    assert!(Arc::strong_count(&task) > 2, "no waker of the task is stored");
    let entries = handle.streams();
    assert_eq!(entries.len(), 1);
    drop((body, waker));
    assert_eq!((handle.count(), Arc::strong_count(&task)), (0, 1));
    drop(entries);
}

/// A task that does nothing when it is woken.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[sse_handler]
#[route(GET, "/endless")]
async fn endless() {
    emit!("here");
    std::future::pending::<()>().await;
}

fn touka_router() -> Router {
    Router::new().mount(routes![endless])
}

/// Many streams end spread over seconds; a second call ends them at once.
#[tokio::test(start_paused = true)]
async fn a_second_shutdown_ends_all_streams_at_once() {
    let handle = Handle::new();
    let mut service = handle.layer().layer(touka_router());
    let mut bodies = Vec::new();
    for _ in 0..1000 {
        let request = http::Request::get("/endless").body(axum::body::Body::empty()).expect("a request");
        let mut body = service.call(request).await.expect("an answer").into_body();
        body.frame().await.expect("an event").expect("an event");
        bodies.push(body);
    }
    assert_eq!(handle.count(), 1000);
    handle.shutdown();
    let ends = bodies.into_iter().map(|body| tokio::spawn(body.collect()));
    let ends: Vec<_> = ends.collect();
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let open = handle.count();
    assert!(open > 800, "only {open} are open still");
    handle.shutdown();
    for end in ends {
        let text = end.await.expect("no panic").expect("a clean end").to_bytes();
        assert!(text.starts_with(b"retry: "), "{text:?}");
    }
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(handle.count(), 0);
}
