//! The test kit: what it shows of an app, and the messages of a failing test.

#![allow(clippy::unused_async, reason = "a handler is async, whatever its body does")]

mod failures;
mod reading;
mod stalling;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use support::Count;
use tokio::time::sleep;
use touka::extract::{LastEventId, State};
use touka::testing::{Received, TestApp};
use touka::{Emitter, Event, EventStream, Router, route, routes, sse_handler};

const MINUTE: Duration = Duration::from_mins(1);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u32,
}

#[sse_handler]
#[route(GET, "/prices")]
async fn prices(out: Emitter) {
    out.emit(Event::new().retry(Duration::from_secs(2))).await;
    out.emit(Event::data(r#"{"cents":120}"#).event("price").id(1)).await;
    out.emit(Event::data("no JSON").comment("odd").id(2)).await;
    sleep(MINUTE).await;
    out.emit(Event::data(r#"{"cents":130}"#).event("price")).await;
}

#[sse_handler]
#[route(GET, "/silent")]
async fn silent(State(held): State<Count>) {
    let _held = held.hold();
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/flood")]
async fn flood(State(held): State<Count>) {
    loop {
        emit!("x".repeat(1000));
        held.add();
    }
}

/// Counts to three, and responds with 204 to a client that has seen the three.
#[route(GET, "/count")]
async fn count(LastEventId(last): LastEventId) -> Result<EventStream, StatusCode> {
    let seen = last.and_then(|id| id.as_u64()).unwrap_or(0);
    if seen == 3 {
        return Err(StatusCode::NO_CONTENT);
    }
    Ok(EventStream::generate(move |out| async move {
        for number in seen + 1..=3 {
            out.emit(Event::data(number.to_string()).id(number)).await;
        }
        // A block without data moves the id and is no event.
        out.emit(Event::new().id(3)).await;
    }))
}

#[route(POST, "/echo")]
async fn echo(body: String) -> String {
    body
}

#[route(GET, "/never")]
async fn never(State(held): State<Count>) {
    let _held = held.hold();
    std::future::pending::<()>().await;
}

fn app(held: &Count) -> TestApp {
    let routes = routes![prices, silent, flood, count, echo, never];
    TestApp::new(Router::new().mount(routes).with_state(held.clone()))
}

/// The text of the panic that a test would fail with.
async fn failure(test: impl Future<Output = ()>) -> String {
    let panic = AssertUnwindSafe(test).catch_unwind().await.expect_err("nothing failed");
    *panic.downcast::<String>().expect("a message")
}

fn event(name: &str, data: &str, id: &str) -> Received {
    Received { name: name.to_owned(), data: data.to_owned(), id: id.to_owned() }
}
