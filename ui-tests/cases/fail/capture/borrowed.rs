use touka::{route, routes};

#[route(GET, "/rooms/{room}")]
async fn enter(room: &str) -> String {
    room.to_owned()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
