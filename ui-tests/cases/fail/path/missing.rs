use touka::{route, routes};

#[route(GET)]
async fn room() -> &'static str {
    "a room"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
