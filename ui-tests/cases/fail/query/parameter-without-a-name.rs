use touka::{route, routes};

#[route(GET, "/log?{since}")]
async fn log(since: u64, level: u8) -> String {
    format!("{since} {level}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
