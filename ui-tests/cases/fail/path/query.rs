use touka::{route, routes};

#[route(GET, "/rooms?{since}")]
async fn room(since: u64) -> String {
    since.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
