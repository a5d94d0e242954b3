//! Settings as large as their types allow: "without limit", as somebody who sets up a server might write it.

use std::time::Duration;

use http::Version;
use support::{Client, Running, Visitor, until, within};
use tokio::sync::mpsc;
use touka::extract::State;
use touka::{CloseReason, EventStream, Hub, Router, Server, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);

type Ends = mpsc::UnboundedSender<CloseReason>;

/// Emits more than any flow-control window holds, with no limit on how long the client may not read.
#[route(GET, "/flood")]
async fn flood(State(ends): State<Ends>) -> EventStream {
    EventStream::generate(|out| async move {
        loop {
            out.emit("x".repeat(1024)).await;
        }
    })
    .keep_alive(Duration::MAX)
    .write_timeout(Duration::MAX)
    .max_lifetime(Duration::MAX)
    .retry(Duration::MAX)
    .on_close(move |reason| {
        let _ = ends.send(reason);
    })
}

#[route(GET, "/topic")]
async fn topic() -> Result<EventStream, touka::topic::HubError> {
    Hub::memory().topic("a")?.subscribe(None).await
}

#[route(POST, "/upload")]
async fn upload(body: String) -> String {
    body
}

fn without_limits() -> Server {
    Server::new()
        .max_connections(usize::MAX)
        .max_connections_per_peer(usize::MAX)
        .max_streams(usize::MAX)
        .max_streams_per_peer(usize::MAX)
        .max_streams_per_connection(u32::MAX)
        .max_head_size(1 << 30)
        .max_body_size(usize::MAX)
        .max_body_memory(usize::MAX)
        .max_body_memory_per_connection(usize::MAX)
        .min_body_rate(u32::MAX)
        .head_timeout(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .body_timeout(Duration::MAX)
        .write_timeout(Duration::MAX)
        .max_lifetime(Duration::MAX)
        .shutdown_timeout(Duration::MAX)
        .drain_window(Duration::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_limits_serves_waits_and_stops() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let server = without_limits();
    let handle = server.handle();
    let router = Router::new().mount(routes![flood, topic, upload]).with_state(ends);
    let mut server = Running::serve_with(server, router).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        // A client that reads nothing for a while is waited for, and then gets its events.
        let mut visitor = Visitor::connect(server.address, version).await;
        let mut stream = visitor.stream("/flood").await;
        let full = || handle.streams().first().is_some_and(|stream| stream.bytes() > 100_000);
        until(PATIENCE, "nothing more fits", full).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        for _ in 0..1000 {
            assert_eq!(stream.data().await.len(), 1024);
        }
        drop((stream, visitor));
        let reason = within(PATIENCE, "the end", ended.recv()).await;
        assert_eq!(reason, Some(CloseReason::Disconnected));
    }
    let mut parked = Client::stream(server.address, "/topic").await;
    let mut posts = Client::connect(server.address).await;
    posts.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nab").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    posts.send("cd").await;
    assert_eq!(posts.response().await.1, "abcd");
    server.stop();
    while parked.next().await.expect("a clean end").is_some() {}
    drop(posts);
    server.stopped(PATIENCE).await;
}
