//! Return types of handlers: streams with headers, pages, redirects, and any error by `?`.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use touka::extract::{FromRequest, Json, JsonRejection, ParamRejection, Query, QueryParams, QueryRejection};
use touka::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use touka::response::{ErrorResponse, HeaderMap, HeaderValue, Html, IntoResponse, Redirect, Response, StatusCode};
use touka::testing::TestApp;
use touka::{Event, EventId, EventStream, Hub, Router, response, route, routes, sse_handler};

fn events() -> EventStream {
    EventStream::generate(|out| async move {
        out.emit("here").await;
    })
}

#[route(GET, "/map")]
async fn with_map() -> (HeaderMap, EventStream) {
    let mut headers = HeaderMap::new();
    headers.insert("x-trace", HeaderValue::from_static("7"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (headers, events())
}

#[route(GET, "/array")]
async fn with_array() -> ([(&'static str, &'static str); 1], EventStream) {
    ([("x-trace", "7")], events())
}

#[route(GET, "/cookies")]
async fn with_cookies(jar: CookieJar) -> (CookieJar, EventStream) {
    (jar.add(Cookie::new("seen", "1")), events())
}

#[route(GET, "/fallible")]
async fn fallible(params: QueryParams) -> response::Result<([(&'static str, &'static str); 1], EventStream)> {
    let number: u8 = params.parse("number")?;
    if number == 0 {
        return Err((StatusCode::CONFLICT, "zero").into());
    }
    Ok(([("x-trace", "7")], events()))
}

#[tokio::test(start_paused = true)]
async fn a_tuple_puts_headers_before_a_stream() {
    let app = TestApp::new(Router::new().mount(routes![with_map, with_array, with_cookies, fallible]));
    for (path, name, value) in [
        ("/map", "x-trace", "7"),
        ("/map", "cache-control", "no-store"),
        ("/array", "x-trace", "7"),
        ("/array", "cache-control", "no-cache, no-transform"),
        ("/cookies", "set-cookie", "seen=1"),
        ("/fallible?number=1", "x-trace", "7"),
    ] {
        let mut events = app.get(path).events().await;
        assert_eq!(events.headers()[name], value, "{path}");
        assert_eq!(events.headers().get_all(name).iter().count(), 1, "{path}");
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        assert_eq!(events.next_event().await.expect("an event").data, "here");
    }
    let refused = app.get("/fallible?number=0").send().await;
    assert_eq!((refused.status().as_u16(), refused.text().await.as_str()), (409, "zero"));
    let refused = app.get("/fallible").send().await;
    assert_eq!(
        (refused.status().as_u16(), refused.text().await.as_str()),
        (400, "query parameter `number`: it is missing\n")
    );
}

/// Each kind of error becomes the one error of a response.
#[allow(clippy::unused_async, reason = "a handler is async, whatever its body does")]
async fn fails(way: &str) -> response::Result<()> {
    match way {
        "status" => Err(StatusCode::GONE)?,
        "tuple" => Err((StatusCode::CONFLICT, "taken"))?,
        "hub" => drop(Hub::memory().topic::<Event>("")?),
        "touka" => drop(EventId::new("\n")?),
        "axum" => Err(axum::response::ErrorResponse::from(StatusCode::LOCKED))?,
        _ => {}
    }
    Ok(())
}

#[sse_handler]
#[route(GET, "/early/{way}")]
async fn early(way: String) -> response::Result<EventStream> {
    fails(&way).await?;
    emit!("fine");
}

#[sse_handler]
#[route(GET, "/late/{way}")]
async fn late(way: String) -> Result<EventStream, ErrorResponse> {
    emit!("first");
    fails(&way).await?;
}

#[sse_handler(channel = 1)]
#[route(GET, "/channel/{way}")]
async fn channel(way: String, out: touka::EventSender) -> response::Result<EventStream> {
    fails(&way).await?;
    let _ = out.send("fine").await;
    Ok(())
}

fn sorry(_: ErrorResponse) -> Event {
    Event::data("sorry")
}

#[sse_handler(on_error = sorry)]
#[route(GET, "/told/{way}")]
async fn told(way: String) -> response::Result<EventStream> {
    emit!("first");
    fails(&way).await?;
}

#[tokio::test(start_paused = true)]
async fn any_response_is_an_error_of_a_handler() {
    let app = TestApp::new(Router::new().mount(routes![early, late, channel, told]));
    for (way, status) in [("status", 410), ("tuple", 409), ("hub", 400), ("touka", 500), ("axum", 423)] {
        for path in ["early", "channel"] {
            let response = app.get(&format!("/{path}/{way}")).send().await;
            assert_eq!(response.status(), status, "{path} {way}");
        }
        let mut events = app.get(&format!("/late/{way}")).events().await;
        assert_eq!(events.next_event().await.expect("an event").data, "first");
        let last = events.next_event().await.expect("an event");
        assert_eq!(last.name, "error");
        assert!(last.data.contains(&format!("\"status\":{status}")), "{way}: {}", last.data);
        let mut events = app.get(&format!("/told/{way}")).events().await;
        events.next_event().await.expect("an event");
        assert_eq!(events.next_event().await.expect("an event").data, "sorry");
    }
    assert_eq!(app.get("/early/none").events().await.next_event().await.expect("an event").data, "fine");
}

#[tokio::test(start_paused = true)]
async fn a_handler_with_axums_error_runs_in_axum() {
    #[sse_handler]
    async fn in_axum() -> axum::response::Result<EventStream> {
        fails("status").await?;
    }
    let app = TestApp::new(axum::Router::new().route("/", axum::routing::get(in_axum)));
    assert_eq!(app.get("/").send().await.status(), 410);
}

/// A function that is generic over errors needs no other bound than before.
#[tokio::test(start_paused = true)]
async fn a_generic_error_needs_to_be_a_response_only() {
    async fn open<E: IntoResponse + Send + 'static>(error: E) -> Result<EventStream, E> {
        EventStream::try_generate(|_| async move { Err(error) }).await
    }
    assert_eq!(open(StatusCode::GONE).await.unwrap_err(), StatusCode::GONE);
}

#[tokio::test(start_paused = true)]
async fn pages_and_redirects_have_their_headers() {
    fn head(response: impl IntoResponse, name: &str) -> (u16, String) {
        let response: Response = response.into_response();
        let value = response.headers().get(name).map(|value| value.to_str().expect("a text").to_owned());
        (response.status().as_u16(), value.unwrap_or_default())
    }
    assert_eq!(head(Html("<p>"), CONTENT_TYPE.as_str()), (200, "text/html; charset=utf-8".into()));
    assert_eq!(head(Json(7), CONTENT_TYPE.as_str()), (200, "application/json".into()));
    assert_eq!(head(Redirect::to("/a"), "location"), (303, "/a".into()));
    assert_eq!(head(Redirect::temporary("/b"), "location"), (307, "/b".into()));
    assert_eq!(head(Redirect::permanent("/c"), "location"), (308, "/c".into()));
    assert_eq!(head(Redirect::to("/\n"), "location"), (500, String::new()));
}

#[route(POST, "/json")]
async fn json(body: Result<Json<Vec<u8>>, JsonRejection>) -> String {
    let Err(error) = body else { return "fine".to_owned() };
    let kinds = [
        ("content type", error.is_content_type()),
        ("syntax", error.is_syntax()),
        ("data", error.is_data()),
        ("too large", error.is_too_large()),
        ("unreadable", error.is_unreadable()),
    ];
    let kinds: Vec<_> = kinds.into_iter().filter_map(|(kind, is)| is.then_some(kind)).collect();
    let source = std::error::Error::source(&error).is_some();
    format!("{} {kinds:?} {source} {}", error.status().as_u16(), error.body_text())
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_a_body_tells_its_kind() {
    let app = TestApp::new(Router::new().mount(routes![json]));
    let send = async |content_type: &str, body: String| {
        app.post("/json").header("content-type", content_type).body(body).send().await.text().await
    };
    let json = "application/json";
    assert_eq!(send(json, "[1]".into()).await, "fine");
    assert_eq!(
        send("text/plain", "[1]".into()).await,
        r#"415 ["content type"] false the body must be announced with `content-type: application/json`"#
    );
    assert!(send(json, "[1".into()).await.starts_with(r#"400 ["syntax"] true the body: EOF"#));
    assert!(send(json, "[true]".into()).await.starts_with(r#"400 ["data"] true the body: invalid type"#));
    // The server rejects a long body itself, so the extractor is called without it.
    let long = http::Request::post("/").header("content-type", json).body(" ".repeat(3 << 20).into());
    let error = Json::<u8>::from_request(long.expect("a request"), &()).await.expect_err("too long");
    assert!(error.is_too_large() && !error.is_unreadable() && !error.is_syntax(), "{error}");
    assert_eq!(error.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn rejections_of_a_query_tell_their_kinds() {
    use touka::extract::FromRequestParts;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only its rejections are looked at")]
    struct Filter {
        room: String,
        level: u8,
    }
    let reject = |target: &str| -> QueryRejection {
        let (mut parts, ()) = http::Request::get(target).body(()).expect("a request").into_parts();
        let read = std::pin::pin!(Query::<Filter>::from_request_parts(&mut parts, &()));
        match read.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(read) => read.expect_err("it does not fit"),
            std::task::Poll::Pending => panic!("a head is there at once"),
        }
    };
    assert!(reject("/?level=1").is_missing());
    assert!(reject("/?level=1&room=a&room=b").is_repeated());
    let invalid = reject("/?level=x&room=a");
    assert!(invalid.is_invalid() && !invalid.is_missing() && !invalid.is_repeated());
    assert_eq!(invalid.status(), StatusCode::BAD_REQUEST);
    assert_eq!(invalid.body_text(), "query: `level`: \"x\" is not a valid u8: invalid digit found in string");
    let (parts, ()) = http::Request::get("/?a=1&a=2").body(()).expect("a request").into_parts();
    let repeated: ParamRejection = QueryParams::from_parts(&parts).parse::<u8>("a").expect_err("two values");
    assert!(repeated.is_repeated() && repeated.is_query() && repeated.name() == "a");
}
