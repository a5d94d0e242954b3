use touka::{route, routes};

#[route(GET, "/rooms/:id")]
async fn room(_id: u64) -> &'static str {
    "a room"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
