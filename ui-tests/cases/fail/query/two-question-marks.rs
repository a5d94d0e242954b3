use touka::{route, routes};

#[route(GET, "/log?{since}?{tag}")]
async fn log(since: u64, tag: String) -> String {
    format!("{since} {tag}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
