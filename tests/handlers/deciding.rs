//! Handlers that choose between JSON, HTML and a stream: `sse!` as one of several responses.

use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use support::Count;
use touka::extract::Json;
use touka::testing::TestApp;
use touka::{Event, EventStream, IntoEvent, Router, route, routes, sse};

#[route(GET, "/report?{steps}")]
async fn report(headers: HeaderMap, steps: Option<u32>) -> Result<Response, StatusCode> {
    let steps = steps.unwrap_or(2);
    let accept = headers.get("accept").ok_or(StatusCode::NOT_ACCEPTABLE)?;
    Ok(match accept.as_bytes() {
        b"application/json" => Json(steps).into_response(),
        b"text/event-stream" => sse! {
            for step in 1..=steps {
                yield Event::data(format!("step {step}")).id(u64::from(step));
            }
            emit!("done");
        }
        .keep_alive(Duration::from_secs(5))
        .into_response(),
        _ => return Err(StatusCode::NOT_ACCEPTABLE),
    })
}

#[tokio::test(start_paused = true)]
async fn one_function_answers_with_json_a_stream_or_a_status() {
    let touka = TestApp::new(Router::new().mount(routes![report]));
    let axum: axum::Router =
        axum::Router::new().route("/report", axum::routing::get(|headers: HeaderMap| report(headers, Some(3))));
    let axum = TestApp::new(axum);
    for (app, target, steps) in [(&touka, "/report?steps=3", 3), (&touka, "/report", 2), (&axum, "/report", 3)] {
        let mut events = app.get(target).header("accept", "text/event-stream").events().await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        for step in 1..=steps {
            assert_eq!(events.next_event().await.expect("an event").data, format!("step {step}"));
        }
        assert_eq!(events.next_event().await.expect("an event").data, "done");
        assert_eq!(events.next_event().await, None);

        let json = app.get(target).header("accept", "application/json").send().await;
        assert_eq!((json.status().as_u16(), json.header("content-type")), (200, Some("application/json")));
        assert_eq!(json.json::<u32>().await, steps);
        assert_eq!(app.get(target).header("accept", "text/plain").send().await.status(), 406);
    }
}

struct Tick(u32);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()).event("tick"))
    }
}

#[route(GET, "/race?{first}")]
async fn race(first: u32) -> EventStream<Tick> {
    sse! {
        let mut first = first;
        // In each round the ready branch wins, and the other one is dropped.
        while first > 0 {
            tokio::select! {
                biased;
                () = std::future::ready(()) => { yield Tick(first) }
                () = std::future::pending() => yield Tick(0),
            }
            first -= 1;
        }
        if first == 0 {
            return;
        }
        yield Tick(99);
    }
}

#[tokio::test(start_paused = true)]
async fn a_typed_block_emits_within_a_select_and_ends_at_its_return() {
    let mut events = TestApp::new(Router::new().mount(routes![race])).get("/race?first=3").events().await;
    for tick in ["3", "2", "1"] {
        let event = events.next_event().await.expect("an event");
        assert_eq!((event.name.as_str(), event.data.as_str()), ("tick", tick));
    }
    assert_eq!(events.next_event().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_block_drops_its_captures_when_its_client_leaves() {
    let count = Count::default();
    let taken = count.clone();
    let route = touka::routing::Route::new(http::Method::GET, "/held", move |_, ()| {
        let held = taken.hold();
        async move {
            sse! {
                yield "opened";
                std::future::pending::<()>().await;
                drop(held);
            }
        }
    });
    let app = TestApp::new(Router::new().mount([route]));
    let mut events = app.get("/held").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "opened");
    assert_eq!(count.get(), 1);
    events.disconnect();
    app.assert_nothing_left().await;
    assert_eq!(count.get(), 0, "the block was not dropped");
}
