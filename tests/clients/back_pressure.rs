//! A client that does not read suspends the handler at its emit, and uses a bounded amount of memory.

use std::time::Duration;

use support::{Client, Count, Running, within};
use touka::extract::State;
use touka::{Router, route, routes, sse_handler};

const KILOBYTE: usize = 1024;

#[sse_handler]
#[route(GET, "/flood")]
async fn flood(State(emitted): State<Count>) {
    let kilobyte = "x".repeat(KILOBYTE);
    loop {
        emit!(kilobyte.as_str());
        emitted.add();
    }
}

/// The count, once it has stopped changing.
async fn settled(count: &Count) -> usize {
    let mut last = count.get();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        match count.get() {
            same if same == last && same > 0 => return same,
            more => last = more,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_suspends_the_handler() {
    let emitted = Count::default();
    let server = Running::serve(Router::new().mount(routes![flood]).with_state(emitted.clone())).await;
    let mut client = Client::connect_small(server.address, 32 * 1024).await;
    client.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;

    let patience = Duration::from_mins(1);
    let suspended = within(patience, "the handler stops emitting", settled(&emitted)).await;
    // The kernel's send buffer grows to 4 MiB by default; the server itself may buffer 64 KiB.
    assert!(suspended * KILOBYTE < 8 << 20, "{suspended} KiB were buffered for a client that reads nothing");

    // The handler goes on as the client reads, and never runs further ahead.
    let mut read = 0;
    client.head().await;
    while read < 4 * suspended {
        assert_eq!(client.data().await.len(), KILOBYTE);
        read += 1;
    }
    let ahead = within(patience, "the handler stops again", settled(&emitted)).await - read;
    assert!(ahead * KILOBYTE < 8 << 20, "{ahead} KiB ahead of the client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_delays_no_other() {
    let emitted = Count::default();
    let server = Running::serve(Router::new().mount(routes![flood]).with_state(emitted.clone())).await;
    let mut stalled = Client::connect_small(server.address, 32 * 1024).await;
    stalled.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;
    within(Duration::from_mins(1), "the handler stops emitting", settled(&emitted)).await;

    let mut other = Client::stream(server.address, "/flood").await;
    for _ in 0..1000 {
        assert_eq!(other.data().await.len(), KILOBYTE);
    }
}
