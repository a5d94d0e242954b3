//! Too many connections: a client over the limit gets a response with a time to retry, and connected clients
//! are unaffected.

use std::time::Duration;

use http::Version;
use support::{Client, Head, Running, Visitor, within};
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless() {
    loop {
        emit!("here");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "here"
}

async fn running(connections: usize) -> Running {
    let server = Server::new().max_connections(connections);
    Running::serve_with(server, Router::new().mount(routes![endless, plain])).await
}

/// Sends a request as an `EventSource` does.
async fn event_source(server: &Running) -> (Client, Head) {
    let mut client = Client::connect(server.address).await;
    client.send("GET /endless HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n").await;
    let head = client.head().await;
    (client, head)
}

/// The rest of a response whose connection closes after it.
async fn rest(client: Client) -> String {
    let rest = within(PATIENCE, "the end of the connection", client.rest()).await;
    String::from_utf8(rest.expect("a clean end")).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_source_over_the_limit_gets_a_retry() {
    let server = running(2).await;
    let mut held = vec![event_source(&server).await.0, event_source(&server).await.0];
    for client in &mut held {
        assert_eq!(client.data().await, "here");
    }
    for _ in 0..10 {
        let (client, head) = event_source(&server).await;
        // With a 503 it would never reconnect.
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(head.header("connection"), Some("close"));
        let body = rest(client).await;
        let retry = body.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix('\n'));
        let retry: u64 = retry.expect("a retry and nothing else").parse().expect("a number");
        assert!((5_000..=15_000).contains(&retry), "{retry}");
    }
    // Once a connection has closed, the next client is served.
    held.truncate(1);
    loop {
        let (mut client, head) = event_source(&server).await;
        if head.header("connection").is_none() {
            assert_eq!(client.data().await, "here");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_client_over_the_limit_gets_a_503() {
    let server = running(1).await;
    let held = event_source(&server).await;
    let mut client = Client::get(server.address, "/plain").await;
    let head = client.head().await;
    assert_eq!(head.status(), 503);
    let after: u64 = head.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((5..=15).contains(&after), "{after}");
    assert_eq!(rest(client).await, "the server has too many connections: try again later\n");
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_2_the_refused_connection_is_closed() {
    let server = running(1).await;
    let held = event_source(&server).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let told = visitor.get("/endless", &[("accept", "text/event-stream")]).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, Some("text/event-stream")));
    assert!(told.text().await.starts_with("retry: "));
    assert_eq!(visitor.get("/plain", &[]).await.status, 503);
    // The client does not close the connection, so the server does.
    let gone = async {
        while visitor.try_get("/plain", &[]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    };
    within(PATIENCE, "the server closes", gone).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections_are_limited_too() {
    let server = running(1).await;
    let mut held = event_source(&server).await.0;
    assert_eq!(held.data().await, "here");
    // These clients send no request, so each keeps one of the 64 connections that answer over the limit.
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(Client::connect(server.address).await);
    }
    let late = Client::connect(server.address).await;
    assert_eq!(rest(late).await, "");
    // The connected client is still served.
    assert_eq!(held.data().await, "here");
    drop(silent);
}

/// Without these headers, an `EventSource` of another origin takes the response for an error, and stops for
/// ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_may_read_the_retry() {
    let (connections, streams) = (running(1).await, Server::new().max_streams(1));
    let streams = Running::serve_with(streams, Router::new().mount(routes![endless, plain])).await;
    for server in [connections, streams] {
        let mut held = event_source(&server).await.0;
        assert_eq!(held.data().await, "here");
        for accept in ["text/event-stream", "*/*"] {
            for origin in ["https://app.example", "null"] {
                let mut client = Client::connect(server.address).await;
                let request =
                    format!("GET /endless HTTP/1.1\r\nhost: test\r\norigin: {origin}\r\naccept: {accept}\r\n\r\n");
                client.send(request).await;
                let head = client.response().await.0;
                assert_eq!(head.header("access-control-allow-origin"), Some(origin), "{head:?}");
                assert_eq!(head.header("access-control-allow-credentials"), Some("true"));
                assert_eq!(head.header("access-control-expose-headers"), Some("retry-after"));
                assert_eq!(head.header("vary"), Some("origin"));
            }
        }
        // Only the service itself knows what a page may send.
        let mut preflight = Client::connect(server.address).await;
        let asks = "origin: https://app.example\r\naccess-control-request-method: DELETE\r\n";
        preflight.send(format!("OPTIONS /endless HTTP/1.1\r\nhost: test\r\n{asks}\r\n")).await;
        let head = preflight.response().await.0;
        let allowed =
            head.header("access-control-allow-methods").or_else(|| head.header("access-control-allow-headers"));
        assert_eq!((head.status(), allowed), (503, None));
        let head = event_source(&server).await.1;
        assert_eq!(head.lines().filter(|(name, _)| name.starts_with("access-control")).count(), 0);
    }
}
