use touka::{route, routes};

#[route(GET, "/log?{since}")]
async fn log(since: &str) -> String {
    since.to_owned()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
