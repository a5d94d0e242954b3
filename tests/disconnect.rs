//! When the client has left, the handler's body is dropped: within a second, however it left.

use std::time::Duration;

use support::{Client, Count, Running, until};
use touka::extract::State;
use touka::{EventStream, Router, route, routes, sse_handler};

const A_SECOND: Duration = Duration::from_secs(1);

/// Waits for ever with something in its hand.
#[sse_handler]
#[route(GET, "/idle")]
async fn idle(State(held): State<Count>) {
    let _held = held.hold();
    emit!("here");
    std::future::pending::<()>().await;
}

/// The same, with a keep-alive that a test can wait for.
#[route(GET, "/watched")]
async fn watched(State(held): State<Count>) -> EventStream {
    idle(State(held)).await.keep_alive(Duration::from_millis(100))
}

/// Holds its head back, and something in its hand.
#[sse_handler]
#[route(GET, "/undecided")]
async fn undecided(State(held): State<Count>) -> Result<EventStream, http::StatusCode> {
    let _held = held.hold();
    std::future::pending::<()>().await;
    Ok(())
}

async fn serve() -> (Running, Count) {
    let held = Count::default();
    let router = Router::new().mount(routes![idle, watched, undecided]).with_state(held.clone());
    (Running::serve(router).await, held)
}

#[tokio::test]
async fn by_a_fin() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/idle").await;
    assert_eq!(client.data().await, "here");
    assert_eq!(held.get(), 1);
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn by_a_reset() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/idle").await;
    assert_eq!(client.data().await, "here");
    client.reset();
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

/// A byte after the request makes the HTTP layer stop looking for the connection's end, so what
/// the client does then is silence to it. The keep-alive's write finds out.
#[tokio::test]
async fn in_silence_found_by_the_keep_alive() {
    let (server, held) = serve().await;
    let mut client = Client::stream(server.address, "/watched").await;
    assert_eq!(client.data().await, "here");
    client.send("G").await;
    // The server has taken that byte once a later comment has arrived.
    assert_eq!(client.chunk().await.unwrap().unwrap(), b":\n\n");
    assert_eq!(held.get(), 1);
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn while_the_head_is_held() {
    let (server, held) = serve().await;
    let client = Client::get(server.address, "/undecided").await;
    until(Duration::from_secs(30), "the body runs", || held.get() == 1).await;
    drop(client);
    until(A_SECOND, "the body is dropped", || held.get() == 0).await;
}

#[tokio::test]
async fn of_many_only_those_that_left() {
    let (server, held) = serve().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = Client::stream(server.address, "/idle").await;
        assert_eq!(client.data().await, "here");
        clients.push(client);
    }
    assert_eq!(held.get(), 100);
    clients.truncate(40);
    until(Duration::from_secs(10), "sixty bodies are dropped", || held.get() == 40).await;
}
