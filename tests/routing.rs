//! From a path and a method to the handler, its captures and its state; and layers and fallbacks around it.

use axum_core::extract::FromRef;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use support::Count;
use touka::extract::{LastEventId, Params, State};
use touka::routing::Route;
use touka::testing::TestApp;
use touka::{Router, route, routes, sse_handler};

async fn get(app: &TestApp, path: &str) -> (u16, String) {
    let response = app.get(path).send().await;
    (response.status().as_u16(), response.text().await)
}

#[route(GET, "/")]
async fn index() -> &'static str {
    "index"
}

#[route(GET, "/rooms/{room}/posts/{post}")]
async fn post(post: u32, headers: HeaderMap, room: String, method: Method) -> String {
    format!("{room} {post} {method} {}", headers.len())
}

#[route(GET, "/files/{*path}")]
async fn file(path: String) -> String {
    path
}

#[route(POST, "/files/{*path}")]
async fn upload(path: String, body: String) -> (StatusCode, String) {
    (StatusCode::CREATED, format!("{path} {body}"))
}

/// Captures are decoded and parsed, in any order among extractors.
#[tokio::test(start_paused = true)]
async fn captures_are_decoded_and_parsed() {
    let app = TestApp::new(Router::new().mount(routes![index, post, file, upload]));
    assert_eq!(get(&app, "/").await, (200, "index".into()));
    assert_eq!(get(&app, "/rooms/a%20b%2Fc/posts/7").await, (200, "a b/c 7 GET 1".into()));
    assert_eq!(get(&app, "/rooms/%E2%82%AC/posts/7?x=1").await, (200, "€ 7 GET 1".into()));
    assert_eq!(get(&app, "/files/a/b.txt").await, (200, "a/b.txt".into()));

    let uploaded = app.post("/files/x").body("body").send().await;
    assert_eq!(uploaded.status(), 201);
    assert_eq!(uploaded.text().await, "x body");
}

