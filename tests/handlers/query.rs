//! The query of a route: which values its placeholders accept, and the error for any other.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use touka::extract::{LastEventId, ParamError, Query, QueryParams};
use touka::routing::Route;
use touka::testing::TestApp;
use touka::{Router, route, routes, sse_handler};

async fn get(app: &TestApp, target: &str) -> (u16, String) {
    let response = app.get(target).send().await;
    (response.status().as_u16(), response.text().await)
}

/// A user-defined type.
#[derive(Debug)]
enum Order {
    Up,
    Down,
}

#[derive(Debug)]
struct NoOrder;

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write up or down")
    }
}

impl FromStr for Order {
    type Err = NoOrder;

    fn from_str(text: &str) -> Result<Self, NoOrder> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            _ => Err(NoOrder),
        }
    }
}

/// An `Option` behind an alias is recognized.
type Maybe<T> = Option<T>;

#[route(GET, "/log/{app}?{level}&{since}&{tag}&{type}&{order}")]
async fn log(
    tag: Vec<String>,
    headers: HeaderMap,
    order: Maybe<Order>,
    app: String,
    level: u8,
    since: Option<u64>,
    r#type: std::vec::Vec<u8>,
) -> String {
    format!("{app} {level} {since:?} {tag:?} {type:?} {order:?} {}", headers.len())
}

