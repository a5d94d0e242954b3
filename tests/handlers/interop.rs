//! touka in axum, axum in touka: the same traits, the same services.

use std::time::Duration;

use axum::extract::{Query, State as AxumState};
use axum::routing::{get, post};
use serde::Deserialize;
use support::{Client, Running};
use touka::extract::State;
use touka::testing::TestApp;
use touka::{Event, EventStream, Router, route, routes, sse_handler};

#[derive(Clone)]
struct App {
    name: &'static str,
}

#[derive(Deserialize)]
struct From {
    from: u32,
}

/// axum's extractors in a touka handler.
#[sse_handler]
async fn counting(Query(From { from }): Query<From>, AxumState(app): AxumState<App>) {
    for number in from..from + 3 {
        emit!(Event::data(format!("{} {number}", app.name)).id(number));
    }
}

#[sse_handler]
async fn checked(body: axum::Json<u32>) -> Result<EventStream, http::StatusCode> {
    let checked = if body.0 > 9 { Err(http::StatusCode::UNPROCESSABLE_ENTITY) } else { Ok(body.0) };
    emit!(checked?.to_string());
}

#[tokio::test]
async fn an_annotated_function_is_an_axum_handler() {
    let app = axum::Router::new()
        .route("/counting", get(counting))
        .route("/checked", post(checked))
        .with_state(App { name: "axum" });
    // axum's own server: touka's is not involved.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let mut client = Client::stream(address, "/counting?from=7").await;
    for number in 7..10 {
        let event = client.next().await.unwrap().unwrap();
        assert_eq!((event.data, event.id), (format!("axum {number}"), number.to_string()));
    }
    assert_eq!(client.next().await.unwrap(), None);

    for (number, status) in [("7", 200), ("70", 422)] {
        let mut client = Client::connect(address).await;
        let length = number.len();
        let head = format!(
            "POST /checked HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        client.send(head + number).await;
        assert_eq!(client.head().await.status(), status);
    }
}

#[sse_handler]
#[route(GET, "/feed/{room}")]
async fn feed(room: String, State(app): State<App>) {
    emit!(Event::data(format!("{room} of {}", app.name)).event("said"));
}

fn touka_router() -> Router {
    Router::new().mount(routes![feed]).with_state(App { name: "touka" })
}

#[tokio::test]
async fn a_router_mounts_inside_axum() {
    let nested = axum::Router::new().nest_service("/live", touka_router());
    let fallback = axum::Router::new().route("/", get(|| async { "axum" })).fallback_service(touka_router());
    for (app, path) in [(nested, "/live/feed/den"), (fallback, "/feed/den")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut client = Client::stream(address, path).await;
        let event = client.next().await.unwrap().unwrap();
        assert_eq!((event.name.as_str(), event.data.as_str()), ("said", "den of touka"));
        assert_eq!(Client::get(address, "/live/nowhere").await.head().await.status(), 404);
    }
}

/// Runs the same functions under axum's routes in touka's server.
#[tokio::test]
async fn an_axum_router_runs_in_toukas_server() {
    let app = axum::Router::new()
        .route("/counting", get(counting))
        .with_state(App { name: "both" })
        .nest_service("/touka", touka_router());
    let mut server = Running::serve(app).await;
    let mut client = Client::stream(server.address, "/counting?from=1").await;
    assert_eq!(client.data().await, "both 1");
    let mut client = Client::stream(server.address, "/touka/feed/hall").await;
    assert_eq!(client.data().await, "hall of touka");
    let (head, _) = Client::get(server.address, "/counting?from=x").await.response().await;
    assert_eq!(head.status(), 400);
    server.stop();
    server.stopped(Duration::from_secs(10)).await;
}

/// axum's extractors in a touka route.
#[tokio::test(start_paused = true)]
async fn axums_extractors_work_in_a_route() {
    #[route(GET, "/sum/{left}")]
    #[sse_handler]
    async fn sum(left: u32, Query(From { from }): Query<From>, AxumState(app): AxumState<App>) {
        emit!(format!("{} {}", app.name, left + from));
    }
    #[route(POST, "/json")]
    async fn json(AxumState(app): AxumState<App>, axum::Json(number): axum::Json<u32>) -> axum::Json<(String, u32)> {
        axum::Json((app.name.to_owned(), number))
    }
    let app = TestApp::new(Router::new().mount(routes![sum, json]).with_state(App { name: "x" }));
    let mut events = app.get("/sum/4?from=3").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "x 7");
    assert_eq!(app.post("/json").json(&5).send().await.text().await, r#"["x",5]"#);
    let refused = app.post("/json").body("5").send().await;
    assert_eq!(refused.status(), 415, "a rejection is axum's own");
}

/// axum-extra's extractors in a touka route.
#[tokio::test(start_paused = true)]
async fn axum_extras_extractors_work_in_a_route() {
    use axum_extra::TypedHeader;
    use axum_extra::extract::CookieJar;
    use axum_extra::headers::UserAgent;

    #[sse_handler]
    #[route(GET, "/who")]
    async fn who(cookies: CookieJar, TypedHeader(agent): TypedHeader<UserAgent>) {
        let user = cookies.get("user").map_or("nobody", |cookie| cookie.value());
        emit!(format!("{user} with {agent}"));
    }
    let app = TestApp::new(Router::new().mount(routes![who]));
    let mut events = app.get("/who").header("cookie", "user=ada").header("user-agent", "test/1").events().await;
    assert_eq!(events.next_event().await.expect("an event").data, "ada with test/1");
    assert_eq!(app.get("/who").send().await.status(), 400, "a rejection is axum-extra's own");
}
