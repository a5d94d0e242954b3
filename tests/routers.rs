//! Routers in routers: `nest`, `merge`, fallbacks and layers, as users of axum know them.

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use support::Count;
use touka::extract::{MatchedPath, OriginalUri, Params, State};
use touka::response::IntoResponse;
use touka::routing::Route;
use touka::testing::TestApp;
use touka::{Router, route, routes, sse_handler};
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

async fn get(app: &TestApp, path: &str) -> (u16, String) {
    let response = app.get(path).send().await;
    (response.status().as_u16(), response.text().await)
}

/// A layer that appends a value to the header `x-layer`.
fn layer(value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::appending(HeaderName::from_static("x-layer"), HeaderValue::from_static(value))
}

/// The layers around a response, innermost first.
async fn layers(app: &TestApp, method: Method, path: &str) -> (u16, String) {
    let response = app.request(method, path).send().await;
    let values = response.headers().get_all("x-layer").iter().map(|value| value.to_str().expect("a text"));
    (response.status().as_u16(), values.collect::<Vec<_>>().join(" "))
}

#[route(GET, "/")]
async fn index() -> &'static str {
    "index"
}

#[route(GET, "/seen/{name}")]
async fn seen(name: String, uri: Uri, OriginalUri(original): OriginalUri, path: MatchedPath) -> String {
    format!("{name} {uri} {original} {path}")
}

#[route(GET, "/state")]
async fn state(State(number): State<u32>) -> String {
    number.to_string()
}

async fn unknown(uri: Uri, State(number): State<u32>) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("{number}: no {uri}"))
}

async fn below(uri: Uri, OriginalUri(original): OriginalUri, params: Params, path: Option<MatchedPath>) -> String {
    format!("{uri} {original} {:?} {path:?}", params.get("id"))
}

#[sse_handler]
async fn as_events(uri: Uri) {
    emit!(uri.path());
}

