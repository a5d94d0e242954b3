use touka::{route, routes};

#[route(GET, "/{from}{to}")]
async fn room(from: String, to: String) -> String {
    from + &to
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
