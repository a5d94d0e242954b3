use touka::{route, routes};

#[route(GET, "/rooms/{id")]
async fn room(id: u64) -> String {
    id.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
