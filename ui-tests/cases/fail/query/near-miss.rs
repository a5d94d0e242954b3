use touka::{route, routes};

#[route(GET, "/log?{since}")]
async fn log(sinse: u64) -> String {
    sinse.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
