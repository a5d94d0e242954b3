//! touka inside an existing axum app.
//!
//! ```text
//! cargo run --example axum                            # then open http://127.0.0.1:3000
//! cargo run --example axum -- 0.0.0.0:8080            # another address
//! curl -N http://127.0.0.1:3000/orders/feed           # every order, as it changes
//! curl -N http://127.0.0.1:3000/live/clock            # a route of the touka router in it
//! ```
//!
//! A kitchen that takes orders. The app is axum's: its routes, its state, its extractors. Two of its handlers
//! are event streams, which takes one attribute each, and a touka router is mounted beside them. No existing
//! code has to move.

mod kitchen;

use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use kitchen::{Kitchen, Order, Stage};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};
use touka::extract::LastEventId;
use touka::{Event, EventStream, route, routes, sse_handler};
use touka_examples::begin;

// ===== the existing app =====

async fn index() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

#[derive(Deserialize)]
struct NewOrder {
    dish: String,
}

async fn order(
    State(kitchen): State<Kitchen>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), StatusCode> {
    let dish = new.dish.trim();
    if dish.is_empty() || dish.chars().count() > 60 {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok((StatusCode::CREATED, Json(kitchen.take(dish))))
}

async fn orders(State(kitchen): State<Kitchen>) -> Json<Vec<Order>> {
    Json(kitchen.orders())
}

// ===== new: two handlers =====

/// A filter for orders.
#[derive(Deserialize)]
struct Wanted {
    stage: Option<Stage>,
}

/// Every order in its current stage, and then each as it changes.
///
/// The extractors are axum's; they work with the attribute as usual.
#[sse_handler(retry = "2s")]
async fn feed(Query(wanted): Query<Wanted>, State(kitchen): State<Kitchen>) -> EventStream<Order> {
    let mut watch = kitchen.watch();
    let mut version = 0;
    loop {
        // A slow client gets each order once, in its current stage: a kitchen has no use for the stages that
        // it missed.
        let changed = kitchen.changed_since(version);
        for order in changed {
            version = version.max(order.version);
            if wanted.stage.is_none_or(|stage| stage == order.stage) {
                emit!(order);
            }
        }
        if watch.changed().await.is_err() {
            return;
        }
    }
}

/// One order until it is served: a stream that can be refused, and that ends.
///
/// With `#[route]`, touka itself responds to a client that has seen the end. With axum's routes this is the
/// one thing to do by hand, before anything else.
#[sse_handler(end = "served")]
async fn track(
    Path(number): Path<u64>,
    State(kitchen): State<Kitchen>,
    last: LastEventId,
) -> Result<EventStream<Order>, StatusCode> {
    if last.ended("served") {
        return Err(StatusCode::NO_CONTENT);
    }
    let mut watch = kitchen.watch();
    let mut version = 0;
    loop {
        let order = match kitchen.order(number) {
            Some(order) => order,
            // Served before it was removed: a client that missed the end gets it now.
            None if kitchen.has_removed(number) => return Ok(()),
            None => return Err(StatusCode::NOT_FOUND),
        };
        let is_served = order.stage == Stage::Served;
        if order.version > version {
            version = order.version;
            emit!(order);
        }
        if is_served || watch.changed().await.is_err() {
            return Ok(());
        }
    }
}

// ===== new: a router =====

/// The seconds that the client has listened, once a second.
#[sse_handler]
#[route(GET, "/clock")]
async fn clock() {
    let mut ticks = interval(Duration::from_secs(1));
    // After a pause, one tick with the current time instead of all missed ones.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = ticks.tick().await;
    loop {
        emit!(Event::data(began.elapsed().as_secs().to_string()));
        ticks.tick().await;
    }
}

fn app(kitchen: Kitchen) -> axum::Router {
    axum::Router::new()
        .route("/", get(index))
        .route("/orders", get(orders).post(order))
        .route("/orders/feed", get(feed))
        .route("/orders/{number}/track", get(track))
        .with_state(kitchen)
        // A touka router is a tower service, and has a state of its own.
        .nest_service("/live", touka::Router::new().mount(routes![clock]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Kitchen::open());
    // axum does not expose its routes.
    let routes = ["/", "/orders", "/orders/feed", "/orders/{number}/track", "/live/clock"];
    let listener = begin("axum", routes).await?;
    // `axum::serve(tokio_listener, app)` serves all of this too. touka's server also ends streams: at ctrl-c
    // it closes each one between two events. axum's graceful shutdown waits for them, unless
    // `app.layer(handle.layer())` ends them (see `touka::server::Handle::layer`), or, for streams of topics
    // alone, `Hub::close`.
    Ok(touka::serve(listener, app).await?)
}

#[cfg(test)]
mod tests {
    use kitchen::COOKING;
    use serde_json::{Value, json};
    use touka::testing::{Events, TestApp};

    use super::*;

    fn restaurant() -> TestApp {
        // The kit runs any service, including an `axum::Router`.
        TestApp::new(app(Kitchen::open())).timeout(Duration::from_mins(1))
    }

    async fn take(app: &TestApp, dish: &str) -> u64 {
        let response = app.post("/orders").json(&json!({ "dish": dish })).send().await;
        assert_eq!(response.status(), 201);
        response.json::<Value>().await["number"].as_u64().expect("a number")
    }

    /// The next order of the feed: its number and its stage.
    async fn next(events: &mut Events) -> (u64, String) {
        let order: Value = events.next_json().await;
        (order["number"].as_u64().expect("a number"), order["stage"].as_str().expect("a text").to_owned())
    }

    fn stage(number: u64, stage: &str) -> (u64, String) {
        (number, stage.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn the_feed_has_current_orders_and_their_changes() {
        let app = restaurant();
        assert_eq!(take(&app, "soup").await, 1);
        let mut events = app.get("/orders/feed").events().await;
        assert_eq!(next(&mut events).await, stage(1, "new"));
        assert!(events.retry().is_some());
        events.assert_silent(COOKING / 2).await;
        assert_eq!(take(&app, "bread").await, 2);
        assert_eq!(next(&mut events).await, stage(2, "new"));
        for expected in [stage(1, "cooking"), stage(2, "cooking"), stage(1, "served"), stage(2, "served")] {
            assert_eq!(next(&mut events).await, expected);
        }
        events.assert_pending().await;
        events.disconnect();
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn axums_extractors_filter_the_feed() {
        let app = restaurant();
        let mut events = app.get("/orders/feed?stage=served").events().await;
        take(&app, "soup").await;
        assert_eq!(next(&mut events).await, stage(1, "served"));
        assert_eq!(app.get("/orders/feed?stage=burnt").send().await.status(), 400, "axum's own response");
    }

    #[tokio::test(start_paused = true)]
    async fn one_order_is_tracked_to_its_end() {
        let app = restaurant();
        take(&app, "soup").await;
        let mut events = app.get("/orders/1/track").events().await;
        let rest = events.rest().await;
        let names: Vec<&str> = rest.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["order", "order", "order", "served"]);
        assert!(events.reconnect().await.is_none(), "no 204");
        assert_eq!(app.get("/orders/2/track").send().await.status(), 404);
    }

    /// The events have no ids: a client that is cut off before the end gets the order once more, and then the
    /// end.
    #[tokio::test(start_paused = true)]
    async fn a_client_cut_off_before_the_end_gets_the_end() {
        let app = restaurant();
        take(&app, "soup").await;
        let mut events = app.get("/orders/1/track").events().await;
        for expected in ["new", "cooking", "served"] {
            assert_eq!(next(&mut events).await, stage(1, expected));
        }
        let mut events = events.reconnect().await.expect("the end is yet to come");
        assert_eq!(next(&mut events).await, stage(1, "served"));
        assert_eq!(events.next_event().await.expect("the end").name, "served");
        assert!(events.reconnect().await.is_none(), "no 204");
    }

    /// A removed order was served, so every client that asks for it gets the end.
    #[tokio::test(start_paused = true)]
    async fn a_removed_order_has_an_end_too() {
        let app = restaurant();
        take(&app, "soup").await;
        let mut events = app.get("/orders/1/track").events().await;
        assert_eq!(next(&mut events).await, stage(1, "new"));
        for _ in 0..kitchen::MAX_ORDERS {
            take(&app, "bread").await;
        }
        for mut events in [events, app.get("/orders/1/track").events().await] {
            assert_eq!(events.next_event().await.expect("the end").name, "served");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_router_inside_has_its_own_routes() {
        let app = restaurant();
        let mut events = app.get("/live/clock").events().await;
        assert_eq!([events.next_json::<u64>().await, events.next_json().await, events.next_json().await], [0, 1, 2]);
        assert_eq!(app.get("/live/nothing").send().await.status(), 404);
    }

    #[tokio::test]
    async fn the_existing_app_is_unchanged() {
        let app = restaurant();
        assert!(app.get("/").send().await.text().await.contains("new EventSource("));
        take(&app, " soup ").await;
        let orders = app.get("/orders").send().await.json::<Value>().await;
        assert_eq!((&orders[0]["dish"], orders.as_array().map(Vec::len)), (&json!("soup"), Some(1)));
        let bad = app.post("/orders").json(&json!({"dish": " "})).send().await;
        assert_eq!(bad.status(), 422);
    }
}
