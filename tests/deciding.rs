//! Handlers that first decide between JSON, HTML and a stream: `sse!` as one of several answers.

use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use support::{Client, Head, Running};
use touka::extract::Json;
use touka::{Event, EventStream, IntoEvent, Router, route, routes, sse};

/// Asks with an `accept` header.
async fn ask(server: &Running, target: &str, accept: &str) -> (Head, Client) {
    let mut client = Client::connect(server.address).await;
    client.send(&format!("GET {target} HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\n\r\n")).await;
    (client.head().await, client)
}

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

#[tokio::test]
async fn one_function_answers_with_json_a_stream_or_a_status() {
    let touka = Running::serve(Router::new().mount(routes![report])).await;
    let axum: axum::Router =
        axum::Router::new().route("/report", axum::routing::get(|headers: HeaderMap| report(headers, Some(3))));
    let axum = Running::serve(axum).await;
    for (server, target, steps) in [(&touka, "/report?steps=3", 3), (&touka, "/report", 2), (&axum, "/report", 3)] {
        let (head, mut client) = ask(server, target, "text/event-stream").await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
        for step in 1..=steps {
            assert_eq!(client.data().await, format!("step {step}"));
        }
        assert_eq!(client.data().await, "done");

        let (head, _) = ask(server, target, "application/json").await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("application/json")));
        assert_eq!(ask(server, target, "text/plain").await.0.status(), 406);
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
        // Each turn the one that is ready wins, and the other one is dropped.
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

#[tokio::test]
async fn a_typed_block_emits_within_a_select_and_ends_at_its_return() {
    let server = Running::serve(Router::new().mount(routes![race])).await;
    let mut client = Client::get(server.address, "/race?first=3").await;
    assert_eq!(client.head().await.status(), 200);
    for tick in ["3", "2", "1"] {
        let event = client.next().await.expect("a stream").expect("an event");
        assert_eq!((event.name.as_str(), event.data.as_str()), ("tick", tick));
    }
    assert_eq!(client.next().await.expect("a clean end"), None);
}

#[tokio::test]
async fn what_a_block_took_is_free_when_its_client_leaves() {
    let count = support::Count::default();
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
    let server = Running::serve(Router::new().mount([route])).await;
    let mut client = Client::stream(server.address, "/held").await;
    assert_eq!(client.data().await, "opened");
    assert_eq!(count.get(), 1);
    drop(client);
    support::until(Duration::from_mins(1), "the block is dropped", || count.get() == 0).await;
}