#[tokio::test(start_paused = true)]
async fn an_unmatched_request_is_named_in_the_response() {
    let app = TestApp::new(Router::new().mount(routes![index, post, file, upload]));
    assert_eq!(get(&app, "/nowhere").await, (404, "no route at /nowhere\n".into()));
    assert_eq!(get(&app, "/rooms/1").await, (404, "no route at /rooms/1\n".into()));
    assert_eq!(
        get(&app, "/rooms/a/posts/x").await,
        (400, "path parameter `post`: \"x\" is not a valid u32: invalid digit found in string\n".into())
    );
    assert_eq!(get(&app, "/rooms/%FF/posts/1").await, (400, "path parameter `room`: it is not UTF-8\n".into()));
    let long = get(&app, &format!("/{}", "x".repeat(5000))).await;
    assert!(long.0 == 404 && long.1.len() < 300, "{long:?}");

    let refused = app.delete("/files/x").send().await;
    assert_eq!((refused.status().as_u16(), refused.header("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(refused.text().await, "/files/x does not answer DELETE, only GET, HEAD, POST\n");
}

#[derive(Clone)]
struct App {
    name: &'static str,
    limit: u32,
}

impl FromRef<App> for u32 {
    fn from_ref(app: &App) -> u32 {
        app.limit
    }
}

#[route(GET, "/state")]
async fn state(State(app): State<App>, State(limit): State<u32>) -> String {
    format!("{} {limit}", app.name)
}

#[sse_handler]
#[route(GET, "/resume")]
async fn resume(LastEventId(last): LastEventId) {
    emit!(last.map_or_else(|| "none".to_owned(), |id| id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn state_and_its_parts_reach_handlers_under_a_prefix() {
    let app = App { name: "app", limit: 9 };
    let router = Router::new().nest("/api", routes![state, index]).mount(routes![state]).with_state(app);
    let app = TestApp::new(router);
    assert_eq!(get(&app, "/api/state").await, (200, "app 9".into()));
    assert_eq!(get(&app, "/state").await, (200, "app 9".into()));
    assert_eq!(get(&app, "/api").await, (200, "index".into()));
    assert_eq!(get(&app, "/api/").await.0, 404, "one spelling, one resource");
}

#[tokio::test(start_paused = true)]
async fn a_router_with_state_takes_routes_of_another() {
    let app = App { name: "first", limit: 1 };
    let router: Router<App> = Router::new().mount(routes![state]).with_state(app);
    let router = router.nest("/other", routes![state]).with_state(App { name: "second", limit: 2 });
    let app = TestApp::new(router);
    assert_eq!(get(&app, "/state").await, (200, "first 1".into()));
    assert_eq!(get(&app, "/other/state").await, (200, "second 2".into()));
}

#[tokio::test(start_paused = true)]
async fn the_last_event_id_is_utf8_and_invalid_ones_are_ignored() {
    let app = TestApp::new(Router::new().mount(routes![resume]));
    for (sent, seen) in [(&b"41"[..], "41"), ("…7".as_bytes(), "…7"), (b"\xff", "none"), (b"", "none")] {
        let mut events = app.get("/resume").header("last-event-id", sent).events().await;
        assert_eq!(events.next_event().await.expect("an event").data, seen);
    }
}

/// A fallback responds where no route matches, and a layer wraps it as well.
#[tokio::test(start_paused = true)]
async fn a_fallback_and_routes_share_a_layer() {
    use tower_http::set_header::SetResponseHeaderLayer;
    let inner = axum::Router::new().route("/theirs", axum::routing::get(|| async { "theirs" }));
    let layer = SetResponseHeaderLayer::overriding(
        http::header::HeaderName::from_static("x-layer"),
        HeaderValue::from_static("1"),
    );
    let app = TestApp::new(Router::new().layer(layer).mount(routes![index, post]).fallback_service(inner));
    for (method, path, status) in [
        (Method::GET, "/", 200),
        (Method::GET, "/theirs", 200),
        (Method::GET, "/nowhere", 404),
        (Method::PUT, "/", 405),
        (Method::HEAD, "/", 200),
    ] {
        let response = app.request(method.clone(), path).send().await;
        let seen = (response.status().as_u16(), response.header("x-layer"));
        assert_eq!(seen, (status, Some("1")), "{method} {path}");
    }
}

/// Counts how often the layer is applied.
#[derive(Clone)]
struct Applied(Count);

impl<S> tower_layer::Layer<S> for Applied {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        self.0.add();
        inner
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_applied_once_and_shares_its_state() {
    let applied = Count::default();
    let router = Router::new().mount(routes![index]).layer(Applied(applied.clone()));
    let inside: axum::Router = axum::Router::new().nest_service("/in", router.clone());
    let app = TestApp::new(inside);
    for _ in 0..3 {
        assert_eq!(get(&app, "/in").await.0, 200);
    }
    let app = TestApp::new(router);
    for _ in 0..3 {
        assert_eq!(get(&app, "/").await.0, 200);
    }
    assert_eq!(applied.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_preflight_is_answered_by_a_cors_layer() {
    let layer = tower_http::cors::CorsLayer::permissive();
    let app = TestApp::new(Router::new().mount(routes![resume]).layer(layer));
    let preflight = app.request(Method::OPTIONS, "/resume").header("origin", "http://else.where");
    let preflight = preflight.header("access-control-request-method", "GET");
    let preflight = preflight.header("access-control-request-headers", "last-event-id").send().await;
    assert_eq!((preflight.status().as_u16(), preflight.header("access-control-allow-origin")), (200, Some("*")));

    let events = app.get("/resume").header("origin", "http://else.where").events().await;
    assert_eq!(events.headers()["access-control-allow-origin"], "*");
}

/// A service that returns errors instead of responses, as middleware for limits or timeouts does.
#[derive(Clone)]
struct Fails;

impl<R: Send + 'static> tower_service::Service<R> for Fails {
    type Response = axum_core::response::Response;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        std::future::ready(Err(std::io::Error::other("password=hunter2")))
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_service_is_a_500_without_its_text() {
    let app = TestApp::new(Router::new().fallback_service(Fails));
    assert_eq!(get(&app, "/x").await, (500, "the server failed to answer this request\n".into()));
}

#[tokio::test(start_paused = true)]
async fn a_route_can_be_made_by_hand() {
    let hello = Route::new(Method::GET, "/hello/{name}", |request: axum_core::extract::Request, greeting: &str| {
        let name = Params::from_parts(&request.into_parts().0).get("name").map(ToOwned::to_owned);
        async move { format!("{greeting} {}", name.unwrap_or_default()) }
    });
    assert_eq!(hello.to_string(), "GET /hello/{name} → a handler without a name");
    let app = TestApp::new(Router::new().mount([hello.named("by hand")]).with_state("good day"));
    assert_eq!(get(&app, "/hello/you").await, (200, "good day you".into()));
}

#[test]
fn a_router_lists_its_routes_by_their_full_names() {
    let router: Router = Router::new().nest("/api", routes![index, resume]);
    let routes: Vec<String> = router.routes().map(ToString::to_string).collect();
    assert_eq!(routes, ["GET /api → routing::index", "GET /api/resume → routing::resume"]);
}

#[route(ANY, "/files/{*path}")]
async fn proxy(path: String, method: Method) -> String {
    format!("{method} {path}")
}

#[tokio::test(start_paused = true)]
async fn an_any_route_answers_the_methods_without_a_route() {
    let router = Router::new().mount(routes![proxy, file]);
    let listed: Vec<String> = router.routes().map(ToString::to_string).collect();
    assert_eq!(listed, ["ANY /files/{*path} → routing::proxy", "GET /files/{*path} → routing::file"]);

    let app = TestApp::new(router);
    assert_eq!(get(&app, "/files/a").await, (200, "a".into()));
    assert_eq!(app.delete("/files/a").send().await.text().await, "DELETE a");
    let extension = app.request(Method::from_bytes(b"PURGE").unwrap(), "/files/a").send().await;
    assert_eq!(extension.text().await, "PURGE a");
    assert_eq!(app.request(Method::HEAD, "/files/a").send().await.status(), 200);

    // HEAD without a route for GET.
    let app = TestApp::new(Router::new().mount(routes![proxy]));
    let head = app.request(Method::HEAD, "/files/a").send().await;
    assert_eq!((head.status().as_u16(), head.text().await), (200, String::new()));
}

fn message(mount: impl FnOnce() -> Router + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(mount).expect_err("mounting succeeded");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_conflict_names_both_handlers() {
    #[route(GET, "/rooms/{id}/posts/{post}")]
    async fn other(id: u32, post: u32) -> String {
        format!("{id} {post}")
    }
    #[route(GET, "/")]
    async fn second_index() {}
    assert_eq!(
        message(|| Router::new().mount(routes![index, second_index])),
        "routing::index and routing::second_index both answer GET /: give one of them another path or method"
    );
    assert_eq!(
        message(|| Router::new().mount(routes![proxy]).mount(routes![proxy])),
        "routing::proxy and routing::proxy both answer ANY /files/{*path}: give one of them another path or method"
    );
    assert_eq!(
        message(|| Router::new().mount(routes![post]).mount(routes![other])),
        "the paths of routing::post (/rooms/{room}/posts/{post}) and routing::other (/rooms/{id}/posts/{post}) \
         cannot be told apart: name their captures alike, or change one path"
    );
    assert_eq!(
        message(|| Router::new().nest("api", routes![index])),
        "the prefix \"api\" must begin with `/` and not end with one, as in \"/api\""
    );
}