/// Placeholders are required, optional or repeated, in any order among captures and extractors.
#[tokio::test(start_paused = true)]
async fn placeholders_are_required_optional_or_repeated() {
    let app = TestApp::new(Router::new().mount(routes![log]));
    for (target, text) in [
        ("/log/a?level=3", "a 3 None [] [] None 1"),
        ("/log/a?since=7&level=3&order=up&tag=x&tag=y&type=1", "a 3 Some(7) [\"x\", \"y\"] [1] Some(Up) 1"),
        ("/log/b?tag=z&level=255&tag=&type=2&other=1&type=3", "b 255 None [\"z\", \"\"] [2, 3] None 1"),
        ("/log/c?order=down&level=0&", "c 0 None [] [] Some(Down) 1"),
    ] {
        assert_eq!(get(&app, target).await, (200, text.to_owned()), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_and_values_are_decoded_like_form_data() {
    let app = TestApp::new(Router::new().mount(routes![log]));
    for (sent, seen) in [
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("%E2%82%AC", "€"),
        ("a%26level%3D9", "a&level=9"),
        ("a=b", "a=b"),
        ("a?b", "a?b"),
        ("%FF", "\u{fffd}"),
        ("%zz", "%zz"),
    ] {
        let (status, text) = get(&app, &format!("/log/a?level=1&tag={sent}")).await;
        assert_eq!((status, text), (200, format!("a 1 None {:?} [] None 1", [seen])), "{sent}");
    }
    assert_eq!(get(&app, "/log/a?%6Cevel=%31").await.1, "a 1 None [] [] None 1");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_value_is_a_400_with_parameter_and_reason() {
    let app = TestApp::new(Router::new().mount(routes![log]));
    for (target, reason) in [
        ("/log/a", "`level`: it is missing"),
        ("/log/a?", "`level`: it is missing"),
        ("/log/a?Level=1", "`level`: it is missing"),
        ("/log/a?level", "`level`: \"\" is not a valid u8: cannot parse integer from empty string"),
        ("/log/a?level=256", "`level`: \"256\" is not a valid u8: number too large to fit in target type"),
        ("/log/a?level=1&level=1", "`level`: it is given 2 times"),
        ("/log/a?level=1&since=x", "`since`: \"x\" is not a valid u64: invalid digit found in string"),
        ("/log/a?level=1&since=", "`since`: \"\" is not a valid u64: cannot parse integer from empty string"),
        ("/log/a?level=1&since=1&since=2&since=3", "`since`: it is given 3 times"),
        ("/log/a?level=1&type=1&type=x", "`type`: \"x\" is not a valid u8: invalid digit found in string"),
        ("/log/a?level=1&order=side", "`order`: \"side\" is not a valid Order: write up or down"),
        ("/log/a?level=1&order=a%0Ab", "`order`: \"a\\nb\" is not a valid Order: write up or down"),
    ] {
        assert_eq!(get(&app, target).await, (400, format!("query parameter {reason}\n")), "{target}");
    }
}

#[sse_handler]
#[route(GET, "/countdown?{from}&{word}")]
async fn countdown(from: u32, word: Option<String>, _last: LastEventId) {
    for left in (0..=from).rev() {
        emit!(left.to_string());
    }
    emit!(word.unwrap_or_else(|| "lift-off".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_opens_only_with_a_valid_query() {
    let app = TestApp::new(Router::new().nest("/api", routes![countdown]));
    let events = app.get("/api/countdown?from=1&word=now").events().await.rest().await;
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, ["1", "0", "now"]);
    let (status, text) = get(&app, "/api/countdown").await;
    assert_eq!((status, text.as_str()), (400, "query parameter `from`: it is missing\n"));
}

#[derive(serde::Deserialize)]
struct Page {
    #[serde(rename = "page-size")]
    size: u8,
}

/// The body extractor is still the last parameter that is not a placeholder.
#[route(POST, "/notes?{author}")]
async fn note(body: String, author: String) -> String {
    format!("{author}: {body}")
}

#[route(GET, "/pages?{page}")]
async fn pages(page: Option<u32>, Query(of): Query<Page>, all: QueryParams) -> String {
    format!("{page:?} {} {}", of.size, all.all("page-size").count())
}

#[tokio::test(start_paused = true)]
async fn extractors_see_the_same_query() {
    let by_hand = Route::new(http::Method::GET, "/by-hand", |request, ()| async move {
        let (parts, _) = request.into_parts();
        let query = QueryParams::of(&parts);
        let (a, b): (u8, Option<u8>) = (query.parse("a")?, query.parse_optional("b")?);
        Ok::<String, ParamError>(format!("{a} {b:?} {:?}", query.parse_all::<char>("c")?))
    });
    let app = TestApp::new(Router::new().mount(routes![note, pages]).mount([by_hand]));
    assert_eq!(get(&app, "/pages?page=2&page-size=9").await, (200, "Some(2) 9 1".into()));
    assert_eq!(get(&app, "/by-hand?a=1&c=x&c=y").await, (200, "1 None ['x', 'y']".into()));
    assert_eq!(get(&app, "/by-hand").await, (400, "query parameter `a`: it is missing\n".into()));

    let noted = app.post("/notes?author=me").body("body").send().await;
    assert_eq!(noted.status(), 200);
    assert_eq!(noted.text().await, "me: body");
}

#[derive(serde::Deserialize)]
struct Names {
    #[serde(default)]
    tag: Vec<String>,
}

#[route(GET, "/many")]
async fn many(Query(names): Query<Names>) -> String {
    format!("{:?}", names.tag)
}

/// As many names as fit into a head, with the matching ones far apart.
#[tokio::test(start_paused = true)]
async fn values_of_one_name_are_found_among_thousands() {
    let others: Vec<String> = (0..6_000).map(|number| format!("n{number}")).collect();
    let others = others.join("&");
    let app = TestApp::new(Router::new().mount(routes![many]));
    let (status, text) = get(&app, &format!("/many?tag=a&{others}&tag=b&{}&tag=c", &others[..10_000])).await;
    assert_eq!((status, text.as_str()), (200, r#"["a", "b", "c"]"#));
}

#[tokio::test]
async fn a_router_gets_the_path_without_the_query() {
    let router: Router = Router::new().mount(routes![log, countdown]);
    let paths: Vec<&str> = router.routes().map(Route::path).collect();
    assert_eq!(paths, ["/log/{app}", "/countdown"]);
}