#[tokio::test(start_paused = true)]
async fn a_nested_router_sees_the_rest_of_the_path() {
    let inner = Router::new().mount(routes![seen, index]);
    let middle = Router::new().nest("/b/{b}", inner);
    let app = TestApp::new(Router::new().nest("/a", middle).nest("/plain", routes![seen]));
    assert_eq!(
        get(&app, "/a/b/7/seen/x?q=1").await,
        (200, "x /seen/x?q=1 /a/b/7/seen/x?q=1 /a/b/{b}/seen/{name}".into())
    );
    assert_eq!(get(&app, "/plain/seen/x").await, (200, "x /seen/x /plain/seen/x /plain/seen/{name}".into()));
    assert_eq!(get(&app, "/a/b/7").await, (200, "index".into()));
    let refused = app.post("/a/b/7/seen/x").send().await;
    assert_eq!((refused.status().as_u16(), refused.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(refused.text().await, "/a/b/7/seen/x does not answer POST, only GET, HEAD\n");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_takes_extractors_state_and_no_matched_path() {
    let app = TestApp::new(Router::new().mount(routes![state]).fallback(unknown).with_state(7));
    assert_eq!(get(&app, "/state").await, (200, "7".into()));
    assert_eq!(get(&app, "/x?y=1").await, (404, "7: no /x?y=1".into()));
    assert_eq!(app.post("/state").send().await.status(), 405);

    let app = TestApp::new(Router::new().fallback(below));
    assert_eq!(get(&app, "/x").await, (200, "/x /x None None".into()));
    let app = TestApp::new(Router::new().fallback(as_events));
    assert_eq!(app.get("/x").events().await.next_event().await.expect("an event").data, "/x");
    let app = TestApp::new(Router::new().fallback(|| async { "first" }).fallback(|body: String| async { body }));
    assert_eq!(app.post("/x").body("second").send().await.text().await, "second");
}

/// As with axum's router, which touka's tests have as the oracle.
#[tokio::test(start_paused = true)]
async fn the_response_to_head_is_that_to_get_without_body() {
    async fn text() -> &'static str {
        "text"
    }
    let ours = Router::new().mount([Route::new(Method::GET, "/text", |_, ()| text())]).fallback(text);
    let theirs = axum::Router::new().route("/text", axum::routing::get(text)).fallback(text);
    let (ours, theirs) = (TestApp::new(ours), TestApp::new(theirs));
    for path in ["/text", "/nowhere"] {
        for app in [&ours, &theirs] {
            let head = app.request(Method::HEAD, path).send().await;
            assert_eq!((head.status().as_u16(), head.header("content-length")), (200, Some("4")), "{path}");
            assert_eq!(head.text().await, "", "{path}");
        }
    }
    let app = TestApp::new(Router::new().mount([Route::new(Method::POST, "/text", |_, ()| text())]));
    for (path, status) in [("/text", 405), ("/nowhere", 404)] {
        let head = app.request(Method::HEAD, path).send().await;
        assert_eq!((head.status().as_u16(), head.text().await.as_str()), (status, ""), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_panics_is_a_500() {
    async fn panics() -> &'static str {
        panic!("in the fallback")
    }
    let app = TestApp::new(Router::new().fallback(panics));
    assert_eq!(get(&app, "/x").await, (500, "the handler of this path failed\n".into()));
}

#[tokio::test(start_paused = true)]
async fn the_fallback_of_the_innermost_router_answers() {
    let users = Router::new().mount(routes![index]).fallback(below);
    let api = Router::new().nest("/users/{id}", users).nest("/plain", routes![index]);
    let outer = Router::new().nest("/api", api).fallback(unknown);
    let app = TestApp::new(outer.with_state(7));
    assert_eq!(get(&app, "/api/users/5/x/y").await, (200, r#"/x/y /api/users/5/x/y Some("5") None"#.into()));
    assert_eq!(get(&app, "/api/users/5/").await, (200, r#"/ /api/users/5/ Some("5") None"#.into()));
    assert_eq!(get(&app, "/api/users/5").await, (200, "index".into()));
    assert_eq!(get(&app, "/api/plain/x").await, (404, "7: no /api/plain/x".into()));
    assert_eq!(get(&app, "/x").await, (404, "7: no /x".into()));
}

#[tokio::test(start_paused = true)]
async fn a_service_can_be_the_fallback_of_a_nested_router() {
    let files = axum::Router::new().route("/logo", axum::routing::get(|uri: Uri| async move { uri.to_string() }));
    let app = TestApp::new(Router::new().nest("/files", Router::new().fallback_service(files)));
    assert_eq!(get(&app, "/files/logo").await, (200, "/logo".into()));
    assert_eq!(get(&app, "/files/none").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_nested_router_can_have_a_state_of_its_own() {
    let inner: Router<u32> = Router::new().mount(routes![state]).fallback(unknown).with_state(1u32);
    let app = TestApp::new(Router::new().mount(routes![state]).nest("/in", inner).with_state(2));
    assert_eq!(get(&app, "/state").await, (200, "2".into()));
    assert_eq!(get(&app, "/in/state").await, (200, "1".into()));
    assert_eq!(get(&app, "/in/x").await, (404, "1: no /x".into()));
}

#[tokio::test(start_paused = true)]
async fn layers_of_a_nested_router_stay_around_it() {
    let inner = Router::new().route_layer(layer("route")).layer(layer("inner")).mount(routes![index, seen]);
    let inner = inner.nest("/deep", Router::new().mount(routes![index]).layer(layer("deep")).fallback(below));
    let app =
        Router::new().nest("/in", inner).mount(routes![index]).route_layer(layer("all-routes")).layer(layer("all"));
    let app = TestApp::new(app);
    for (method, path, expected) in [
        (Method::GET, "/in", (200, "route inner all-routes all")),
        (Method::GET, "/in/seen/x", (200, "route inner all-routes all")),
        (Method::GET, "/in/deep", (200, "deep route inner all-routes all")),
        (Method::GET, "/in/deep/x", (200, "deep inner all")),
        (Method::POST, "/in/deep", (405, "deep inner all")),
        (Method::POST, "/in", (405, "inner all")),
        (Method::GET, "/in/x", (404, "all")),
        (Method::GET, "/", (200, "all-routes all")),
        (Method::POST, "/", (405, "all")),
        (Method::GET, "/x", (404, "all")),
    ] {
        assert_eq!(layers(&app, method.clone(), path).await, (expected.0, expected.1.into()), "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_merged_router_keeps_its_layers_and_brings_its_fallback() {
    let other = Router::new().mount(routes![seen]).layer(layer("other")).route_layer(layer("route")).fallback(below);
    let app = TestApp::new(Router::new().mount(routes![index]).merge(other));
    assert_eq!(layers(&app, Method::GET, "/seen/x").await, (200, "route other".into()));
    assert_eq!(layers(&app, Method::GET, "/").await, (200, String::new()));
    assert_eq!(layers(&app, Method::GET, "/x").await, (200, "other".into()));
    assert_eq!(get(&app, "/seen/x").await.1, "x /seen/x /seen/x /seen/{name}");
    assert_eq!(get(&app, "/").await.1, "index");

    let app = TestApp::new(Router::new().fallback(below).merge(routes![index]));
    assert_eq!(get(&app, "/x").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_preflight_reaches_the_cors_layer_of_a_nested_router() {
    let inner = Router::new().mount(routes![index]).layer(CorsLayer::permissive());
    let app = TestApp::new(Router::new().nest("/in", inner).mount(routes![index]));
    for (path, allowed) in [("/in", Some("*")), ("/", None)] {
        let preflight = app.request(Method::OPTIONS, path).header("origin", "http://else.where");
        let preflight = preflight.header("access-control-request-method", "GET").send().await;
        assert_eq!(preflight.header("access-control-allow-origin"), allowed, "{path}");
    }
}

/// Counts its applications and its requests.
#[derive(Clone)]
struct Counting(Count, Count);

impl<S> tower_layer::Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        self.0.add();
        Counted(inner, self.1.clone())
    }
}

#[derive(Clone)]
struct Counted<S>(S, Count);

impl<R, S: tower_service::Service<R>> tower_service::Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.1.add();
        self.0.call(request)
    }
}

/// A layer with a limit must have one limit for all routes of its router.
#[tokio::test(start_paused = true)]
async fn a_layer_is_applied_once_for_all_routes() {
    let (applied, called) = (Count::default(), Count::default());
    let (routed, found) = (Count::default(), Count::default());
    let inner = Router::new().mount(routes![index, seen]).layer(Counting(applied.clone(), called.clone()));
    let inner = inner.route_layer(Counting(routed.clone(), found.clone()));
    let app = TestApp::new(Router::new().nest("/in", inner));
    for path in ["/in", "/in/seen/x", "/in", "/in/nothing"] {
        get(&app, path).await;
    }
    app.post("/in").send().await;
    assert_eq!((applied.get(), called.get()), (1, 4));
    assert_eq!((routed.get(), found.get()), (1, 3));
}

fn message(build: impl FnOnce() -> Router + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(build).expect_err("it was built");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).expect("a text")
}

#[test]
fn routers_that_conflict_are_named() {
    let with_fallback = || Router::new().fallback(|| async { StatusCode::IM_A_TEAPOT.into_response() });
    assert_eq!(
        message(move || with_fallback().merge(with_fallback())),
        "both routers have a fallback: remove one of them, or nest one router under a prefix"
    );
    assert_eq!(
        message(move || Router::new().nest("/in", with_fallback()).nest("/in", with_fallback())),
        "two routers nested under \"/in\" have a fallback: remove one of them"
    );
    assert_eq!(
        message(|| Router::new().mount(routes![index]).merge(routes![index])),
        "routers::index and routers::index both answer GET /: give one of them another path or method"
    );
    assert_eq!(
        message(move || Router::new().nest("/in", with_fallback().nest("/{id}", with_fallback()))),
        "the routers nested under \"/in/{id}\" and \"/in\" have fallbacks for the same paths: remove one of them"
    );
    assert_eq!(
        message(|| Router::new().nest("/files/{*path}", routes![index])),
        "the prefix \"/files/{*path}\" must not have a capture of several segments: give it to the routes"
    );
    assert_eq!(
        message(|| Router::new().nest("/of/{name}", routes![seen])),
        "the path \"/of/{name}/seen/{name}\" of routers::seen has the capture `name` twice: give one of them another name"
    );
    assert_eq!(
        message(move || Router::new().nest("/{id}", Router::new().nest("/{id}", with_fallback()))),
        "the prefix \"/{id}/{id}\" has the capture `id` twice: give one of them another name"
    );
    for path in ["", "in"] {
        let route = move || Route::new(Method::GET, path, |_, ()| async {}).named("by hand");
        let expected = format!("the path {path:?} of by hand is not valid: it must begin with `/`");
        assert_eq!(message(move || Router::new().mount([route()])), expected);
        assert_eq!(message(move || Router::new().nest("/in", [route()])), expected);
    }
    for prefix in ["", "/", "in", "/in/"] {
        assert!(message(move || Router::new().nest(prefix, routes![index])).starts_with("the prefix \""), "{prefix}");
    }
}
