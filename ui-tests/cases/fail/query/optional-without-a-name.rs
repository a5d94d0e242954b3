use touka::{route, routes};

#[route(GET, "/log")]
async fn log(since: Option<u64>) -> String {
    format!("{since:?}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
