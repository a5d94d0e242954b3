//! Trusted proxies name their clients; no other peer is believed. The proxies here are the test itself:
//! `haproxy.rs` and `nginx.rs` use real ones.

mod addresses;
mod headers;
mod limits;
mod protocol;

use std::time::Duration;

use support::{Client, Running};
use touka::extract::{ConnectInfo, State};
use touka::server::Handle;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// A header of version 2 for 203.0.113.7, with 24 bytes after its addresses.
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\xcb\0\x71\x07\x7f\0\0\x01\xc6\x7c\x01\xbb012345678901234567890123";

/// A health check: the proxy speaks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[route(GET, "/whoami")]
async fn whoami(client: Option<ConnectInfo>) -> String {
    client.map_or_else(|| "unknown".to_owned(), |ConnectInfo(address)| address.to_string())
}

#[sse_handler]
#[route(GET, "/open")]
async fn open() {
    emit!("here");
    std::future::pending::<()>().await;
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(None).await
}

fn app() -> Router {
    Router::new().mount(routes![whoami, open, topic]).with_state(Hub::memory())
}

/// A server that trusts proxies at 127.0.0.1.
fn behind() -> Server {
    Server::new().trust_proxies(["127.0.0.1"]).expect("an address")
}

async fn running(server: Server) -> (Running, Handle) {
    let handle = server.handle();
    (Running::serve_with(server, app()).await, handle)
}

/// The client address that the server sees for a request from `source` with these headers.
async fn client_address(server: &Running, source: &str, headers: &str) -> String {
    let mut client = Client::connect_from(source, server.address).await;
    client.send(format!("GET /whoami HTTP/1.1\r\nhost: test\r\n{headers}\r\n")).await;
    client.response().await.1
}

/// A stream on a connection that begins with `header`.
async fn with_header(server: &Running, header: &[u8], path: &str) -> (Client, bool) {
    let mut client = Client::connect_from("127.0.0.1", server.address).await;
    client.send(header).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n")).await;
    let told = client.head().await.header("content-length").is_some();
    (client, told)
}
