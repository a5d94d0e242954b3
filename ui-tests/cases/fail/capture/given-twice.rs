use touka::{route, routes};

#[route(GET, "/rooms/{id}/users/{id}")]
async fn user(id: u64) -> String {
    id.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![user]);
}
