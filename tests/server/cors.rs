//! tower-http's `CorsLayer` on a router covers every response: streams, errors and preflights. A response
//! without its headers cannot be read by a page of another origin.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use support::{Client, Count, Head, Running};
use touka::extract::State;
use touka::{Event, EventStream, Router, route, routes, sse_handler};
use tower_http::cors::CorsLayer;

/// The origin of the page that sends the requests.
const ORIGIN: &str = "https://app.example";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[sse_handler(end = "done")]
#[route(GET, "/numbers")]
async fn numbers(State(ran): State<Count>) {
    ran.add();
    for number in 1u32..=2 {
        emit!(Event::data(number.to_string()).id(number));
    }
}

/// Refuses requests without credentials before the stream opens.
#[sse_handler]
#[route(GET, "/private?{sure}")]
async fn private(sure: Option<bool>, parts: Parts) -> Result<EventStream, StatusCode> {
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    emit!(format!("welcome, {}", if sure == Some(true) { "sure" } else { "maybe" }));
}

/// Panics.
#[route(GET, "/broken")]
async fn broken() -> &'static str {
    let words: Vec<&'static str> = Vec::new();
    words[0]
}

/// Panics before the stream opens, so that there is still a response.
#[sse_handler]
#[route(GET, "/broken-stream")]
async fn broken_stream() -> Result<EventStream, StatusCode> {
    let words: Vec<&'static str> = Vec::new();
    emit!(words[0]);
}

async fn serve(cors: CorsLayer) -> (Running, Count) {
    let ran = Count::default();
    let routes = routes![numbers, private, broken, broken_stream];
    // The layer comes first: routes that are added later are covered as well.
    (Running::serve(Router::new().layer(cors).mount(routes).with_state(ran.clone())).await, ran)
}

/// The CORS settings of an app with cookies and tokens.
fn careful() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static(ORIGIN)])
        .allow_credentials(true)
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION, LAST_EVENT_ID])
        .max_age(Duration::from_mins(10))
}

/// Sends a request as a browser does for a page of `origin`.
async fn ask(server: &Running, request: &str, origin: &str, more: &str) -> (Client, Head) {
    let mut client = Client::connect(server.address).await;
    client.send(format!("{request} HTTP/1.1\r\nhost: test\r\norigin: {origin}\r\n{more}\r\n")).await;
    let head = client.head().await;
    (client, head)
}

/// Whether the page may read the response, with credentials.
fn is_readable(head: &Head) -> bool {
    head.header("access-control-allow-origin") == Some(ORIGIN)
        && head.header("access-control-allow-credentials") == Some("true")
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_can_read_a_stream() {
    let (server, _) = serve(careful()).await;
    let (mut client, head) = ask(&server, "GET /numbers", ORIGIN, "").await;
    assert!(head.status() == 200 && is_readable(&head), "{head:?}");
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    // Another origin gets another head, so caches need `vary`.
    assert!(head.header("vary").is_some_and(|vary| vary.contains("origin")), "{head:?}");
    assert_eq!(client.data().await, "1");
    assert_eq!(client.data().await, "2");
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_read_a_stream() {
    let (server, _) = serve(careful()).await;
    for origin in ["https://evil.example", "http://app.example", "https://app.example:444", "null"] {
        let (_, head) = ask(&server, "GET /numbers", origin, "").await;
        assert_eq!((head.status(), head.header("access-control-allow-origin")), (200, None), "{origin}");
    }
}

/// If a page cannot read an error, it sees a failed request, and cannot tell a 401 from an unreachable
/// server.
#[tokio::test]
async fn a_page_can_read_errors_like_streams() {
    let (server, _) = serve(careful()).await;
    for (request, status) in [
        ("GET /nowhere", 404),
        ("POST /numbers", 405),
        ("GET /private?sure=maybe", 400),
        ("GET /private", 401),
        ("GET /broken", 500),
        ("GET /broken-stream", 500),
    ] {
        let (_, head) = ask(&server, request, ORIGIN, "").await;
        assert!(head.status() == status && is_readable(&head), "{request}: {head:?}");
    }
    // The 204 that stops a browser from reconnecting.
    let (_, head) = ask(&server, "GET /numbers", ORIGIN, "last-event-id: done\r\n").await;
    assert!(head.status() == 204 && is_readable(&head), "{head:?}");
}

/// An `EventSource` sends no preflight; a page that reads a stream with `fetch` does, once it sets a header.
#[tokio::test]
async fn a_preflight_is_answered_and_the_handler_does_not_run() {
    let (server, ran) = serve(careful()).await;
    let wish = "access-control-request-method: GET\r\n\
                access-control-request-headers: authorization,last-event-id\r\n";
    let (_, head) = ask(&server, "OPTIONS /numbers", ORIGIN, wish).await;
    assert!(head.status() == 200 && is_readable(&head), "{head:?}");
    assert_eq!(head.header("access-control-allow-methods"), Some("GET"));
    assert_eq!(head.header("access-control-allow-headers"), Some("authorization,last-event-id"));
    assert_eq!(head.header("access-control-max-age"), Some("600"));
    assert_eq!(ran.get(), 0);

    let both = "authorization: Bearer x\r\nlast-event-id: 1\r\n";
    let (mut client, head) = ask(&server, "GET /private?sure=true", ORIGIN, both).await;
    assert!(head.status() == 200 && is_readable(&head), "{head:?}");
    assert_eq!(client.data().await, "welcome, sure");
}

#[tokio::test]
async fn without_credentials_any_origin_can_be_let_in() {
    let (server, _) = serve(CorsLayer::permissive()).await;
    for request in ["GET /numbers", "GET /nowhere", "GET /private", "GET /broken"] {
        let (_, head) = ask(&server, request, ORIGIN, "").await;
        assert_eq!(head.header("access-control-allow-origin"), Some("*"), "{request}");
        assert_eq!(head.header("access-control-allow-credentials"), None);
    }
}
