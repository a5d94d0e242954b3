//! A page of one origin, its streams of another.
//!
//! ```text
//! cargo run --example cors                            # then open http://127.0.0.1:3000
//! cargo run --example cors -- 127.0.0.1:8080          # another address
//! ```
//!
//! One program with two servers, because another port is already another origin: one has the page, the other
//! has the streams, on a port of its own that is printed. With tower-http's `CorsLayer` the second server
//! states what the page may read, and the browser enforces it.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::sleep;
use touka::extract::{LastEventId, State};
use touka::server::Listener;
use touka::{Event, EventStream, Router, route, routes, sse_handler};
use touka_examples::begin;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The token that the page sends. A real one comes from a login.
const TOKEN: &str = "Bearer open-sesame";

// ===== the page's server =====

/// The page, with the address of the streams inserted.
#[route(GET, "/")]
async fn index(State(streams): State<SocketAddr>) -> ([(&'static str, &'static str); 1], String) {
    let page = include_str!("page.html").replace("{streams}", &format!("http://{streams}"));
    ([("content-type", "text/html; charset=utf-8")], page)
}

fn app(streams: SocketAddr) -> Router {
    Router::new().mount(routes![index]).with_state(streams)
}

// ===== the streams' server =====

/// Readable for the page without credentials. `EventSource` requests it without a preflight.
#[sse_handler(retry = "1s")]
#[route(GET, "/count")]
async fn count(LastEventId(last): LastEventId) {
    let seen = last.and_then(|id| id.as_u64()).unwrap_or(0);
    for number in seen + 1.. {
        emit!(Event::data(number.to_string()).id(number));
        sleep(Duration::from_secs(1)).await;
    }
}

/// Readable only with the token.
///
/// An `EventSource` cannot send a header, so the page reads this one with `fetch`; and because of the header
/// the browser sends a preflight first, with OPTIONS.
#[sse_handler]
#[route(GET, "/secrets")]
async fn secrets(headers: HeaderMap) -> Result<EventStream, StatusCode> {
    if headers.get(AUTHORIZATION).is_none_or(|given| given != TOKEN) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    for secret in ["the", "cake", "is", "real"].into_iter().cycle() {
        emit!(secret);
        sleep(Duration::from_secs(1)).await;
    }
}

/// The origins that may read responses: pages of the first server, under either of its names.
fn cors(page: SocketAddr) -> CorsLayer {
    let names = [format!("http://{page}"), format!("http://localhost:{}", page.port())];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _: &Parts| {
            names.iter().any(|name| origin == name.as_str())
        }))
        .allow_methods([Method::GET])
        // Headers that a stream read with `fetch` sends, and that are not allowed by default.
        .allow_headers([AUTHORIZATION, HeaderName::from_static("last-event-id")])
}

/// A layer wraps every response, so the page can read a 401 too, and tell it from an unreachable server.
fn streams(page: SocketAddr) -> Router {
    Router::new().mount(routes![count, secrets]).layer(cors(page))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let streams_app = Listener::bind("127.0.0.1:0").await?;
    let app = app(streams_app.local_addr()?);
    let mut lines: Vec<String> = app.routes().map(ToString::to_string).collect();
    lines.push(format!("the streams: http://{}", streams_app.local_addr()?));
    let here = begin("cors", lines).await?;
    let streams = streams(here.local_addr()?);
    tokio::try_join!(app.serve(here), streams.serve(streams_app))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use touka::testing::{TestApp, TestRequest};

    use super::*;

    const PAGE: &str = "127.0.0.1:3000";
    const ORIGIN: &str = "http://127.0.0.1:3000";

    fn streams_app() -> TestApp {
        TestApp::new(streams(PAGE.parse().expect("an address")))
    }

    /// The status, and the origin that a browser would let read the response.
    async fn allowed(request: TestRequest, origin: &str) -> (StatusCode, Option<String>) {
        let answer = request.header("origin", origin).send().await;
        (answer.status(), answer.header("access-control-allow-origin").map(str::to_owned))
    }

    #[tokio::test]
    async fn the_page_has_the_address_of_its_streams() {
        let page = TestApp::new(app("127.0.0.1:4567".parse().expect("an address"))).get("/").send().await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = page.text().await;
        assert!(text.contains(r#"const STREAMS = "http://127.0.0.1:4567";"#) && text.contains("new EventSource("));
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_page_may_read_the_stream() {
        let streams_app = streams_app();
        for origin in [ORIGIN, "http://localhost:3000"] {
            assert_eq!(allowed(streams_app.get("/count"), origin).await, (StatusCode::OK, Some(origin.to_owned())));
        }
        for origin in ["http://127.0.0.1:3001", "https://127.0.0.1:3000", "http://localhost", "null"] {
            assert_eq!(allowed(streams_app.get("/count"), origin).await, (StatusCode::OK, None), "{origin}");
        }
        let mut events = streams_app.get("/count").header("last-event-id", "6").events().await;
        assert_eq!(events.next_event().await.expect("the stream goes on").data, "7");
        assert_eq!(events.next_event().await.expect("the stream goes on").data, "8");
        events.disconnect();
        streams_app.assert_nothing_left().await;
    }

    #[tokio::test]
    async fn the_page_can_read_the_401_without_a_token() {
        let wrong = streams_app().get("/secrets").header("authorization", "Bearer please");
        for request in [streams_app().get("/secrets"), wrong] {
            let (status, origin) = allowed(request, ORIGIN).await;
            assert_eq!((status, origin.as_deref()), (StatusCode::UNAUTHORIZED, Some(ORIGIN)));
        }
        let mut events = streams_app().get("/secrets").header("authorization", TOKEN).events().await;
        assert_eq!(events.next_event().await.expect("the stream goes on").data, "the");
    }

    #[tokio::test]
    async fn the_browser_may_send_the_token() {
        let asked = streams_app().request(Method::OPTIONS, "/secrets").header("origin", ORIGIN);
        let asked = asked.header("access-control-request-method", "GET");
        let answer = asked.header("access-control-request-headers", "authorization,last-event-id").send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,last-event-id"));
    }
}
