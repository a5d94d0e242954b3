//! Topics over HTTP: a client with the token publishes with a POST, every client can follow.
//!
//! ```text
//! cargo run --example publish                         # then open http://127.0.0.1:3000
//! cargo run --example publish -- 0.0.0.0:8080         # another address
//! curl -N http://127.0.0.1:3000/topics/news           # follow one topic
//! curl -N 'http://127.0.0.1:3000/follow?topic=news&topic=alerts'      # several on one connection
//! curl http://127.0.0.1:3000/topics/news -H 'authorization: Bearer demo' -d 'hello'
//! PUBLISH_TOKEN=secret PUBLISH_DISK=events.touka cargo run --example publish
//! ```
//!
//! The response to a POST is the event's id. A client that reconnects with an id gets the events after it, or
//! a `gap` event that says why some are missing. So does a page that was cut off by a restart, if the events
//! are kept in a file. [`market`] is a typed topic with one producer for all its clients, [`name`] has the
//! rules for topic names, `page.html` is the page.

mod market;
mod name;

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, StatusCode};
use market::Price;
use name::Name;
use touka::extract::{LastEventId, State};
use touka::topic::{HubError, OnLag, Retention};
use touka::{Event, EventStream, Hub, Router, route, routes};
use touka_examples::{Page, begin, page};

/// The token if `PUBLISH_TOKEN` is not set. Printed at the start.
const DEMO_TOKEN: &str = "demo";

#[derive(Clone)]
struct App {
    hub: Hub,
    token: Arc<str>,
}

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// Publishes the request's body, under the name of its topic, so that a page that follows several can tell
/// them apart.
#[route(POST, "/topics/{name}")]
async fn publish(
    _: Publisher,
    State(app): State<App>,
    name: Name,
    body: String,
) -> Result<(StatusCode, String), HubError> {
    let event = Event::data(body).event(name.as_event());
    let id = app.hub.topic::<Event>(&name)?.publish(event).await?;
    Ok((StatusCode::CREATED, format!("{id}\n")))
}

/// Follows one topic: from the client's id on, or from now on.
#[route(GET, "/topics/{name}")]
async fn follow(State(app): State<App>, name: Name, from: LastEventId) -> Result<EventStream, HubError> {
    app.hub.topic(&name)?.subscribe(from).await
}

/// Follows several on one connection. A new client gets the retained events.
#[route(GET, "/follow?{topic}")]
async fn follow_all(State(app): State<App>, topic: Vec<Name>, from: LastEventId) -> Result<EventStream, HubError> {
    app.hub.subscribe(topic, from)?.earliest().await
}

/// The newest price of each symbol, and then each change. The first client starts the market, and it stops
/// after the last.
#[route(GET, "/prices")]
async fn prices(State(app): State<App>, from: LastEventId) -> Result<EventStream<Price>, HubError> {
    let topic = app.hub.topic(name::PRICES)?;
    topic.set_retention(market::RETENTION);
    // A slow client needs no price that has changed since.
    topic.fed_by(market::trade).subscribe(from).earliest().on_lag(OnLag::Latest).await
}

/// A client with the token. The token is checked before the body is read.
struct Publisher;

impl FromRequestParts<App> for Publisher {
    type Rejection = (StatusCode, [(HeaderName, &'static str); 1], &'static str);

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let given = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match given.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if is_same(token, &app.token) => Ok(Self),
            _ => Err((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "publishing needs the token\n")),
        }
    }
}

