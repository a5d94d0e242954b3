//! Placeholders of the query take what is there once, maybe, or any number of times.

use std::net::IpAddr;

use touka::extract::{LastEventId, Query};
use touka::{EventStream, Router, route, routes, sse_handler};

type Tags = Vec<String>;

#[route(GET, "/log/{app}?{level}&{since}&{tag}&{type}&{from}")]
async fn log(
    r#type: Option<char>,
    tag: Tags,
    since: std::option::Option<u64>,
    app: String,
    mut level: u8,
    from: IpAddr,
    Query(all): Query<std::collections::BTreeMap<String, String>>,
) -> String {
    level += 1;
    format!("{app} {level} {since:?} {tag:?} {type:?} {from} {}", all.len())
}

/// With both attributes, and nothing but a query.
#[sse_handler]
#[route(GET, "/?{from}")]
async fn countdown(_last: LastEventId, from: u32) -> Result<EventStream, http::StatusCode> {
    emit!(from.to_string());
}

/// The other way round.
#[route(GET, "/up?{to}")]
#[sse_handler]
async fn up(to: u32) {
    emit!(to.to_string());
}

/// Made by a macro: the names are those of the caller.
macro_rules! echo {
    ($function:ident $path:literal $name:ident $type:ty) => {
        #[route(GET, $path)]
        async fn $function($name: $type) -> String {
            format!("{:?}", $name)
        }
    };
}

echo!(one "/one?{word}" word String);
echo!(many "/many?{word}" word Vec<String>);

fn main() {
    let router: Router = Router::new().mount(routes![log, countdown, up, one, many]);
    let paths: Vec<&str> = router.routes().map(|route| route.path()).collect();
    assert_eq!(paths, ["/log/{app}", "/", "/up", "/one", "/many"]);
}
