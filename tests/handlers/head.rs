//! The option `head`, and the method of that name: headers and extensions of a stream's response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use touka::extract::{LastEventId, State};
use touka::response::AppendHeaders;
use touka::testing::TestApp;
use touka::{Event, EventSender, EventStream, EventWriter, Hub, HubError, Router, route, routes, sse_handler};

fn events() -> EventStream {
    EventStream::generate(|out| async move {
        out.emit("here").await;
    })
}

/// The parameter is borrowed by the head, and moves into the body.
#[sse_handler(head = [("x-trace", trace.as_str())])]
#[route(GET, "/traced/{trace}")]
async fn traced(trace: String) {
    emit!(trace);
}

#[sse_handler(head = ([("x-trace", trace.clone()), ("cache-control", String::from("no-store"))], cookies()))]
#[route(GET, "/fallible/{trace}")]
async fn fallible(trace: String) -> Result<EventStream, StatusCode> {
    if trace == "none" {
        return Err(StatusCode::NOT_FOUND);
    }
    emit!(trace);
}

fn cookies() -> AppendHeaders<[(&'static str, &'static str); 2]> {
    AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")])
}

#[sse_handler(callback, head = [("x-trace", u32::from(left))])]
#[route(GET, "/callback/{left}")]
async fn called(mut left: u8, out: &mut EventWriter) -> bool {
    out.write("called").await;
    left -= 1;
    left > 0
}

#[sse_handler(channel = 4, head = [("x-trace", &headers["x-trace"])])]
#[route(GET, "/channel")]
async fn sent(headers: HeaderMap, events: EventSender) {
    let _ = events.send(headers["x-trace"].to_str().unwrap_or_default()).await;
}

#[sse_handler(head = state(hub)?)]
#[route(GET, "/stopped")]
async fn stopped(State(hub): State<Hub>) -> Result<EventStream, StatusCode> {
    emit!(format!("{hub:?}"));
}

fn state(_hub: &Hub) -> Result<[(&'static str, &'static str); 1], StatusCode> {
    Err(StatusCode::IM_A_TEAPOT)
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    Ok(hub.topic("a")?.subscribe(from).earliest().await?.head([("x-trace", "7")]).head(cookies()))
}

fn app() -> (TestApp, Hub) {
    let hub = Hub::memory();
    let router = Router::new().mount(routes![traced, fallible, called, sent, stopped, topic]);
    (TestApp::new(router.with_state(hub.clone())), hub)
}

#[tokio::test(start_paused = true)]
async fn the_option_adds_to_the_head_in_each_mode() {
    let (app, _) = app();
    for (path, trace, data) in [
        ("/traced/7", "7", "7"),
        ("/fallible/7", "7", "7"),
        ("/callback/1", "1", "called"),
        ("/channel", "sent", "sent"),
    ] {
        let mut events = app.get(path).header("x-trace", "sent").events().await;
        assert_eq!(
            [&events.headers()["x-trace"], &events.headers()[CONTENT_TYPE]],
            [trace, "text/event-stream"],
            "{path}"
        );
        let caching = if path == "/fallible/7" { "no-store" } else { "no-cache, no-transform" };
        assert_eq!(events.headers().get_all(CACHE_CONTROL).iter().collect::<Vec<_>>(), [caching], "{path}");
        assert_eq!(events.next_event().await.expect("an event").data, data, "{path}");
        assert!(events.rest().await.is_empty());
    }
    let events = app.get("/fallible/7").events().await;
    assert_eq!(events.headers().get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    // The head is the stream's: an error has one of its own.
    let response = app.get("/fallible/none").send().await;
    assert_eq!((response.status(), response.headers().get("x-trace")), (StatusCode::NOT_FOUND, None));
    assert_eq!(app.get("/stopped").send().await.status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_may_have_a_head() {
    let (app, hub) = app();
    hub.topic::<Event>("a").expect("a topic").publish("one").await.expect("publish");
    let mut events = app.get("/topic").events().await;
    assert_eq!(events.headers()["x-trace"], "7");
    assert_eq!(events.headers().get_all(SET_COOKIE).iter().count(), 2);
    assert_eq!(events.next_event().await.expect("an event").data, "one");
}

#[derive(Clone, Debug, PartialEq)]
struct Mark(u8);

/// Parts of a user's own: an extension, and no `x-accel-buffering`.
struct Own;

impl IntoResponseParts for Own {
    type Error = StatusCode;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, StatusCode> {
        response.extensions_mut().insert(Mark(7));
        response.headers_mut().remove("x-accel-buffering");
        Ok(response)
    }
}

fn names(response: &Response) -> Vec<&str> {
    let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_method_does_what_a_tuple_does() {
    let mut map = HeaderMap::new();
    map.append("x-trace", HeaderValue::from_static("7"));
    map.append("x-trace", HeaderValue::from_static("8"));
    let method = events().head(map.clone()).head(Own).into_response();
    let tuple = (Own, map, events()).into_response();
    for response in [&method, &tuple] {
        assert_eq!(names(response), ["cache-control", "content-type", "x-trace"]);
        assert_eq!((response.status(), response.extensions().get()), (StatusCode::OK, Some(&Mark(7))));
    }
    assert_eq!(
        method.headers().get_all("x-trace").iter().collect::<Vec<_>>(),
        tuple.headers().get_all("x-trace").iter().collect::<Vec<_>>()
    );
}

/// A head that cannot be sent is the response that it is in a tuple, and the body never runs.
#[tokio::test]
async fn parts_that_cannot_be_a_head_replace_the_stream() {
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let stream = EventStream::generate(|out| async move {
        runs.store(true, Ordering::Relaxed);
        out.emit("here").await;
    });
    let response = stream.head([("x-trace", "a\nb")]).head([("x-trace", "fine")]).into_response();
    let tuple = ([("x-trace", "a\nb")], events()).into_response();
    assert_eq!((response.status(), names(&response)), (tuple.status(), names(&tuple)));
    let text = |response: Response| async {
        use http_body_util::BodyExt;
        response.into_body().collect().await.expect("a body").to_bytes()
    };
    assert_eq!(text(response).await, text(tuple).await);
    assert!(!ran.load(Ordering::Relaxed));
}
