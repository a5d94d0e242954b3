use touka::{route, routes};

#[route(GET, "/rooms/{room}")]
async fn enter(room: Option<String>) -> String {
    room.unwrap_or_default()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
