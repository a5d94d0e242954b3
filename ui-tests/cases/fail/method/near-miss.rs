use touka::{route, routes};

#[route(PSOT, "/rooms")]
async fn room() -> &'static str {
    "a room"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
