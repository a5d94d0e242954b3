//! Metrics that a server records through the `metrics` facade.

use std::net::SocketAddr;

use axum::response::sse;
use futures_util::stream;
use http::{StatusCode, Version};
use support::{Client, Running, Visitor};
use touka::extract::State;
use touka::server::Park;
use touka::topic::HubError;
use touka::{Event, EventStream, Hub, Router, Server, route, routes, sse_handler};

use crate::figures::Figures;

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) {
    emit!(room);
    emit!("two");
}

#[sse_handler]
#[route(GET, "/endless")]
async fn endless() {
    emit!("here");
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/fails")]
async fn fails() -> Result<EventStream, StatusCode> {
    emit!("here");
    Err(StatusCode::CONFLICT)?;
}

#[sse_handler(write_timeout = "100ms")]
#[route(GET, "/flood")]
async fn flood() {
    loop {
        emit!(Event::data("x".repeat(1024)));
    }
}

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String) -> Result<EventStream, HubError> {
    hub.topic(name)?.subscribe(None).await
}

#[route(POST, "/topics/{name}")]
async fn publish(State(hub): State<Hub>, name: String) -> Result<StatusCode, HubError> {
    hub.topic::<Event>(name)?.publish("here").await?;
    Ok(StatusCode::CREATED)
}

#[route(POST, "/plain")]
async fn plain() -> StatusCode {
    StatusCode::ACCEPTED
}

/// Runs on this thread only, where the recorder is installed.
fn recorded<F: Future<Output = ()>>(run: impl FnOnce(SocketAddr, Figures) -> F) {
    recorded_with(Server::new(), run);
}

fn recorded_with<F: Future<Output = ()>>(server: Server, run: impl FnOnce(SocketAddr, Figures) -> F) {
    Figures::recorded(|figures| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let events = || sse::Sse::new(stream::iter([Ok::<_, touka::Error>(sse::Event::default().data("here"))]));
            let other = axum::Router::new().route("/of/axum", axum::routing::get(move || async move { events() }));
            let routes = routes![room, endless, fails, flood, topic, publish, plain];
            let router = Router::new().mount(routes).fallback_service(other).with_state(Hub::memory());
            let server = Running::serve_with(server, router).await;
            run(server.address, figures).await;
        });
    });
}

#[test]
fn a_stream_is_counted_from_its_opening_to_its_end() {
    recorded(|address, mut figures| async move {
        let mut open = Client::stream(address, "/endless").await;
        assert_eq!(open.data().await, "here");
        assert_eq!(figures.get("touka_streams_open route=/endless"), 1);
        assert_eq!(figures.get("touka_streams_opened_total route=/endless"), 1);
        assert_eq!(figures.get("touka_first_event_seconds route=/endless"), 1);
        assert_eq!(figures.get("touka_stream_seconds route=/endless"), 0);
        drop(open);
        figures.comes_to("touka_streams_closed_total reason=disconnected route=/endless", 1).await;
        assert_eq!(figures.get("touka_streams_open route=/endless"), 0);
    });
}

/// Events and bytes are counted as written, and labeled with the route, not the path.
#[test]
fn events_and_bytes_are_labeled_with_the_route() {
    recorded(|address, mut figures| async move {
        for room in ["red", "green"] {
            let mut visitor = Visitor::connect(address, Version::HTTP_2).await;
            let text = visitor.stream(&format!("/rooms/{room}")).await.text().await;
            assert_eq!(text, format!("data: {room}\n\ndata: two\n\n"));
        }
        figures.comes_to("touka_streams_closed_total reason=completed route=/rooms/{room}", 2).await;
        assert_eq!(figures.get("touka_events_total route=/rooms/{room}"), 4);
        assert_eq!(figures.get("touka_bytes_total route=/rooms/{room}"), 11 + 11 + 13 + 11);
        let all = figures.all();
        assert!(all.keys().all(|name| !name.contains("red")), "a client chose a label: {all:?}");
    });
}

#[test]
fn each_end_has_its_reason_and_a_blocked_write_is_counted() {
    recorded(|address, mut figures| async move {
        let mut failed = Client::stream(address, "/fails").await;
        while failed.next().await.expect("a clean end").is_some() {}
        figures.comes_to("touka_streams_closed_total reason=failed route=/fails", 1).await;
        let mut visitor = Visitor::connect(address, Version::HTTP_11).await;
        let unread = visitor.stream("/flood").await;
        figures.comes_to("touka_streams_closed_total reason=stalled route=/flood", 1).await;
        drop(unread);
    });
    recorded(|address, mut figures| async move {
        let mut visitor = Visitor::connect(address, Version::HTTP_11).await;
        let _unread = visitor.stream("/flood").await;
        figures.comes_to("touka_stalls_total ", 1).await;
    });
}

#[test]
fn a_requests_latency_is_recorded_when_its_stream_begins() {
    recorded(|address, mut figures| async move {
        let _open = Client::stream(address, "/endless").await;
        // The stream is open, and its latency is recorded.
        assert_eq!(figures.get("touka_request_seconds method=GET route=/endless status=200"), 1,);
        let mut client = Client::connect(address).await;
        client.send("POST /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.response().await;
        client.send("MOVE /nothing HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.response().await;
        assert_eq!(figures.get("touka_request_seconds method=POST route=/plain status=202"), 1);
        assert_eq!(figures.get("touka_request_seconds method=other route= status=404"), 1);
    });
}

#[test]
fn a_stream_of_another_library_is_counted_too() {
    recorded(|address, mut figures| async move {
        let mut visitor = Visitor::connect(address, Version::HTTP_11).await;
        assert_eq!(visitor.stream("/of/axum").await.text().await, "data: here\n\n");
        figures.comes_to("touka_streams_closed_total reason=completed route=/of/axum", 1).await;
        assert_eq!(figures.get("touka_bytes_total route=/of/axum"), 12);
        assert_eq!(figures.get("touka_events_total route=/of/axum"), 0);
    });
}

#[test]
fn a_parked_subscription_is_counted_like_a_body() {
    for park in [Park::Auto, Park::Never] {
        let server = Server::new().park(park);
        let handle = server.handle();
        recorded_with(server, |address, mut figures| async move {
            let mut open = Client::stream(address, "/topics/a").await;
            assert_eq!(handle.streams()[0].is_parked(), park == Park::Auto);
            figures.comes_to("touka_streams_open route=/topics/{name}", 1).await;
            assert_eq!(figures.get("touka_request_seconds method=GET route=/topics/{name} status=200"), 1);
            assert_eq!(figures.get("touka_first_event_seconds route=/topics/{name}"), 0);
            let mut posts = Client::connect(address).await;
            posts.send("POST /topics/a HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(posts.head().await.status(), 201);
            let event = open.next().await.expect("a whole event").expect("an event");
            figures.comes_to("touka_events_total route=/topics/{name}", 1).await;
            assert_eq!(figures.get("touka_first_event_seconds route=/topics/{name}"), 1);
            // The checkpoint at the opening, and the event.
            let (checkpoint, id) = ("id: 1.abcdefgh.0.000000\n\n".len(), event.id.len());
            let bytes = checkpoint + "id: \ndata: here\n\n".len() + id;
            assert_eq!(figures.get("touka_bytes_total route=/topics/{name}"), i64::try_from(bytes).expect("few"));
            drop(open);
            figures.comes_to("touka_streams_closed_total reason=disconnected route=/topics/{name}", 1).await;
            assert_eq!(figures.get("touka_streams_open route=/topics/{name}"), 0);
            assert_eq!(figures.get("touka_stream_seconds route=/topics/{name}"), 1);
        });
    }
}