/// Compares in constant time: a nearly correct token takes as long as any other.
fn is_same(given: &str, token: &str) -> bool {
    let differing = given.bytes().zip(token.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
    given.len() == token.len() && differing == 0
}

fn app(hub: Hub, token: &str) -> Router {
    hub.set_retention(Retention::new().events(1_000));
    let app = App { hub, token: token.into() };
    Router::new().mount(routes![index, publish, follow, follow_all, prices]).with_state(app)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = match env::var_os("PUBLISH_DISK") {
        Some(path) => Hub::open(path)?,
        None => Hub::memory(),
    };
    let token = env::var("PUBLISH_TOKEN").ok().filter(|token| !token.is_empty());
    let app = app(hub, token.as_deref().unwrap_or(DEMO_TOKEN));
    let mut lines: Vec<String> = app.routes().map(ToString::to_string).collect();
    if token.is_none() {
        lines.push(format!("the token: {DEMO_TOKEN}"));
    }
    let listener = begin("publish", lines).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::StreamExt;
    use serde_json::{Value, json};
    use tokio::time::{sleep, timeout};
    use touka::testing::{Events, TestApp, TestResponse};

    use super::*;

    fn serve() -> TestApp {
        TestApp::new(app(Hub::memory(), "open-sesame"))
    }

    async fn post(app: &TestApp, topic: &str, text: &str) -> TestResponse {
        let request = app.post(&format!("/topics/{topic}")).header("authorization", "Bearer open-sesame");
        request.body(text.to_owned()).send().await
    }

    /// Publishes a text, and returns its id.
    async fn tell(app: &TestApp, topic: &str, text: &str) -> String {
        let answer = post(app, topic, text).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.text().await.trim_end().to_owned()
    }

    /// The next event: its name and its data.
    async fn next(events: &mut Events) -> (String, String) {
        let event = events.next_event().await.expect("a topic never ends");
        (event.name.clone(), event.data)
    }

    fn told(topic: &str, text: &str) -> (String, String) {
        (topic.to_owned(), text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn published_events_reach_every_follower() {
        let app = serve();
        let mut one = app.get("/topics/news").events().await;
        let mut both = app.get("/follow?topic=news&topic=alerts").events().await;
        let mut other = app.get("/topics/alerts").events().await;
        let id = tell(&app, "news", "two\nlines").await;
        assert_eq!(next(&mut one).await, told("news", "two\nlines"));
        assert_eq!(one.last_event_id(), id);
        assert_eq!(next(&mut both).await, told("news", "two\nlines"));
        other.assert_pending().await;
        tell(&app, "alerts", "fire").await;
        assert_eq!(next(&mut both).await, told("alerts", "fire"));
        assert_eq!(next(&mut other).await, told("alerts", "fire"));
        for events in [one, both, other] {
            events.disconnect();
        }
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reconnects_misses_nothing() {
        for path in ["/topics/news", "/follow?topic=alerts&topic=news"] {
            let app = serve();
            let mut events = app.get(path).events().await;
            events.assert_pending().await;
            tell(&app, "news", "before").await;
            assert_eq!(next(&mut events).await, told("news", "before"));
            let last = events.last_event_id();
            events.disconnect();
            app.assert_nothing_left().await;
            let meanwhile = ["one", "two", "three"];
            for text in meanwhile {
                tell(&app, "news", text).await;
            }
            // A browser sends the header, a page that opens the connection itself the query.
            let sep = if path.contains('?') { '&' } else { '?' };
            let by_query = app.get(&format!("{path}{sep}lastEventId={last}"));
            for request in [app.get(path).header("last-event-id", &last), by_query] {
                let mut events = request.events().await;
                for text in meanwhile {
                    assert_eq!(next(&mut events).await, told("news", text));
                }
                events.assert_pending().await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_may_have_missed_events_gets_a_gap() {
        let app = serve();
        tell(&app, "news", "old").await;
        let mut events = app.get("/topics/news").header("last-event-id", "1.another0.7.000000").events().await;
        let gap = events.next_event().await.expect("an event");
        let data: Value = gap.json();
        assert_eq!((gap.name.as_str(), &data["reason"]), ("gap", &json!("foreign")));
        assert_eq!(next(&mut events).await, told("news", "old"));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_token_nothing_is_published() {
        let app = serve();
        let mut events = app.get("/topics/news").events().await;
        let wrong = ["Bearer open-sesamE", "Bearer open-sesame-", "Bearer ", "Basic open-sesame", "open-sesame"];
        for given in wrong.map(Some).into_iter().chain([None]) {
            let mut request = app.post("/topics/news");
            if let Some(given) = given {
                request = request.header("authorization", given);
            }
            let refused = request.body("false news").send().await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{given:?}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
        events.assert_pending().await;
    }

    #[tokio::test(start_paused = true)]
    async fn reserved_names_are_refused() {
        let app = serve();
        for name in ["gap", "error", "open", "message", "prices", "Caf%C3%A9", "a%20b", "a%2Fb"] {
            assert_eq!(post(&app, name, "x").await.status(), StatusCode::BAD_REQUEST, "{name}");
            let follow = app.get(&format!("/follow?topic={name}")).send().await;
            assert_eq!(follow.status(), StatusCode::BAD_REQUEST, "{name}");
        }
        let none = app.get("/follow").send().await;
        assert_eq!(none.status(), StatusCode::BAD_REQUEST, "{}", none.text().await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_market_for_all_clients() {
        let app = serve();
        let mut first = app.get("/prices").events().await;
        let mut second = app.get("/prices").events().await;
        let (mut seen, mut ids) = (Vec::new(), Vec::new());
        // Three rounds: if each client had a market of its own, there would be two prices of each symbol.
        for _ in 0..3 {
            for symbol in market::SYMBOLS {
                let event = first.next_event().await.expect("a price");
                assert_eq!(event.name, "tick");
                assert_eq!(event.json::<Value>()["symbol"], json!(symbol));
                seen.push(event.data);
                ids.push(first.last_event_id());
            }
        }
        for (data, id) in seen.iter().zip(&ids) {
            assert_eq!(&second.next_event().await.expect("the same price").data, data);
            assert_eq!(&second.last_event_id(), id);
        }
        first.disconnect();
        second.disconnect();
        app.assert_nothing_left().await;
    }

    /// A client begins with the current prices, and the market stops after the last client.
    #[tokio::test(start_paused = true)]
    async fn a_client_begins_with_current_prices() {
        let hub = Hub::memory();
        let app = TestApp::new(app(hub.clone(), "open-sesame"));
        let mut early = app.get("/prices").events().await;
        for _ in 0..market::SYMBOLS.len() * 5 {
            early.next_event().await.expect("a price");
        }
        let mut late = app.get("/prices").events().await;
        for symbol in market::SYMBOLS {
            assert_eq!(late.next_event().await.expect("a price").json::<Value>()["symbol"], json!(symbol));
        }
        assert_eq!(late.last_event_id(), early.last_event_id(), "no outdated price");
        early.disconnect();
        late.disconnect();
        app.assert_nothing_left().await;
        // The market goes on for a while, for a page that is reloaded.
        sleep(Duration::from_secs(10)).await;
        let mut news = hub.topic::<Event>("prices").expect("a name").subscribe(None).await.expect("subscribed");
        news.next().await.expect("first the position");
        let price = timeout(Duration::from_secs(10), news.next()).await;
        assert!(price.is_err(), "prices without a client: {price:?}");
    }
}
