use touka::{route, routes};

#[route(GET, "/files/{*rest}/info")]
async fn room(rest: String) -> String {
    rest
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
