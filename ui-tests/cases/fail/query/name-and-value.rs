use touka::{route, routes};

#[route(GET, "/log?since={since}")]
async fn log(since: u64) -> String {
    since.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
