//! A server's handle: its open streams, and the server's end.

use std::time::Duration;

use axum::response::sse;
use futures_util::{StreamExt, stream};
use http::Version;
use support::{Client, Running, Visitor, until, within};
use tokio::sync::mpsc;
use touka::extract::State;
use touka::server::OpenStream;
use touka::{CloseReason, Event, EventStream, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

type Ends = mpsc::UnboundedSender<(String, CloseReason)>;

#[route(GET, "/rooms/{room}")]
async fn room(State(ends): State<Ends>, room: String) -> EventStream {
    let stream = EventStream::generate(|out| async move {
        out.emit("one").await;
        out.emit(Event::data("two")).await;
        std::future::pending::<()>().await;
    });
    stream.on_close(move |reason| {
        let _ = ends.send((room, reason));
    })
}

#[sse_handler]
#[route(GET, "/ends")]
async fn ends() {
    emit!("here");
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "no stream"
}

fn app() -> (Router, mpsc::UnboundedReceiver<(String, CloseReason)>) {
    let (ends_tell, told) = mpsc::unbounded_channel();
    (Router::new().nest("/api", routes![room, ends, plain]).with_state(ends_tell), told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_lists_open_streams() {
    let server = Server::new();
    let handle = server.handle();
    // Settings made after the handle was taken apply.
    let server = Running::serve_with(server.max_connections(10), app().0).await;
    assert_eq!((handle.count(), handle.streams().len()), (0, 0));
    let mut blue = Client::stream(server.address, "/api/rooms/blue?secret=1").await;
    assert_eq!(blue.data().await, "one");
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut red = visitor.stream("/api/rooms/red").await;
    assert_eq!(red.data().await, "one");
    assert_eq!(visitor.get("/api/plain", &[]).await.text().await, "no stream");

    let streams = handle.streams();
    assert_eq!(handle.count(), 2);
    let shown: Vec<_> = streams.iter().map(|stream| (stream.route(), stream.path(), stream.events())).collect();
    let route = Some("/api/rooms/{room}");
    assert_eq!(shown, [(route, "/api/rooms/blue", Some(2)), (route, "/api/rooms/red", Some(2))]);
    assert_eq!(streams[0].peer(), Some(blue.socket.local_addr().expect("an address")));
    assert_eq!(streams[0].bytes(), "data: one\n\ndata: two\n\n".len() as u64);
    assert!(streams[0].age() >= streams[1].age());
    // Dropping one clone does not keep the stream from ending.
    drop(blue);
    until(PATIENCE, "a stream whose client has left is not listed", || handle.count() == 1).await;
    assert_eq!(handle.streams()[0].path(), "/api/rooms/red");
    let mut done = visitor.stream("/api/ends").await;
    while done.next().await.expect("a clean end").is_some() {}
    until(PATIENCE, "an ended stream is not listed", || handle.count() == 1).await;
}

/// A path may be as long as a head allows, and a client may have hundreds of streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_keeps_the_beginning_of_a_long_path() {
    let server = Server::new();
    let handle = server.handle();
    let server = Running::serve_with(server, app().0).await;
    let long = format!("/api/rooms/{}", "x".repeat(60_000));
    let mut one = Client::stream(server.address, &long).await;
    assert_eq!(one.data().await, "one");
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut other = visitor.stream(&long).await;
    assert_eq!(other.data().await, "one");
    for stream in handle.streams() {
        let kept = stream.path().strip_suffix('…').expect("a mark");
        assert!(long.starts_with(kept) && kept.len() > 200 && stream.path().len() <= 256, "{}", stream.path());
        assert_eq!(stream.route(), Some("/api/rooms/{room}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_closes_only_matching_streams() {
    let server = Server::new();
    let handle = server.handle();
    let (app, mut told) = app();
    let server = Running::serve_with(server, app).await;
    let mut blue = Client::stream(server.address, "/api/rooms/blue").await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut also_blue = visitor.stream("/api/rooms/blue").await;
    let mut red = visitor.stream("/api/rooms/red").await;
    until(PATIENCE, "all are open", || handle.count() == 3).await;
    assert_eq!(handle.close(|stream| stream.path().ends_with("/blue")), 2);
    for _ in 0..2 {
        let (room, reason) = within(PATIENCE, "the end", told.recv()).await.expect("an end");
        assert_eq!((room.as_str(), reason), ("blue", CloseReason::Shutdown));
    }
    while blue.next().await.expect("a clean end").is_some() {}
    while also_blue.next().await.expect("a clean end").is_some() {}
    assert!(blue.parser().retry().is_some() && also_blue.parser().retry().is_some());
    // The connection of both is open, and so is the other stream.
    assert_eq!(red.data().await, "one");
    until(PATIENCE, "one is left", || handle.count() == 1).await;
    assert_eq!(handle.close(|stream| stream.path().ends_with("/blue")), 0);
    let kept: OpenStream = handle.streams().remove(0);
    kept.close();
    while red.next().await.expect("a clean end").is_some() {}
    assert_eq!(visitor.get("/api/plain", &[]).await.text().await, "no stream");
    kept.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_lists_and_closes_streams_of_another_library() {
    let events = || stream::iter([Ok::<_, touka::Error>(sse::Event::default().data("here"))]).chain(stream::pending());
    let app = axum::Router::new().route("/sse", axum::routing::get(move || async move { sse::Sse::new(events()) }));
    let server = Server::new();
    let handle = server.handle();
    let server = Running::serve_with(server, app).await;
    let mut client = Client::stream(server.address, "/sse").await;
    assert_eq!(client.data().await, "here");
    let stream = handle.streams().remove(0);
    assert_eq!((stream.route(), stream.path(), stream.events()), (Some("/sse"), "/sse", None));
    assert_eq!(stream.bytes(), "data: here\n\n".len() as u64);
    assert_eq!(handle.close(|_| true), 1);
    assert_eq!(client.next().await.expect("a clean end"), None);
    assert!(client.parser().retry().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_shutdown_call_ends_the_server_at_once() {
    // A client that reads nothing of a flood would delay the shutdown until its deadline.
    let flood = || async {
        EventStream::<Event>::generate(|out| async move {
            loop {
                out.emit("x".repeat(1024)).await;
            }
        })
    };
    let server = Server::new().shutdown_timeout(Duration::from_hours(1));
    let handle = server.handle();
    let app = axum::Router::new().route("/flood", axum::routing::get(flood));
    let server = Running::serve_with(server, app).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    let _unread = visitor.stream("/flood").await;
    handle.shutdown();
    handle.clone().shutdown();
    server.stopped(PATIENCE).await;
    until(PATIENCE, "the connection is cut", || handle.count() == 0).await;
}
