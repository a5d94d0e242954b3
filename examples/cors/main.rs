//! A page here, its streams there.
//!
//! ```text
//! cargo run --example cors                            # then open http://127.0.0.1:3000
//! cargo run --example cors -- 127.0.0.1:8080          # another address
//! ```
//!
//! One program with two servers, because another port is another origin already: one has the page,
//! the other has the streams, on a port of its own that is printed. What the page may read there, the
//! second says with tower-http's `CorsLayer`, and the browser holds the page to it.

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

/// What the page says to be let in. A real one comes from a login.
const TOKEN: &str = "Bearer open-sesame";

// ===== the page's server =====

/// The page, with the place of the streams written into it.
#[route(GET, "/")]
async fn index(State(streams): State<SocketAddr>) -> ([(&'static str, &'static str); 1], String) {
    let page = include_str!("page.html").replace("{streams}", &format!("http://{streams}"));
    ([("content-type", "text/html; charset=utf-8")], page)
}

fn app(streams: SocketAddr) -> Router {
    Router::new().mount(routes![index]).with_state(streams)
}

// ===== the streams' server =====

/// Open to the page, as it is. `EventSource` asks for it, without a preflight.
#[sse_handler(retry = "1s")]
#[route(GET, "/count")]
async fn count(LastEventId(last): LastEventId) {
    let seen = last.and_then(|id| id.as_u64()).unwrap_or(0);
    for number in seen + 1.. {
        emit!(Event::data(number.to_string()).id(number));
        sleep(Duration::from_secs(1)).await;
    }
}

/// Only for those who have the token.
///
/// An `EventSource` cannot send a header, so the page reads this one with `fetch`; and because of the
/// header the browser asks first, with OPTIONS.
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

/// Who may read what is answered here: pages of the first server, under either of its names.
fn cors(page: SocketAddr) -> CorsLayer {
    let names = [format!("http://{page}"), format!("http://localhost:{}", page.port())];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _: &Parts| {
            names.iter().any(|name| origin == name.as_str())
        }))
        .allow_methods([Method::GET])
        // What a stream that is read with `fetch` sends, and nobody allows by default.
        .allow_headers([AUTHORIZATION, HeaderName::from_static("last-event-id")])
}

/// A layer goes around everything, so the page can read a 401 too, and tell it from a dead server.
fn streams(page: SocketAddr) -> Router {
    Router::new().mount(routes![count, secrets]).layer(cors(page))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let there = Listener::bind("127.0.0.1:0").await?;
    let app = app(there.local_addr()?);
    let mut lines: Vec<String> = app.routes().map(ToString::to_string).collect();
    lines.push(format!("the streams: http://{}", there.local_addr()?));
    let here = begin("cors", lines).await?;
    let streams = streams(here.local_addr()?);
    tokio::try_join!(app.serve(here), streams.serve(there))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use touka::testing::{TestApp, TestRequest};

    use super::*;

    const PAGE: &str = "127.0.0.1:3000";
    const ORIGIN: &str = "http://127.0.0.1:3000";

    fn there() -> TestApp {
        TestApp::new(streams(PAGE.parse().expect("an address")))
    }

    /// What the browser would let the page at this origin read.
    async fn allowed(request: TestRequest, origin: &str) -> (StatusCode, Option<String>) {
        let answer = request.header("origin", origin).send().await;
        (answer.status(), answer.header("access-control-allow-origin").map(str::to_owned))
    }

    #[tokio::test]
    async fn the_page_knows_where_its_streams_are() {
        let page = TestApp::new(app("127.0.0.1:4567".parse().expect("an address"))).get("/").send().await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = page.text().await;
        assert!(text.contains(r#"const STREAMS = "http://127.0.0.1:4567";"#) && text.contains("new EventSource("));
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_may_read_the_stream_and_nobody_else() {
        let there = there();
        for origin in [ORIGIN, "http://localhost:3000"] {
            assert_eq!(allowed(there.get("/count"), origin).await, (StatusCode::OK, Some(origin.to_owned())));
        }
        for origin in ["http://127.0.0.1:3001", "https://127.0.0.1:3000", "http://localhost", "null"] {
            assert_eq!(allowed(there.get("/count"), origin).await, (StatusCode::OK, None), "{origin}");
        }
        let mut events = there.get("/count").header("last-event-id", "6").events().await;
        assert_eq!(events.next_event().await.expect("it goes on").data, "7");
        assert_eq!(events.next_event().await.expect("it goes on").data, "8");
        events.disconnect();
        there.assert_nothing_left().await;
    }

    #[tokio::test]
    async fn who_has_no_token_is_told_so_and_the_page_can_read_it() {
        let wrong = there().get("/secrets").header("authorization", "Bearer please");
        for request in [there().get("/secrets"), wrong] {
            let (status, origin) = allowed(request, ORIGIN).await;
            assert_eq!((status, origin.as_deref()), (StatusCode::UNAUTHORIZED, Some(ORIGIN)));
        }
        let mut events = there().get("/secrets").header("authorization", TOKEN).events().await;
        assert_eq!(events.next_event().await.expect("it goes on").data, "the");
    }

    #[tokio::test]
    async fn the_browser_may_send_the_token() {
        let asked = there().request(Method::OPTIONS, "/secrets").header("origin", ORIGIN);
        let asked = asked.header("access-control-request-method", "GET");
        let answer = asked.header("access-control-request-headers", "authorization,last-event-id").send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,last-event-id"));
    }
}
