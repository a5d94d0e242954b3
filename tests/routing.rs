//! From a path and a method to the handler, its captures and its state; and what stands around.

use axum_core::extract::FromRef;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use support::{Client, Head, Running};
use touka::extract::{LastEventId, Params, State};
use touka::routing::Route;
use touka::{Router, route, routes, sse_handler};

async fn ask(server: &Running, request: &str) -> (Head, String) {
    let mut client = Client::connect(server.address).await;
    client.send(format!("{request} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    client.response().await
}

async fn get(server: &Running, path: &str) -> (u16, String) {
    let (head, text) = ask(server, &format!("GET {path}")).await;
    (head.status(), text)
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

#[tokio::test]
async fn captures_are_decoded_and_parsed_in_any_order_beside_extractors() {
    let server = Running::serve(Router::new().mount(routes![index, post, file, upload])).await;
    assert_eq!(get(&server, "/").await, (200, "index".into()));
    assert_eq!(get(&server, "/rooms/a%20b%2Fc/posts/7").await, (200, "a b/c 7 GET 1".into()));
    assert_eq!(get(&server, "/rooms/%E2%82%AC/posts/7?x=1").await, (200, "€ 7 GET 1".into()));
    assert_eq!(get(&server, "/files/a/b.txt").await, (200, "a/b.txt".into()));

    let mut client = Client::connect(server.address).await;
    client.send("POST /files/x HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody").await;
    let (head, text) = client.response().await;
    assert_eq!((head.status(), text.as_str()), (201, "x body"));
}

#[tokio::test]
async fn what_no_route_has_is_named() {
    let server = Running::serve(Router::new().mount(routes![index, post, file, upload])).await;
    assert_eq!(get(&server, "/nowhere").await, (404, "no route at /nowhere\n".into()));
    assert_eq!(get(&server, "/rooms/1").await, (404, "no route at /rooms/1\n".into()));
    assert_eq!(
        get(&server, "/rooms/a/posts/x").await,
        (400, "path parameter `post`: \"x\" is not a valid u32: invalid digit found in string\n".into())
    );
    assert_eq!(get(&server, "/rooms/%FF/posts/1").await, (400, "path parameter `room`: it is not UTF-8\n".into()));
    let long = get(&server, &format!("/{}", "x".repeat(5000))).await;
    assert!(long.0 == 404 && long.1.len() < 300, "{long:?}");

    let (head, text) = ask(&server, "DELETE /files/x").await;
    assert_eq!((head.status(), head.header("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(text, "/files/x does not answer DELETE, only GET, HEAD, POST\n");
    assert_eq!(head.header("content-type"), Some("text/plain; charset=utf-8"));
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

#[tokio::test]
async fn state_and_its_parts_reach_handlers_under_a_prefix() {
    let app = App { name: "app", limit: 9 };
    let router = Router::new().nest("/api", routes![state, index]).mount(routes![state]).with_state(app);
    let server = Running::serve(router).await;
    assert_eq!(get(&server, "/api/state").await, (200, "app 9".into()));
    assert_eq!(get(&server, "/state").await, (200, "app 9".into()));
    assert_eq!(get(&server, "/api").await, (200, "index".into()));
    assert_eq!(get(&server, "/api/").await.0, 404, "one spelling, one resource");
}

#[tokio::test]
async fn a_router_with_state_takes_routes_of_another() {
    let app = App { name: "first", limit: 1 };
    let router: Router<App> = Router::new().mount(routes![state]).with_state(app);
    let router = router.nest("/other", routes![state]).with_state(App { name: "second", limit: 2 });
    let server = Running::serve(router).await;
    assert_eq!(get(&server, "/state").await, (200, "first 1".into()));
    assert_eq!(get(&server, "/other/state").await, (200, "second 2".into()));
}

#[tokio::test]
async fn the_last_event_id_arrives_as_utf8_and_hostile_ones_are_none() {
    let server = Running::serve(Router::new().mount(routes![resume])).await;
    for (sent, seen) in [(&b"41"[..], "41"), ("…7".as_bytes(), "…7"), (b"\xff", "none"), (b"", "none")] {
        let mut client = Client::connect(server.address).await;
        client.send([&b"GET /resume HTTP/1.1\r\nhost: test\r\nlast-event-id: "[..], sent, b"\r\n\r\n"].concat()).await;
        client.head().await;
        assert_eq!(client.data().await, seen);
    }
}

#[tokio::test]
async fn a_fallback_answers_what_no_route_has_and_a_layer_wraps_it_all() {
    use tower_http::set_header::SetResponseHeaderLayer;
    let inner = axum::Router::new().route("/theirs", axum::routing::get(|| async { "theirs" }));
    let layer = SetResponseHeaderLayer::overriding(
        http::header::HeaderName::from_static("x-layer"),
        HeaderValue::from_static("1"),
    );
    let server = Running::serve(Router::new().layer(layer).mount(routes![index, post]).fallback(inner)).await;
    for (request, status) in
        [("GET /", 200), ("GET /theirs", 200), ("GET /nowhere", 404), ("PUT /", 405), ("HEAD /", 200)]
    {
        let mut client = Client::connect(server.address).await;
        client.send(format!("{request} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.header("x-layer")), (status, Some("1")), "{request}");
    }
}

/// Counts how often it is applied.
#[derive(Clone)]
struct Applied(support::Count);

impl<S> tower_layer::Layer<S> for Applied {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        self.0.add();
        inner
    }
}

#[tokio::test]
async fn a_layer_is_applied_once_and_its_state_is_everybodys() {
    let applied = support::Count::default();
    let router = Router::new().mount(routes![index]).layer(Applied(applied.clone()));
    let inside: axum::Router = axum::Router::new().nest_service("/in", router.clone());
    let server = Running::serve(inside).await;
    for _ in 0..3 {
        assert_eq!(get(&server, "/in").await.0, 200);
    }
    let server = Running::serve(router).await;
    for _ in 0..3 {
        assert_eq!(get(&server, "/").await.0, 200);
    }
    assert_eq!(applied.get(), 1);
}

#[tokio::test]
async fn a_preflight_is_answered_by_a_cors_layer() {
    let layer = tower_http::cors::CorsLayer::permissive();
    let server = Running::serve(Router::new().mount(routes![resume]).layer(layer)).await;
    let mut client = Client::connect(server.address).await;
    client
        .send(
            "OPTIONS /resume HTTP/1.1\r\nhost: test\r\norigin: http://else.where\r\n\
             access-control-request-method: GET\r\naccess-control-request-headers: last-event-id\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert_eq!((head.status(), head.header("access-control-allow-origin")), (200, Some("*")));

    let mut client = Client::connect(server.address).await;
    client.send("GET /resume HTTP/1.1\r\nhost: test\r\norigin: http://else.where\r\n\r\n").await;
    assert_eq!(client.head().await.header("access-control-allow-origin"), Some("*"));
}

/// Gives errors and not responses, as middleware that limits or times out does.
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

#[tokio::test]
async fn a_services_error_is_a_500_without_its_text() {
    let server = Running::serve(Router::new().fallback(Fails)).await;
    assert_eq!(get(&server, "/x").await, (500, "the server failed to answer this request\n".into()));
}

#[tokio::test]
async fn a_route_can_be_made_by_hand() {
    let hello = Route::new(Method::GET, "/hello/{name}", |request: axum_core::extract::Request, greeting: &str| {
        let name = Params::of(&request.into_parts().0).get("name").map(ToOwned::to_owned);
        async move { format!("{greeting} {}", name.unwrap_or_default()) }
    });
    assert_eq!(hello.to_string(), "GET /hello/{name} → a handler without a name");
    let server = Running::serve(Router::new().mount([hello.named("by hand")]).with_state("good day")).await;
    assert_eq!(get(&server, "/hello/you").await, (200, "good day you".into()));
}

#[test]
fn a_router_lists_its_routes_by_their_full_names() {
    let router: Router = Router::new().nest("/api", routes![index, resume]);
    let routes: Vec<String> = router.routes().map(ToString::to_string).collect();
    assert_eq!(routes, ["GET /api → routing::index", "GET /api/resume → routing::resume"]);
}

fn message(mount: impl FnOnce() -> Router + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(mount).expect_err("it was mounted");
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
        message(|| Router::new().mount(routes![post]).mount(routes![other])),
        "the paths of routing::post (/rooms/{room}/posts/{post}) and routing::other (/rooms/{id}/posts/{post}) \
         cannot be told apart: name their captures alike, or change one path"
    );
    assert_eq!(
        message(|| Router::new().nest("api", routes![index])),
        "the prefix \"api\" must begin with `/` and not end with one, as in \"/api\""
    );
}
