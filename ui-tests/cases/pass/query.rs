//! Query parameters that are required, optional or repeated.

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

/// Both attributes, with query parameters only.
#[sse_handler]
#[route(GET, "/?{from}")]
async fn countdown(_last: LastEventId, from: u32) -> Result<EventStream, http::StatusCode> {
    emit!(from.to_string());
}

/// Both attributes in the other order.
#[route(GET, "/up?{to}")]
#[sse_handler]
async fn up(to: u32) {
    emit!(to.to_string());
}

/// A route that a macro generates: the names are the caller's.
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
