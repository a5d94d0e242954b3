//! The drain window: at a shutdown many streams do not end at one instant, and each one goes on until its
//! turn.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Version;
use support::{Client, Running, Visitor, within};
use tokio::task::JoinSet;
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/ticks")]
async fn ticks() {
    for tick in 0u64.. {
        emit!(tick.to_string());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn running(server: Server) -> Running {
    Running::serve_with(server, Router::new().mount(routes![ticks])).await
}

/// How a client's stream ended.
struct End {
    at: Instant,
    /// The number of events after the shutdown had begun.
    after: usize,
    retry: Duration,
}

async fn end(mut client: Client, stopped: Instant) -> End {
    let mut after = 0;
    while let Some(event) = client.next().await.expect("a clean end") {
        assert_eq!(event.name, "message");
        after += usize::from(stopped.elapsed() > Duration::from_millis(100));
    }
    End { at: Instant::now(), after, retry: client.parser().retry().expect("a retry") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_end_one_after_the_other() {
    let mut server = running(Server::new().drain_window(Duration::from_secs(2))).await;
    let mut clients = join_all((0..500).map(|_| Client::stream(server.address, "/ticks"))).await;
    for client in &mut clients {
        assert_eq!(client.data().await, "0");
    }
    server.stop();
    let stopped = Instant::now();
    let ends = join_all(clients.into_iter().map(|client| end(client, stopped)));
    let mut ends = within(PATIENCE, "the ends", ends).await;
    server.stopped(PATIENCE).await;
    ends.sort_by_key(|end| end.at);
    // Of times drawn from two seconds, four fifths span 1.6 s. A slow machine spreads them further.
    let apart = ends[450].at - ends[50].at;
    assert!(apart > Duration::from_millis(500), "the streams end together: {apart:?}");
    assert!(ends[450].after > 0, "the last streams were silent before their turn");
    // The reconnection times differ too.
    let retries: HashSet<_> = ends.iter().map(|end| end.retry).collect();
    assert!(retries.len() > 100, "{} different times among 500", retries.len());
    assert!(retries.iter().all(|retry| (1000..=3000).contains(&retry.as_millis())), "{retries:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_streams_end_one_after_the_other() {
    let server = Server::new().drain_window(Duration::from_secs(2)).max_streams_per_connection(300);
    let mut server = running(server).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut streams = JoinSet::new();
    for _ in 0..300 {
        let mut stream = visitor.stream("/ticks").await;
        assert_eq!(stream.data().await, "0");
        // Read from now on, however long the others take to open: h2 closes a connection with too many unread
        // frames.
        streams.spawn(async move {
            while stream.next().await.expect("a clean end").is_some() {}
            (Instant::now(), stream.parser().retry().expect("a retry"))
        });
    }
    server.stop();
    let mut ends = within(PATIENCE, "the ends", streams.join_all()).await;
    server.stopped(PATIENCE).await;
    ends.sort_unstable();
    let apart = ends[270].0 - ends[30].0;
    assert!(apart > Duration::from_millis(350), "the streams end together: {apart:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_future_without_a_window_ends_all_at_once() {
    let token = tokio_util::sync::CancellationToken::new();
    let server = Server::new().drain_window(Duration::ZERO).shutdown_on(token.clone().cancelled_owned());
    let handle = server.handle();
    let listener = touka::server::Listener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(server.serve(listener, Router::new().mount(routes![ticks])));
    let clients = join_all((0..200).map(|_| Client::stream(address, "/ticks"))).await;
    assert_eq!(handle.count(), 200);
    token.cancel();
    let stopped = Instant::now();
    let ends = within(PATIENCE, "the ends", join_all(clients.into_iter().map(|client| end(client, stopped)))).await;
    assert_eq!(ends.len(), 200);
    within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("no error");
    assert_eq!(handle.count(), 0);
}
