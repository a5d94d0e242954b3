use touka::{route, routes};

const PATH: &str = "/rooms";

#[route(GET, PATH)]
async fn room() -> &'static str {
    "a room"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
