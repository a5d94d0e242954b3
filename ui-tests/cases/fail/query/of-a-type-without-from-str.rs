use touka::{route, routes};

#[route(GET, "/log?{since}")]
async fn log(since: std::time::Duration) -> String {
    format!("{since:?}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
